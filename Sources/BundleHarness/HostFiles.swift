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
    try writeAll(text, to: fd, "write \(path)")
    try check(fchmod(fd, mode), "change the mode of \(path)")
}

/// Writes a whole text.
/// - Throws: `CaseError`, which begins with `what`.
package func writeAll(_ text: String, to fd: Int32, _ what: String) throws(CaseError) {
    let bytes = Array(text.utf8)
    var offset = 0
    while offset < bytes.count {
        let count = bytes[offset...].withUnsafeBytes { write(fd, $0.baseAddress, $0.count) }
        if count >= 0 {
            offset += count
        } else if errno == EAGAIN {
            // Another program has made the reader's end not wait.
            var entry = pollfd(fd: fd, events: Int16(POLLOUT), revents: 0)
            _ = poll(&entry, 1, -1)
        } else if errno != EINTR {
            throw CaseError("\(what): \(word())")
        }
    }
}

/// The text of a file that a person wrote.
/// - Throws: `CaseError`, also for one that never ends, and for one that is not text.
func readDocument(_ path: String) throws(CaseError) -> String {
    let limit = 16 << 20
    // A fifo without a writer is opened without waiting.
    let fd = clinux_openat(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | CLINUX_O_CLOEXEC, 0)
    try check(fd, path)
    defer { close(fd) }
    var facts = stat()
    try check(fstat(fd, &facts), path)
    guard facts.st_mode & S_IFMT == S_IFREG else { throw CaseError("\(path): not a regular file") }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while true {
        let count = read(fd, &buffer, buffer.count)
        if count < 0 { throw CaseError("\(path): \(word())") }
        if count == 0 { break }
        bytes += buffer[..<count]
        if bytes.count > limit { throw CaseError("\(path): larger than 16 MiB") }
    }
    guard let text = String(validating: bytes, as: UTF8.self) else { throw CaseError("\(path): not UTF-8") }
    return text
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
    (entries(of: Array(path.utf8CString)) ?? []).map(text).sorted()
}

/// The sorted names in a directory.
/// - Throws: `CaseError` if it cannot be read, or if a name is not UTF-8 and so cannot be told.
func names(in path: String) throws(CaseError) -> [String] {
    guard let all = entries(of: Array(path.utf8CString)) else { throw CaseError("\(path): \(word())") }
    var names: [String] = []
    for name in all {
        guard let valid = String(validating: bytes(name), as: UTF8.self) else {
            throw CaseError("\(path)/\(text(name)): the name is not UTF-8")
        }
        names.append(valid)
    }
    return names.sorted()
}

private func bytes(_ name: [CChar]) -> [UInt8] { name.dropLast().map { UInt8(bitPattern: $0) } }

private func text(_ name: [CChar]) -> String { String(decoding: bytes(name), as: UTF8.self) }

/// The names in a directory as C strings, because a container may choose any bytes; nil if it cannot be read.
private func entries(of path: [CChar]) -> [[CChar]]? {
    guard let directory = opendir(path) else { return nil }
    defer { closedir(directory) }
    var names: [[CChar]] = []
    while let entry = readdir(directory) {
        let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
            bytes.prefix { $0 != 0 }.map { CChar(bitPattern: $0) } + [0]
        }
        if name != [46, 0] && name != [46, 46, 0] { names.append(name) }  // . and ..
    }
    return names
}

/// Removes a file or a directory with its content; does not enter another filesystem.
func removeTree(_ path: String) throws(CaseError) {
    var top = stat()
    if lstat(path, &top) != 0 { return }
    try remove(Array(path.utf8CString), device: top.st_dev)
}

private func remove(_ path: [CChar], device: dev_t) throws(CaseError) {
    var facts = stat()
    if lstat(path, &facts) != 0 { return }
    guard facts.st_mode & S_IFMT == S_IFDIR else {
        try check(unlink(path), "remove \(text(path))")
        return
    }
    // Only directories are compared: on an overlay a file has the device of its layer.
    guard facts.st_dev == device else { throw CaseError("remove \(text(path)): something is still mounted there") }
    let prefix = Array(path.dropLast()) + [47]  // a slash
    for name in entries(of: path) ?? [] { try remove(prefix + name, device: device) }
    try check(rmdir(path), "remove \(text(path))")
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
