// Creates and reads files on the host; every error contains the path.

internal import CLinux
internal import Glibc

extension String {
    var trimmingSlashes: String {
        var text = Substring(self)
        while text.first == "/" { text = text.dropFirst() }
        while text.last == "/" { text = text.dropLast() }
        return String(text)
    }

    var directoryPart: String {
        guard let slash = lastIndex(of: "/") else { return "." }
        return slash == startIndex ? "/" : String(self[..<slash])
    }

    var lastPart: String {
        guard let slash = lastIndex(of: "/") else { return self }
        return String(self[index(after: slash)...])
    }
}

func word(_ code: Int32 = errno) -> String {
    strerror(code).map { String(cString: $0).lowercased() } ?? "error \(code)"
}

func check(_ result: Int32, _ what: @autoclosure () -> String) throws(CaseError) {
    if result == -1 {
        let code = errno
        throw CaseError("\(what()): \(word(code))")
    }
}

func makeDirectories(_ path: String) throws(CaseError) {
    if mkdir(path, 0o755) == 0 || errno == EEXIST { return }
    guard errno == ENOENT, path.directoryPart != path else {
        throw CaseError("make the directory \(path): \(word())")
    }
    try makeDirectories(path.directoryPart)
    try check(mkdir(path, 0o755), "make the directory \(path)")
}

func writeNew(_ path: String, _ text: String, mode: mode_t) throws(CaseError) {
    let fd = clinux_openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC | CLINUX_O_CLOEXEC, mode)
    try check(fd, "write \(path)")
    defer { close(fd) }
    let bytes = Array(text.utf8)
    var offset = 0
    while offset < bytes.count {
        let count = bytes[offset...].withUnsafeBytes { write(fd, $0.baseAddress, $0.count) }
        if count < 0 { throw CaseError("write \(path): \(word())") }
        offset += count
    }
    try check(fchmod(fd, mode), "change the mode of \(path)")
}

/// The text of a file; nil if it cannot be read.
func readText(_ path: String) -> String? {
    let fd = clinux_openat(AT_FDCWD, path, O_RDONLY | CLINUX_O_CLOEXEC, 0)
    guard fd >= 0 else { return nil }
    defer { close(fd) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while true {
        let count = read(fd, &buffer, buffer.count)
        if count < 0 { return nil }
        if count == 0 { return String(decoding: bytes, as: UTF8.self) }
        bytes += buffer[..<count]
    }
}

func copyFile(_ source: String, _ target: String, mode: mode_t) throws(CaseError) {
    let from = clinux_openat(AT_FDCWD, source, O_RDONLY | CLINUX_O_CLOEXEC, 0)
    try check(from, "open \(source)")
    defer { close(from) }
    let to = clinux_openat(AT_FDCWD, target, O_WRONLY | O_CREAT | O_TRUNC | CLINUX_O_CLOEXEC, mode)
    try check(to, "write \(target)")
    defer { close(to) }
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    while true {
        let count = read(from, &buffer, buffer.count)
        if count == 0 { break }
        if count < 0 || write(to, buffer, count) != count { throw CaseError("copy \(source) to \(target): \(word())") }
    }
    try check(fchmod(to, mode), "change the mode of \(target)")
}

func linkOrCopy(_ source: String, _ target: String) throws(CaseError) {
    if link(source, target) != 0 { try copyFile(source, target, mode: 0o755) }
}

func isDirectory(_ path: String) -> Bool {
    var facts = stat()
    return stat(path, &facts) == 0 && facts.st_mode & S_IFMT == S_IFDIR
}

func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

/// The sorted names in a directory; empty if it cannot be read.
func listDirectory(_ path: String) -> [String] {
    guard let directory = opendir(path) else { return [] }
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

/// Removes a file or a directory with its content; does not enter another filesystem.
func removeTree(_ path: String) throws(CaseError) {
    var top = stat()
    if lstat(path, &top) != 0 { return }
    try remove(path, device: top.st_dev)
}

private func remove(_ path: String, device: dev_t) throws(CaseError) {
    var facts = stat()
    if lstat(path, &facts) != 0 { return }
    guard facts.st_mode & S_IFMT == S_IFDIR else {
        try check(unlink(path), "remove \(path)")
        return
    }
    // Only directories are compared: on an overlay a file has the device of its layer.
    guard facts.st_dev == device else { throw CaseError("remove \(path): something is still mounted there") }
    for name in listDirectory(path) { try remove(path + "/" + name, device: device) }
    try check(rmdir(path), "remove \(path)")
}

/// The path of a command, found as a shell does.
package func findCommand(_ name: String) -> String? {
    let path = getenv("PATH").map { String(cString: $0) } ?? ""
    return findCommand(name, paths: path + ":/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin")
}

/// The path of a command in one of the directories of a list with colons.
func findCommand(_ name: String, paths: String) -> String? {
    if name.contains("/") { return access(name, X_OK) == 0 ? name : nil }
    return paths.split(separator: ":").map { $0 + "/" + name }.first { access($0, X_OK) == 0 }
}
