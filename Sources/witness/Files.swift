// Reads small files, links and directories by system calls only.

internal import CLinux
internal import Glibc

let currentDirectory = AT_FDCWD
let closeOnExec: Int32 = CLINUX_O_CLOEXEC
let nonBlocking: Int32 = CLINUX_O_NONBLOCK
let noControllingTerminal: Int32 = CLINUX_O_NOCTTY

/// The symbol of an error: `ENOENT`.
func errorName(_ code: Int32) -> String {
    guard let name = clinux_errno_name(code) else { return "error \(code)" }
    return String(cString: name)
}

/// The first bytes of a file; nil if it cannot be opened or read; errno has the reason.
func readText(_ path: String, limit: Int = 1 << 20) -> String? {
    let fd = clinux_openat(currentDirectory, path, O_RDONLY | closeOnExec | nonBlocking | noControllingTerminal, 0)
    guard fd >= 0 else { return nil }
    defer { close(fd) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 16 << 10)
    while bytes.count < limit {
        let got = read(fd, &buffer, min(buffer.count, limit - bytes.count))
        if got < 0 { return nil }
        if got == 0 { break }
        bytes += buffer[..<got]
    }
    return String(decoding: bytes, as: UTF8.self)
}

/// The target of a symbolic link, or nil; errno has the reason.
func readLink(_ path: String) -> String? {
    var buffer = [CChar](repeating: 0, count: 4096)
    let length = readlink(path, &buffer, buffer.count)
    guard length >= 0 else { return nil }
    return String(decoding: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// The sorted names in a directory; nil if it cannot be read.
func listDirectory(_ path: String) -> [String]? {
    guard let directory = opendir(path) else { return nil }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
            pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
}

extension String {
    var trimmed: String {
        var text = Substring(self)
        while let last = text.last, last.isWhitespace { text.removeLast() }
        while let first = text.first, first.isWhitespace { text.removeFirst() }
        return String(text)
    }

    var lines: [Substring] { split(separator: "\n") }

    /// Four octal digits: `0755`.
    static func octal(_ mode: some BinaryInteger) -> String {
        let digits = String(Int(mode), radix: 8)
        return String(repeating: "0", count: Swift.max(0, 4 - digits.count)) + digits
    }
}
