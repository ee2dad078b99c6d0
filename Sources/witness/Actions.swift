// Actions that show a limit or a refusal by exceeding it.

internal import CLinux
internal import Glibc

/// The actions by the first argument; the value is printed, and the number is the exit status.
let actions: [String: @Sendable ([String]) -> (JSON?, Int32)] = [
    "hog-memory": hogMemory, "fork-bomb": forkBomb, "spin": spin, "open": open, "syscall": systemCalls,
    "mknod": makeNode, "mount": mountFileSystem, "write": writeFile, "exit": exitWith, "sleep": sleepFor,
    "burn-file": fillFile, "send": send, "exchange": exchange, "spy": spy,
    "hostile": hostile,
    "launch": launch,
]

/// `hog-memory BYTES`: allocates and writes memory; the kernel may kill the process first.
private func hogMemory(_ arguments: [String]) -> (JSON?, Int32) {
    guard let wanted = number(arguments.first) else { return usage("hog-memory BYTES") }
    let step = 1 << 20
    var had = 0
    while had < wanted {
        // Not malloc: the compiler knows its semantics and would remove memory that is never read.
        let block = mmap(nil, step, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let block, block != MAP_FAILED else {
            return (.object([("allocated", .int(had)), ("error", .string(errorName(errno)))]), 1)
        }
        for offset in stride(from: 0, to: step, by: 4096) {
            block.storeBytes(of: 1, toByteOffset: offset, as: UInt8.self)
        }
        had += step
    }
    return (.object([("allocated", .int(had))]), 0)
}

/// `fork-bomb N`: starts up to N children that wait, counts them, and ends them.
private func forkBomb(_ arguments: [String]) -> (JSON?, Int32) {
    guard let wanted = number(arguments.first) else { return usage("fork-bomb N") }
    var children: [pid_t] = []
    var failure: JSON = .null
    for _ in 0..<wanted {
        var request = clinux_clone(flags: 0, pidfd: nil, exit_signal: SIGCHLD, cgroup_fd: 0)
        let child = clinux_clone3(&request)
        if child == 0 { while true { pause() } }
        if child < 0 {
            failure = .string(errorName(errno))
            break
        }
        children.append(child)
    }
    for child in children { kill(child, SIGKILL) }
    for child in children { waitpid(child, nil, 0) }
    return (.object([("forked", .int(children.count)), ("error", failure)]), 0)
}

/// `spin SECONDS`: keeps a CPU busy, and prints how much CPU time it got.
private func spin(_ arguments: [String]) -> (JSON?, Int32) {
    guard let seconds = arguments.first.flatMap({ Double($0) }) else { return usage("spin SECONDS") }
    func milliseconds(_ clock: Int32) -> Int {
        var time = timespec()
        clock_gettime(clock, &time)
        return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
    }
    let start = milliseconds(CLOCK_MONOTONIC)
    let used = milliseconds(CLOCK_PROCESS_CPUTIME_ID)
    while Double(milliseconds(CLOCK_MONOTONIC) - start) < seconds * 1000 {}
    let wall = milliseconds(CLOCK_MONOTONIC) - start
    let cpu = milliseconds(CLOCK_PROCESS_CPUTIME_ID) - used
    return (.object([("wall", .int(wall)), ("cpu", .int(cpu)), ("percent", .int(wall > 0 ? cpu * 100 / wall : 0))]), 0)
}

/// `open PATH [r|w|rw]`: opens a file and closes it again.
private func open(_ arguments: [String]) -> (JSON?, Int32) {
    guard let path = arguments.first else { return usage("open PATH [r|w|rw]") }
    let mode = arguments.count > 1 ? arguments[1] : "rw"
    return (.object([("opens", .object([(path, probe(opening: path, for: mode))]))]), 0)
}

/// `syscall NAME[:ARGUMENT...]...`: tries system calls.
private func systemCalls(_ arguments: [String]) -> (JSON?, Int32) {
    (.object([("syscalls", .object(arguments.map { ($0, probe(systemCall: $0)) }))]), 0)
}

/// `mknod PATH c|b|p MAJOR MINOR`: creates a device node.
private func makeNode(_ arguments: [String]) -> (JSON?, Int32) {
    guard arguments.count == 4, let major = UInt32(arguments[2]), let minor = UInt32(arguments[3]) else {
        return usage("mknod PATH c|b|p MAJOR MINOR")
    }
    let kind = arguments[1] == "c" ? S_IFCHR : arguments[1] == "b" ? S_IFBLK : S_IFIFO
    let result = mknod(arguments[0], kind | 0o600, dev_t(clinux_makedev(major, minor)))
    return (.object([("mknod", .string(result == 0 ? "ok" : errorName(errno)))]), 0)
}

/// `mount SOURCE TARGET TYPE FLAGS [DATA]`: mounts a filesystem.
private func mountFileSystem(_ arguments: [String]) -> (JSON?, Int32) {
    guard arguments.count >= 4, let flags = UInt(arguments[3]) else {
        return usage("mount SOURCE TARGET TYPE FLAGS [DATA]")
    }
    let data = arguments.count > 4 ? arguments[4] : ""
    let result = data.withCString { clinux_mount(arguments[0], arguments[1], arguments[2], flags, $0) }
    return (.object([("mount", .string(result == 0 ? "ok" : errorName(errno)))]), 0)
}

/// `write PATH TEXT`: writes to an existing file, in one call.
private func writeFile(_ arguments: [String]) -> (JSON?, Int32) {
    guard arguments.count == 2 else { return usage("write PATH TEXT") }
    let fd = clinux_openat(currentDirectory, arguments[0], O_WRONLY | closeOnExec, 0)
    guard fd >= 0 else { return (.object([("write", .string(errorName(errno)))]), 0) }
    defer { close(fd) }
    let bytes = Array(arguments[1].utf8)
    let written = Glibc.write(fd, bytes, bytes.count)
    return (.object([("write", .string(written == bytes.count ? "ok" : errorName(errno)))]), 0)
}

/// `burn-file PATH BYTES`: writes zeros up to that size, or until the kernel refuses.
private func fillFile(_ arguments: [String]) -> (JSON?, Int32) {
    guard arguments.count == 2, let wanted = number(arguments[1]) else { return usage("burn-file PATH BYTES") }
    let fd = clinux_openat(currentDirectory, arguments[0], O_WRONLY | O_CREAT | O_TRUNC | closeOnExec, 0o644)
    guard fd >= 0 else { return (.object([("written", .int(0)), ("error", .string(errorName(errno)))]), 0) }
    defer { close(fd) }
    let block = [UInt8](repeating: 0, count: 64 << 10)
    var written = 0
    while written < wanted {
        let count = Glibc.write(fd, block, min(block.count, wanted - written))
        if count < 0 { return (.object([("written", .int(written)), ("error", .string(errorName(errno)))]), 0) }
        written += count
    }
    return (.object([("written", .int(written)), ("error", .null)]), 0)
}

/// `send SOCKET TEXT`: sends a datagram to a Unix socket, like a service that reports readiness.
private func send(_ arguments: [String]) -> (JSON?, Int32) {
    guard arguments.count == 2 else { return usage("send SOCKET TEXT") }
    let fd = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | closeOnExec, 0)
    defer { close(fd) }
    let bytes = Array(arguments[1].utf8)
    let isSent =
        clinux_connect_unix(fd, arguments[0], arguments[0].utf8.count) == 0
        && Glibc.write(fd, bytes, bytes.count) == bytes.count
    return (.object([("send", .string(isSent ? "ok" : errorName(errno)))]), 0)
}

