// The seccomp filter of the runtime's caller: that of an engine's container in which the runtime runs, or of a service.

internal import CLinux
internal import CSeccomp
internal import Glibc
internal import Kernel

extension Failure {
    /// The same failure with the calls that the caller's seccomp filter refuses; as it is if there is no filter.
    /// - Parameter isUnlikely: whether the failure seldom has to do with a filter, which is then named only with a call.
    func namingRefusedCalls(isUnlikely: Bool = false) -> Failure {
        guard isFiltered() else { return self }
        let calls = callsRefusedByCaller()
        if calls.isEmpty {
            return isUnlikely ? self : appending("a seccomp profile around the runtime may refuse a call that it needs")
        }
        let most = 8
        let others = calls.count > most ? " and \(calls.count - most) others" : ""
        return appending(
            "a seccomp profile around the runtime may be the reason: it refuses"
                + " \(calls.prefix(most).joined(separator: ", "))\(others)")
    }

    /// The same failure, if a call was refused with a word of filters.
    func namingRefusedCalls(after code: Errno) -> Failure {
        code == .notPermitted || code == .noFunction ? namingRefusedCalls() : self
    }

    /// The same failure, if a child has ended in a way that a filter explains: killed by it, or without a word because it
    /// could send none.
    func namingRefusedCalls(after end: TerminationStatus) -> Failure {
        switch end {
        case .signalled(SIGSYS): isFiltered() ? namingRefusedCalls() : appending("a seccomp filter has killed it")
        case .exited: namingRefusedCalls(isUnlikely: true)
        case .signalled: self
        }
    }
}

/// The calls of create, start, run and exec that can fail and have no substitute. Those of the second list the kernel
/// itself refuses to a process without rights.
private let neededCalls = [
    "sendmsg", "recvmsg", "openat2", "open_tree", "fsconfig", "mount_setattr", "mount", "umount2", "setns", "unshare",
    "clone", "pidfd_open", "pidfd_send_signal", "statx", "newfstatat", "fstatfs", "statfs", "openat", "read", "fcntl",
    "readlinkat", "getdents64", "mkdirat", "mknodat", "symlinkat", "unlinkat", "renameat2", "flock", "dup3", "ioctl",
    "close", "socket", "socketpair", "bind", "listen", "accept4", "connect", "setsockopt", "poll", "signalfd4", "wait4",
    "waitid", "prctl", "capget", "capset", "setresuid", "setresgid", "seccomp", "getcwd", "chdir", "fchdir", "getpid",
    "memfd_create", "rt_sigaction", "rt_sigprocmask", "prlimit64",
]
private let privilegedCalls = ["move_mount", "fsopen", "fsmount", "pivot_root", "sethostname", "setgroups"]

/// The calls that the filter of the runtime's caller refuses, or for which it kills.
///
/// Each is made with arguments that the kernel refuses with other words than a filter: every one is -1. Children make
/// them, because a filter may kill for any of them.
private func callsRefusedByCaller() -> [String] {
    let names = neededCalls + (hasRights() ? privilegedCalls : [])
    // A call that this machine does not have gets a negative number.
    let calls = names.map { (name: $0, number: Int(seccomp_syscall_resolve_name($0))) }.filter { $0.number >= 0 }
    var refused: [String] = []
    var next = 0
    while next < calls.count {
        guard let answers = errors(of: calls[next...].map({ $0.number })) else { return refused }
        for (index, error) in answers.enumerated() where [EPERM, ENOSYS].contains(Int32(error)) {
            refused.append(calls[next + index].name)
        }
        next += answers.count
        // The child has not survived the next one.
        if next < calls.count {
            refused.append(calls[next].name)
            next += 1
        }
    }
    return refused
}

/// Whether the kernel itself refuses none of the privileged calls.
private func hasRights() -> Bool {
    let rights: UInt64 = 1 << 21 | 1 << 6  // CAP_SYS_ADMIN, CAP_SETGID
    do throws(Errno) {
        let sets = try capabilitySets()
        return isInInitialUserNamespace() && sets.effective.rawValue & rights == rights
    } catch {
        return false
    }
}

/// The errors of calls, up to the one for which the kernel kills the process that makes it; nil if a child cannot try.
private func errors(of calls: [Int]) -> [UInt8]? {
    do throws(Errno) {
        var ends: [Int32] = [-1, -1]
        try checked { clinux_pipe2(&ends, CLINUX_O_CLOEXEC) }
        let here = OwnedDescriptor(adopting: ends[0])
        let there = OwnedDescriptor(adopting: ends[1])
        guard let child = try cloneProcess(namespaces: []) else { tryCalls(calls, answeringTo: there.rawValue) }
        let hasEnded = try waitUntilReadable(child.pidfd.rawValue, milliseconds: 5000)
        if !hasEnded { try signalProcess(child.pidfd, SIGKILL) }
        var end: TerminationStatus?
        do throws(Errno) { end = try waitForEnd(of: child.pid) } catch {
            // The filter may refuse to wait.
        }
        guard hasEnded, end == nil || end == .exited(0) || end == .signalled(SIGSYS) else { return nil }
        // All that the child could write has room in the pipe. Its first byte keeps this from waiting.
        var answers = [UInt8](repeating: 0, count: calls.count + 1)
        let count = try checked { read(here.rawValue, &answers, answers.count) }
        return Array(answers.prefix(count).dropFirst())
    } catch {
        return nil
    }
}

private func tryCalls(_ calls: [Int], answeringTo pipe: Int32) -> Never {
    // A process that a filter kills leaves a core dump otherwise.
    do throws(Errno) { try processControl(.setDumpable, 0) } catch {}
    var error: UInt8 = 0
    write(pipe, &error, 1)
    for call in calls {
        error = UInt8(truncatingIfNeeded: clinux_error_of_call(call))
        write(pipe, &error, 1)
    }
    _exit(0)
}
