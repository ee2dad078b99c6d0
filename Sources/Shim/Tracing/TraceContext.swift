// The place of a call in a distributed trace: W3C Trace Context, Level 1.

internal import TTRPC

/// A trace that is to be continued: what a client's `traceparent` and `tracestate` say.
package struct TraceContext: Equatable, Sendable {
    /// 32 hexadecimal digits.
    package let traceID: String
    /// The span that the next ones belong below: 16 hexadecimal digits.
    package let parentID: String
    /// Two hexadecimal digits.
    package let flags: String
    /// The additions of vendors; passed on unchanged.
    package let state: String?

    private static let longestState = 512

    package init(traceID: String, parentID: String, flags: String, state: String?) {
        self.traceID = traceID
        self.parentID = parentID
        self.flags = flags
        self.state = state
    }

    /// Reads the metadata of a call. Something malformed counts as no trace: it comes from outside and goes into the
    /// environment of programs.
    init?(_ metadata: [Request.Metadata]) {
        func values(_ name: String) -> [String] { metadata.filter { $0.key.lowercased() == name }.map(\.value) }
        let parents = values("traceparent")
        guard let parent = parents.first, parents.count == 1 else { return nil }
        let parts = Array(parent.utf8).split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
            .map(Array.init)
        guard parts.count >= 4, let version = Self.digits(parts[0], 2), version != "ff",
            version != "00" || parts.count == 4,
            let traceID = Self.digits(parts[1], 32), traceID.utf8.contains(where: { $0 != UInt8(ascii: "0") }),
            let parentID = Self.digits(parts[2], 16), parentID.utf8.contains(where: { $0 != UInt8(ascii: "0") }),
            let flags = Self.digits(parts[3], 2)
        else { return nil }
        let state = values("tracestate").filter { !$0.isEmpty }.joined(separator: ",")
        let isUsable =
            !state.isEmpty && state.utf8.count <= Self.longestState
            && state.utf8.allSatisfy { (0x20...0x7e).contains($0) }
        self.init(traceID: traceID, parentID: parentID, flags: flags, state: isUsable ? state : nil)
    }

    private static func digits(_ bytes: [UInt8], _ count: Int) -> String? {
        let isDigit = { (byte: UInt8) in (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte) }
        guard bytes.count == count, bytes.allSatisfy(isDigit) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Whether the client keeps this trace.
    package var isSampled: Bool { (UInt8(flags, radix: 16) ?? 0) & 1 == 1 }

    /// The variables that OpenTelemetry gives this: `NAME=value` each.
    package var variables: [String] {
        // A newer version's fields are not known here, so that the version is ours.
        ["TRACEPARENT=00-\(traceID)-\(parentID)-\(flags)"] + (state.map { ["TRACESTATE=\($0)"] } ?? [])
    }
}
