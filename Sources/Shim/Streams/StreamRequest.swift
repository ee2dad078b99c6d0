// The caller's request for a process's standard streams.

internal import Kernel
internal import OCISpec

/// The streams of one process, as a request names them.
package struct StreamRequest: Equatable, Sendable {
    package var input: String
    package var output: String
    package var error: String
    package var isTerminal: Bool

    package init(input: String, output: String, error: String, isTerminal: Bool) {
        self.input = input
        self.output = output
        self.error = error
        self.isTerminal = isTerminal
    }

    /// The destinations of output and errors; the output's address decides for both.
    package var destination: StreamDestination {
        get throws(ShimFailure) { try StreamDestination(output) }
    }
}

/// The destination of output.
package enum StreamDestination: Equatable, Sendable {
    /// FIFOs, or files, by plain paths.
    case paths
    /// One file that both streams are appended to.
    case file(String)
    /// A program that is given both streams.
    case logger(executable: String, arguments: [String], mustReport: Bool)

    /// Reads an address: a path, or `fifo://`, `file://`, `binary://` and `binary-v2://` with one.
    package init(_ address: String) throws(ShimFailure) {
        guard let (scheme, rest) = Self.split(address) else {
            self = .paths
            return
        }
        let parts = rest.split(at: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let path = Self.decode(parts.first ?? "")
        try Self.refuseZero(in: Self.decode(rest), "stdout", address)
        switch scheme {
        case "fifo":
            self = .paths
        case "file":
            guard path.isAbsolutePath else { throw ShimFailure("stdout \(address): the path must be absolute") }
            self = .file(path)
        case "binary", "binary-v2":
            guard path.isAbsolutePath else { throw ShimFailure("stdout \(address): the path must be absolute") }
            let query = parts.count > 1 ? parts[1] : ""
            self = .logger(
                executable: path, arguments: Self.arguments(query), mustReport: scheme == "binary-v2")
        default:
            throw ShimFailure("stdout \(address): unknown scheme \(scheme)")
        }
    }

    /// The path that the address of a stream names, of a FIFO or something in its place.
    package static func path(of address: String, _ stream: String) throws(ShimFailure) -> String {
        let path = split(address).map { decode($0.rest) } ?? address
        try refuseZero(in: path, stream, address)
        return path
    }

    /// For the kernel a path, and an argument, ends at a zero byte: it would be another one.
    private static func refuseZero(in text: String, _ stream: String, _ address: String) throws(ShimFailure) {
        if text.utf8.contains(0) { throw ShimFailure("\(stream) \(address.quoted): it holds a zero byte") }
    }

    private static func split(_ address: String) -> (scheme: Substring, rest: Substring)? {
        let bytes = address.utf8
        guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")), bytes[colon...].starts(with: "://".utf8) else {
            return nil
        }
        return (address[..<colon], Substring(bytes[colon...].dropFirst(3)))
    }

    /// The query's keys, each with its first value, as arguments; a value that is empty or missing is an empty one, so
    /// that a logger can count on pairs.
    private static func arguments(_ query: Substring) -> [String] {
        var known: Set<[UInt8]> = []
        return query.split(at: "&").flatMap { pair -> [String] in
            let parts = pair.split(at: "=", maxSplits: 1, omittingEmptySubsequences: false).map(decodeQuery)
            let key = parts.first ?? ""
            return known.insert(Array(key.utf8)).inserted ? [key, parts.count > 1 ? parts[1] : ""] : []
        }
    }

    private static func decodeQuery(_ text: Substring) -> String {
        decode(text.split(at: "+", omittingEmptySubsequences: false).joined(separator: " ")[...])
    }

    /// Undoes percent encoding; what is not well-formed stays as it is.
    private static func decode(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Substring(text).utf8
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2, let value = UInt8(String(rest.prefix(2)) ?? "", radix: 16) {
                bytes.append(value)
                rest.removeFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return RawText.text(bytes)
    }
}
