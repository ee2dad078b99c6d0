// The mounts of a namespace, as the kernel lists them. proc(5).

/// A line of /proc/PID/mountinfo.
package struct MountInfoEntry: Equatable, Sendable {
    package var id: UInt64
    package var parent: UInt64
    /// `MAJOR:MINOR` of the filesystem.
    package var device: String
    /// The mounted directory inside the filesystem.
    package var root: String
    package var path: String
    /// The options of the mount itself, joined by commas.
    package var options: String
    package var type: String
    /// The peer group of a shared mount.
    package var group: String?
    /// The options of the filesystem, joined by commas; on cgroup v1 they name the controllers.
    package var superOptions: String

    package init?(_ line: Substring) {
        let fields = line.split(at: " ")
        guard fields.count > 6, let dash = fields.firstIndex(of: "-"), dash >= 6, dash + 1 < fields.count,
            let id = UInt64(fields[0]), let parent = UInt64(fields[1])
        else { return nil }
        (self.id, self.parent) = (id, parent)
        device = String(fields[2])
        root = unescaped(String(fields[3]))
        path = unescaped(String(fields[4]))
        options = String(fields[5])
        group = fields[6..<dash].first { $0.hasPrefix("shared:") }.map(String.init)
        type = String(fields[dash + 1])
        superOptions = dash + 3 < fields.count ? String(fields[dash + 3]) : ""
    }
}

/// The mounts that a process sees; without a path, those of the calling process.
package func listMounts(
    _ path: String = "/proc/self/mountinfo", at directory: Int32 = OwnedDescriptor.currentDirectory
) throws(Errno) -> [MountInfoEntry] {
    try readText(path, at: directory).split(at: "\n").compactMap { MountInfoEntry($0) }
}

/// A path of mountinfo, in which blanks, line ends, `\\` and `#` are octal escapes.
private func unescaped(_ field: String) -> String {
    guard field.utf8.contains(UInt8(ascii: "\\")) else { return field }
    var bytes: [UInt8] = []
    var rest = Array(field.utf8)[...]
    while let byte = rest.popFirst() {
        // Three digits can exceed a byte (777); the kernel escapes only ASCII characters.
        if byte == UInt8(ascii: "\\"), rest.count >= 3, let value = octal(rest.prefix(3)), value < 0x80 {
            bytes.append(value)
            rest.removeFirst(3)
        } else {
            bytes.append(byte)
        }
    }
    return String(decoding: bytes, as: UTF8.self)
}

private func octal(_ digits: ArraySlice<UInt8>) -> UInt8? {
    guard digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "7")).contains($0) }) else { return nil }
    return UInt8(exactly: digits.reduce(0) { $0 * 8 + Int($1 - UInt8(ascii: "0")) })
}