/// `exit STATUS`: exits with that status.
private func exitWith(_ arguments: [String]) -> (JSON?, Int32) { (nil, Int32(number(arguments.first) ?? 0)) }

/// `sleep SECONDS`: waits.
private func sleepFor(_ arguments: [String]) -> (JSON?, Int32) {
    sleep(UInt32(number(arguments.first) ?? 1))
    return (nil, 0)
}

private func number(_ text: String?) -> Int? { text.flatMap { Int($0) } }

private func usage(_ text: String) -> (JSON?, Int32) { (.object([("usage", .string("witness " + text))]), 64) }

/// `exchange PATH PATH`: swaps two names as fast as possible, until it is killed: a file that another process has
/// checked is soon replaced.
private func exchange(_ arguments: [String]) -> (JSON?, Int32) {
    guard arguments.count == 2 else { return usage("exchange PATH PATH") }
    let atOnce: UInt32 = 2  // RENAME_EXCHANGE
    while true { _ = clinux_renameat2(currentDirectory, arguments[0], currentDirectory, arguments[1], atOnce) }
}

/// `spy SECONDS MARKER`: searches every new process for a way to a file of the host, with the rights of the
/// container's root. Prints the number of processes that it saw and the ways that it found.
private func spy(_ arguments: [String]) -> (JSON?, Int32) {
    guard arguments.count == 2, let seconds = Int(arguments[0]) else { return usage("spy SECONDS MARKER") }
    let climb = String(repeating: "../", count: 20) + arguments[1]
    let end = time(nil) + seconds
    var seen: Set<String> = []
    var got: Set<String> = []
    while time(nil) < end {
        for pid in listDirectory("/proc") ?? [] where pid.allSatisfy(\.isNumber) && pid != "1" {
            seen.insert(pid)
            let doors = ["root", "cwd"] + (listDirectory("/proc/\(pid)/fd") ?? []).map { "fd/" + $0 }
            for door in doors where access("/proc/\(pid)/\(door)/\(climb)", F_OK) == 0 { got.insert(door) }
            let binary = Glibc.open("/proc/\(pid)/exe", O_WRONLY | O_CLOEXEC)
            if binary >= 0 {
                got.insert("exe")
                close(binary)
            }
        }
    }
    return (.object([("seen", .int(seen.count)), ("got", .strings(got.sorted()))]), 0)
}
