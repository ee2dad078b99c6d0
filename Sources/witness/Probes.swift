// Probes with an argument: a path, a sysctl, a device to open, a system call to try.

internal import CCompatCall
internal import CLinux
internal import Glibc

/// The facts about a path: whether it exists, its attributes, and the accesses that succeed.
func probe(path: String) -> JSON {
    guard var facts = fileFacts(path) else {
        return .object([("exists", .bool(false)), ("error", .string(errorName(errno)))])
    }
    facts.insert(("exists", .bool(true)), at: 0)
    var followed = stat()
    guard stat(path, &followed) == 0 else {
        return .object(facts + [("dangling", .bool(true)), ("error", .string(errorName(errno)))])
    }
    switch followed.st_mode & S_IFMT {
    case S_IFREG:
        facts += access(path, as: "readable", O_RDONLY) + access(path, as: "writable", O_WRONLY)
        let executable = clinux_faccessat2(currentDirectory, path, 1, 0x200) == 0  // X_OK, AT_EACCESS
        facts.append(("executable", .bool(executable)))
        if let content = readText(path, limit: 4096) { facts.append(("content", .string(content.trimmed))) }
    case S_IFDIR:
        facts += access(path, as: "readable", O_RDONLY)
        facts += writability(directory: path)
        if let entries = listDirectory(path) { facts.append(("entries", .strings(entries.prefix(512)))) }
    default: break
    }
    return .object(facts)
}

private func access(_ path: String, as key: String, _ mode: Int32) -> [(String, JSON)] {
    let fd = clinux_openat(currentDirectory, path, mode | closeOnExec | nonBlocking | noControllingTerminal, 0)
    if fd >= 0 {
        close(fd)
        return [(key, .bool(true))]
    }
    return [(key, .bool(false)), (key + "Error", .string(errorName(errno)))]
}

/// Creates a file and removes it, because access(2) is not reliable for root.
private func writability(directory: String) -> [(String, JSON)] {
    let path = directory + "/.witness-\(getpid())"
    let fd = clinux_openat(currentDirectory, path, O_WRONLY | O_CREAT | O_EXCL | closeOnExec, 0o600)
    guard fd >= 0 else { return [("writable", .bool(false)), ("writableError", .string(errorName(errno)))] }
    close(fd)
    unlink(path)
    return [("writable", .bool(true))]
}

/// The value of a sysctl by its dotted name; a name with slashes is used unchanged.
func probe(sysctl name: String) -> JSON {
    let file = name.contains("/") ? name : String(name.map { $0 == "." ? "/" : $0 })
    guard let value = readText("/proc/sys/" + file) else { return .object([("error", .string(errorName(errno)))]) }
    return .string(value.split(whereSeparator: \.isWhitespace).joined(separator: " "))
}

/// `ok`, or the error of opening a file for `r`, `w` or `rw`.
func probe(opening path: String, for mode: String) -> JSON {
    let flags = mode == "r" ? O_RDONLY : mode == "w" ? O_WRONLY : O_RDWR
    let fd = clinux_openat(currentDirectory, path, flags | closeOnExec | nonBlocking | noControllingTerminal, 0)
    guard fd >= 0 else { return .string(errorName(errno)) }
    close(fd)
    return .string("ok")
}

/// The error of a system call, or `ok`. Missing arguments are -1, which most calls refuse without effect.
///
/// The request is `NAME` or a number, then `:ARGUMENT` up to six times.
func probe(systemCall request: String) -> JSON {
    let parts = request.split(separator: ":").map(String.init)
    guard let name = parts.first, let number = Int(name) ?? systemCallNumber(name) else {
        return .string("unknown system call")
    }
    var arguments = [UInt](repeating: .max, count: 6)
    for (index, argument) in parts.dropFirst().prefix(6).enumerated() {
        arguments[index] = UInt(argument) ?? Int(argument).map { UInt(bitPattern: $0) } ?? .max
    }
    let result = clinux_system_call(number, arguments)
    return .string(result == -1 ? errorName(errno) : "ok")
}

/// The error of a system call that a program of 32 bits makes, by its number; `ok`, or the number of the signal that ended it.
func probe(compatCall number: String) -> JSON {
    guard let number = UInt8(number) else { return .string("a number below 256") }
    let result = compat_call(number)
    return .string(result == 0 ? "ok" : result < 0 ? "signal \(-result)" : errorName(result))
}
