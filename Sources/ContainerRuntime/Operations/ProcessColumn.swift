// Finds the pid in a line of ps: any process of the host may imitate a line in its own arguments.

/// The column PID of ps's output.
package struct ProcessColumn {
    /// Its place among the columns.
    private let index: Int
    /// The column's end in every line, in bytes: ps aligns numbers at the right.
    private let end: Int
    private let followsText: Bool

    // Columns of one word each, which is the kernel's and not the process's. ps(1), "STANDARD FORMAT SPECIFIERS".
    private static let words = [
        "%CPU", "%MEM", "ADDR", "C", "CLS", "EGID", "EUID", "F", "GID", "LWP", "NI", "NLWP", "PGID", "PID", "PPID",
        "PRI",
        "PSR", "RGID", "RSS", "RTPRIO", "RUID", "S", "SESS", "SGI_P", "SID", "STAT", "STIME", "SUID", "SZ", "TGID",
        "TID",
        "TIME", "TPGID", "TTY", "UID", "USER", "VSZ",
    ]

    /// - Returns: nil without such a column.
    package init?(header: String) {
        let bytes = Array(header.utf8)
        let names = bytes.split(separator: UInt8(ascii: " "))
        guard let index = names.firstIndex(where: { $0.elementsEqual("PID".utf8) }) else { return nil }
        self.index = index
        end = names[index].endIndex
        followsText = names[..<index].contains { !Self.words.contains(String(decoding: $0, as: UTF8.self)) }
    }

    /// The pid of a line; nil if it is ambiguous.
    package func pid(of line: String) -> Int32? {
        let bytes = Array(line.utf8)
        if !followsText {
            let fields = bytes.split(separator: UInt8(ascii: " "), maxSplits: index + 1)
            return index < fields.count ? Int32(String(decoding: fields[index], as: UTF8.self)) : nil
        }
        // A text is cut where its column ends. Only of ASCII is it certain that each byte takes one place.
        guard bytes.count >= end, bytes.count == end || bytes[end] == UInt8(ascii: " "),
            bytes[..<end].allSatisfy({ (0x20..<0x7f).contains($0) }),
            let field = bytes[..<end].split(separator: UInt8(ascii: " ")).last, field.endIndex == end
        else { return nil }
        return Int32(String(decoding: field, as: UTF8.self))
    }
}
