// The file in which an engine reads the pid.

internal import CLinux
internal import Glibc
internal import Kernel

/// Writes a pid, in decimal and without a newline, atomically for a reader.
///
/// Replaces a file of the name, or a link to one, and never writes through it. Writes into anything else, such as a
/// FIFO.
func writePidFile(_ path: String, _ pid: Int32) throws(Failure) {
    let text = String(pid)
    if CallersFile.ownDescriptor(path) != nil { return try write(text, into: path) }
    let directory = path.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(path[...$0]) } ?? ""
    let temporary = directory + "." + String(Substring(path.utf8.dropFirst(directory.utf8.count)))
    let what = "write pid file \(path)"
    try during(what) { () throws(Errno) in
        let file = try openTemporary(temporary)
        do throws(Errno) { try writeAll(text.utf8, to: file.rawValue) } catch {
            clinux_unlink(temporary)
            throw error
        }
    }
    let here = OwnedDescriptor.currentDirectory
    let onlyIfNew: UInt32 = 1  // RENAME_NOREPLACE
    if clinux_renameat2(here, temporary, here, path, onlyIfNew) == 0 { return }
    if CallersFile.isNoFile(path) {
        clinux_unlink(temporary)
        return try write(text, into: path)
    }
    try during(what) { () throws(Errno) in
        do throws(Errno) { try checked { clinux_renameat2(here, temporary, here, path, 0) } } catch {
            clinux_unlink(temporary)
            throw error
        }
    }
}

/// Removes a pid file that this command has written, unless another file has replaced it. Anything but a regular file
/// stays.
func removePidFile(_ path: String, _ pid: Int32) {
    guard CallersFile.ownDescriptor(path) == nil else { return }
    do throws(Errno) {
        let file = try OwnedDescriptor.open(path, .readOnly | .noFollow | .nonBlocking | .noControllingTerminal)
        guard try fileStatus(file.rawValue).isRegular,
            try readAll(file.rawValue, limit: 64) == Array(String(pid).utf8)
        else { return }
        try checked { clinux_unlink(path) }
    } catch {
        // The file is gone, or another command's.
    }
}

private func write(_ text: String, into path: String) throws(Failure) {
    let file = try CallersFile.openToAppend(path, flag: "--pid-file")
    try during("write pid file \(path)") { () throws(Errno) in try writeAll(text.utf8, to: file.rawValue) }
}

// A killed command may have left a temporary file of this name.
private func openTemporary(_ path: String) throws(Errno) -> OwnedDescriptor {
    let flags: OpenFlags = .writeOnly | .create | .exclusive
    do throws(Errno) { return try OwnedDescriptor.open(path, flags, mode: 0o644) } catch {
        guard error == .fileExists else { throw error }
    }
    try checked { clinux_unlink(path) }
    return try OwnedDescriptor.open(path, flags, mode: 0o644)
}
