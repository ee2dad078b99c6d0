// The file in which an engine finds the pid.

internal import Glibc
internal import Kernel
internal import SystemPackage

/// Writes a pid, in decimal and without a newline, so that a reader never sees a part of it.
func writePidFile(_ path: String, _ pid: Int32) throws(Failure) {
    let slash = path.lastIndex(of: "/")
    let directory = slash.map { String(path[...$0]) } ?? ""
    let name = slash.map { String(path[path.index(after: $0)...]) } ?? path
    let temporary = directory + "." + name
    do throws(Errno) {
        let file = try OwnedDescriptor.open(temporary, .writeOnly | .create | .exclusive, mode: 0o644)
        try writeAll(String(pid).utf8, to: file.rawValue)
        try checked { rename(temporary, path) }
    } catch {
        if error != .fileExists { unlink(temporary) }
        throw Failure("write pid file \(path)", error)
    }
}
