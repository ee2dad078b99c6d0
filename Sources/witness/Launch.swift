// `launch ATTRIBUTE[=VALUE]... -- PROGRAM ARGUMENT...`: executes a program after setting attributes that are
// inherited, as a caller of a runtime may have done.

import CLinux
import Glibc

/// The effect of each attribute on the calling process; the function returns a nonzero value on failure.
private let attributes: [String: @Sendable (String) -> Int] = [
    "ignore": { ignoreSignals($0) },
    "block": { blockSignals($0) },
    "pend": { number in
        let blocked = blockSignals(number)
        return blocked != 0 ? blocked : Int(raise(Int32(number) ?? 0))
    },
    "umask": { text in
        umask(mode_t(text, radix: 8) ?? 0)
        return 0
    },
    "limit": { limit($0) },
    "nice": { text in
        errno = 0
        return nice(Int32(text) ?? 0) == -1 && errno != 0 ? -1 : 0
    },
    "policy": { schedule($0) },
    "affinity": { text in
        let mask = [UInt64](repeating: 0, count: 15)
        return Int(clinux_sched_setaffinity(0, 128, [UInt64(1) << (UInt64(text) ?? 0)] + mask))
    },
    "personality": { Int(clinux_personality(UInt($0) ?? 0)) },
    "alarm": { text in
        alarm(UInt32(text) ?? 0)
        return 0
    },
    "close": { Int(close(Int32($0) ?? -1)) },
    "groups": { text in
        let group = gid_t(text) ?? 0
        return Int(clinux_setgroups(1, [group]))
    },
    "gone": { directory in
        guard mkdir(directory, 0o700) == 0, chdir(directory) == 0 else { return -1 }
        return Int(rmdir(directory))
    },
    "lease": { path in
        let (setLease, forWriting): (Int32, Int32) = (1024, 1)  // F_SETLEASE, F_WRLCK
        return Int(fcntl(open(path, O_RDWR), setLease, forWriting))
    },
    "root": { chroot($0) == 0 && chdir("/") == 0 ? 0 : -1 },
    "refuse": { refuse($0) },
    "environment": { _ in
        clearenv()
        return 0
    },
    "ambient": { text in
        var (effective, permitted, inheritable): (UInt64, UInt64, UInt64) = (0, 0, 0)
        let number = UInt64(text) ?? 0
        _ = clinux_capget(&effective, &permitted, &inheritable)
        guard clinux_capset(effective, permitted, inheritable | 1 << number) == 0 else { return -1 }
        return Int(clinux_prctl(47, 2, UInt(number), 0, 0))  // PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE
    },
    // The options of prctl(2) that take one number.
    "death-signal": { control(1, $0) },
    "dumpable": { control(4, $0) },
    "securebits": { control(28, $0) },
    "timer-slack": { control(29, $0) },
    "lacks": { answerNotImplemented($0) },
    "subreaper": { control(36, $0) },
    "no-new-privileges": { control(38, $0) },
    "thp-disable": { control(41, $0) },
    "io-flusher": { control(57, $0) },
    "deny-write-execute": { control(65, $0) },
]

/// Sets the attributes in their order and executes the program; prints a value only on failure.
func launch(_ arguments: [String]) -> (JSON?, Int32) {
    let usage = "launch ATTRIBUTE[=VALUE]... -- PROGRAM [ARGUMENT...]; there are "
    guard let end = arguments.firstIndex(of: "--"), end + 1 < arguments.count else {
        return (.object([("usage", .string(usage + attributes.keys.sorted().joined(separator: ", ")))]), 64)
    }
    for word in arguments[..<end] {
        let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
        guard let attribute = attributes[parts[0]] else {
            return (.object([("usage", .string("no attribute \(word)"))]), 64)
        }
        if attribute(parts.count > 1 ? parts[1] : "1") == -1 {
            return (.object([("attribute", .string(word)), ("error", .string(errorName(errno)))]), 65)
        }
    }
    let program = Array(arguments[(end + 1)...])
    var vector: [UnsafeMutablePointer<CChar>?] = program.map { strdup($0) }
    vector.append(nil)
    execvp(program[0], vector)
    return (.object([("execute", .string(errorName(errno)))]), 66)
}

private func control(_ option: Int32, _ text: String) -> Int {
    Int(clinux_prctl(option, UInt(text) ?? 0, 0, 0, 0))
}

