// Questions asked by argument: a path, a sysctl, a device to open, a system call to try.

internal import CLinux
internal import Glibc

/// What there is to know of a path: `exists`, facts, and what can be done with it, tried for real.
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

/// A file is made and removed again, because access(2) does not tell the whole truth to root.
private func writability(directory: String) -> [(String, JSON)] {
    let path = directory + "/.witness-\(getpid())"
    let fd = clinux_openat(currentDirectory, path, O_WRONLY | O_CREAT | O_EXCL | closeOnExec, 0o600)
    guard fd >= 0 else { return [("writable", .bool(false)), ("writableError", .string(errorName(errno)))] }
    close(fd)
    unlink(path)
    return [("writable", .bool(true))]
}

/// The value of a sysctl by its dotted name; a name with slashes is taken as it is.
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

/// The error of a system call, or `ok`; the arguments that are not given are -1, which most calls refuse harmlessly.
///
/// The request is `NAME` or a number, then `:ARGUMENT` up to six times.
func probe(systemCall request: String) -> JSON {
    let parts = request.split(separator: ":").map(String.init)
    guard let name = parts.first, let number = systemCallNumbers[name] ?? Int(name) else {
        return .string("unknown system call")
    }
    var arguments = [UInt](repeating: .max, count: 6)
    for (index, argument) in parts.dropFirst().prefix(6).enumerated() {
        arguments[index] = UInt(argument) ?? Int(argument).map { UInt(bitPattern: $0) } ?? .max
    }
    let result = clinux_system_call(number, arguments)
    return .string(result == -1 ? errorName(errno) : "ok")
}

#if arch(x86_64)
private let systemCallNumbers: [String: Int] = [
    "read": 0, "write": 1, "open": 2, "close": 3, "mprotect": 10, "munmap": 11, "ioctl": 16, "access": 21, "dup": 32,
    "getpid": 39, "socket": 41, "clone": 56, "kill": 62, "uname": 63, "getcwd": 79, "chdir": 80, "rename": 82,
    "mkdir": 83, "rmdir": 84, "link": 86, "unlink": 87, "symlink": 88, "chmod": 90, "chown": 92, "umask": 95,
    "getuid": 102, "syslog": 103, "getppid": 110, "setpgid": 109, "personality": 135, "getpriority": 140,
    "sched_yield": 24, "sync": 162, "chroot": 161, "acct": 163, "settimeofday": 164, "mount": 165, "umount2": 166,
    "swapon": 167, "reboot": 169, "sethostname": 170, "setdomainname": 171, "init_module": 175, "gettid": 186,
    "pivot_root": 155, "ptrace": 101, "keyctl": 250, "add_key": 248, "mkdirat": 258, "mknod": 133, "mknodat": 259,
    "unshare": 272, "utimensat": 280, "timerfd_create": 283, "setns": 308, "getcpu": 309, "finit_module": 313,
    "getrandom": 318, "memfd_create": 319, "bpf": 321, "userfaultfd": 323, "statx": 332, "clone3": 435,
    "openat2": 437, "faccessat2": 439, "mount_setattr": 442, "landlock_create_ruleset": 444, "getdents64": 217,
]
#elseif arch(arm64)
private let systemCallNumbers: [String: Int] = [
    "read": 63, "write": 64, "close": 57, "mprotect": 226, "munmap": 215, "ioctl": 29, "dup": 23, "getpid": 172,
    "socket": 198, "clone": 220, "kill": 129, "uname": 160, "getcwd": 17, "chdir": 49, "umask": 166, "getuid": 174,
    "syslog": 116, "getppid": 173, "setpgid": 154, "personality": 92, "getpriority": 141, "sched_yield": 124,
    "sync": 81, "chroot": 51, "acct": 89, "settimeofday": 170, "mount": 40, "umount2": 39, "swapon": 224,
    "reboot": 142, "sethostname": 161, "setdomainname": 162, "init_module": 105, "gettid": 178, "pivot_root": 41,
    "ptrace": 117, "keyctl": 219, "add_key": 217, "mkdirat": 34, "mknodat": 33, "unshare": 97, "utimensat": 88,
    "timerfd_create": 85, "setns": 268, "getcpu": 168, "finit_module": 273, "getrandom": 278, "memfd_create": 279,
    "bpf": 280, "userfaultfd": 282, "statx": 291, "clone3": 435, "openat2": 437, "faccessat2": 439,
    "mount_setattr": 442, "landlock_create_ruleset": 444, "getdents64": 61,
]
#endif