/// Numbers separated by commas, or `all` that can be ignored.
private func signals(_ text: String) -> [Int] {
    text == "all"
        ? (1...64).filter { $0 != SIGKILL && $0 != SIGSTOP } : text.split(separator: ",").compactMap { Int($0) }
}

/// A kernel without the calls of these numbers, separated by commas: a filter answers them with ENOSYS.
private func answerNotImplemented(_ text: String) -> Int {
    func step(_ code: UInt16, _ value: UInt32, ifNot skip: UInt8 = 0) -> clinux_sock_filter {
        clinux_sock_filter(code: code, jt: 0, jf: skip, k: value)
    }
    let (load, jumpIfEqual, end): (UInt16, UInt16, UInt16) = (0x20, 0x15, 0x06)
    let (allow, fail): (UInt32, UInt32) = (0x7fff_0000, 0x0005_0000)  // SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO
    let numbers = text.split(separator: ",").compactMap { UInt32($0) }
    let refusals = numbers.flatMap { [step(jumpIfEqual, $0, ifNot: 1), step(end, fail | UInt32(ENOSYS))] }
    let program = [step(load, 0)] + refusals + [step(end, allow)]
    return Int(clinux_seccomp_filter(0, program, UInt16(program.count)))
}

private func ignoreSignals(_ text: String) -> Int {
    #if arch(x86_64)
    let setAction = 13
    #elseif arch(arm64)
    let setAction = 134
    #endif
    // The first word of the kernel's structure is SIG_IGN. The C library refuses signals 32 and 33.
    let action: [UInt] = [1, 0, 0, 0]
    return action.withUnsafeBytes { bytes in
        let address = UInt(bitPattern: bytes.baseAddress)
        return signals(text).contains { systemCall(setAction, [UInt($0), address, 0, 8]) != 0 } ? -1 : 0
    }
}

private func blockSignals(_ text: String) -> Int {
    let mask = signals(text).reduce(UInt64(0)) { $0 | 1 << UInt64($1 - 1) }
    return Int(clinux_sigprocmask(SIG_BLOCK, mask, nil))
}

/// `CALL:ERRNO`: a seccomp filter answers a call, by its number, with an error; `CALL:kill`: it kills the process that
/// makes it. seccomp(2), bpf(4).
private func refuse(_ text: String) -> Int {
    let parts = text.split(separator: ":").map(String.init)
    let (fail, kill): (UInt32, UInt32) = (0x0005_0000, 0x8000_0000)  // SECCOMP_RET_ERRNO, SECCOMP_RET_KILL_PROCESS
    guard parts.count == 2, let call = UInt32(parts[0]),
        let answer = parts[1] == "kill" ? kill : UInt32(parts[1]).map({ fail | $0 })
    else { return -1 }
    let filter = [
        clinux_sock_filter(code: 0x20, jt: 0, jf: 0, k: 0),  // load seccomp_data.nr
        clinux_sock_filter(code: 0x15, jt: 0, jf: 1, k: call),  // skip the next if it is another
        clinux_sock_filter(code: 0x06, jt: 0, jf: 0, k: answer),
        clinux_sock_filter(code: 0x06, jt: 0, jf: 0, k: 0x7fff_0000),  // SECCOMP_RET_ALLOW
    ]
    return Int(clinux_seccomp_filter(0, filter, UInt16(filter.count)))
}

/// `RESOURCE:SOFT[:HARD]` with the number of the resource; the hard limit defaults to the soft one.
private func limit(_ text: String) -> Int {
    let parts = text.split(separator: ":").map(String.init)
    guard parts.count > 1, let resource = Int32(parts[0]), let soft = UInt64(parts[1]) else { return -1 }
    return Int(clinux_prlimit(0, resource, soft, parts.count > 2 ? UInt64(parts[2]) ?? soft : soft))
}

/// The number of a policy; `+reset` sets SCHED_RESET_ON_FORK.
private func schedule(_ text: String) -> Int {
    let resetOnFork: UInt32 = 0x4000_0000  // SCHED_RESET_ON_FORK
    let parts = text.split(separator: "+").map(String.init)
    let policy = (UInt32(parts[0]) ?? 0) | (parts.count > 1 ? resetOnFork : 0)
    var parameters = sched_param()
    parameters.sched_priority = parts[0] == "1" || parts[0] == "2" ? 1 : 0
    return Int(sched_setscheduler(0, Int32(bitPattern: policy), &parameters))
}
