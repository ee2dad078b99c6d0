// Traces a program and the processes that it clones, call by call, and injects a fault at the requested call.

internal import CLinux
internal import CSeccomp
internal import Glibc
internal import Kernel

/// The place and the kind of a fault: processes are numbered from 0 in the order of their creation, calls of a
/// process from 1.
///
/// Calls are counted for each process, because the order of calls among processes differs from run to run.
struct Injection {
    enum Fault {
        /// Kills the process that makes the call, the program's first process, or all.
        case killCaller, killFirst, killAll
        /// Makes the call fail without executing it.
        case fail(Int32)
        /// Runs a command meanwhile: its words, and the milliseconds until the caller continues.
        case ask([String], Int)
    }
    var process: Int
    var call: Int
    var fault: Fault
}

/// The result of a run.
struct Outcome {
    /// The name of the system call with the fault; nil if the process made fewer calls.
    var injected: String?
    /// Whether the call cannot fail, so that no fault was injected.
    var isExempt = false
    /// Whether the program was killed because it did not end in time.
    var isHung = false
    var end: TerminationStatus?
    /// All calls in the order of their occurrence, if requested.
    var calls: [(process: Int, call: Int, name: String)] = []
    /// The result of the concurrent command.
    var answer: CommandResult?
}

struct Tracer {
    private struct Process {
        var index: Int
        var isCounted: Bool
        var calls = 0
        var isInCall = false
        /// The result that the current call must return.
        var result: Int?
        /// The value of its first argument register.
        var argument: UInt64?
        var name = ""
    }

    private let injection: Injection?
    private let lists: Bool
    /// Whether a process is traced on when it executes another program; the processes that such a one makes are not: it
    /// may have to trace them itself.
    private let followsOthers: Bool
    private let seconds: UInt32
    private let program: [Int]
    private var processes: [Int32: Process] = [:]
    private var made = 0
    private var first: Int32 = 0
    private var outcome = Outcome()
    private let observer: Observer?
    /// Stops of processes that must wait until the concurrent command has ended.
    private var held: [(pid: Int32, status: Int32)] = []
    private var concurrent: ConcurrentCommand?

    init(
        injection: Injection?, lists: Bool, followsOthers: Bool, seconds: UInt32, program: String, observer: Observer?
    ) throws(Errno) {
        self.injection = injection
        self.lists = lists
        self.followsOthers = followsOthers
        self.seconds = seconds
        self.program = try Self.identity(program)
        self.observer = observer
    }

    // Calls that the kernel never refuses, or that never return.
    private static let unfailing: Set<String> = [
        "exit", "exit_group", "rt_sigreturn", "getpid", "gettid", "getppid", "getuid", "geteuid", "getgid", "getegid",
        "umask", "set_tid_address", "restart_syscall",
    ]

    /// Runs a program to its end under the tracer.
    mutating func run(_ arguments: [String]) throws(Errno) -> Outcome {
        let gate = try SocketPair()
        guard let child = try cloneProcess(namespaces: []) else {
            Self.becomeProgram(arguments, after: gate.second.rawValue)
        }
        first = child.pid
        try seize(first)
        for pid in observer?.request.followed ?? [] { try follow(pid) }
        try sendMessage(gate.first.rawValue, [0])
        // The alarm interrupts a wait that takes too long; signal(2) would restart the wait.
        var action = sigaction()
        action.__sigaction_handler.sa_handler = { _ in alarm(1) }
        sigaction(SIGALRM, &action, nil)
        alarm(1)
        let end = time(nil) + Int(seconds)
        while outcome.end == nil {
            if time(nil) > end {
                endHung()
                break
            }
            if let event = wait(0) { try take(event.pid, event.status) }
        }
        try settle()
        alarm(0)
        return outcome
    }

    // Seized, not attached: PTRACE_ATTACH sends a stop signal, which would stay pending in a process that is detached
    // too early.
    private mutating func seize(_ pid: Int32) throws(Errno) {
        // PTRACE_SEIZE with PTRACE_O_TRACESYSGOOD, -FORK, -VFORK, -CLONE and -EXEC, which cloned processes inherit.
        if clinux_ptrace(0x4206, pid, 0, UnsafeMutableRawPointer(bitPattern: 0x1f)) != 0 {
            throw Errno(rawValue: errno)
        }
        // Its calls are counted from the first one on.
        processes[pid] = Process(index: made, isCounted: false)
        made += 1
    }

    // The process sleeps in a call that began before the tracing; the interrupt makes it restart the call.
    private mutating func follow(_ pid: Int32) throws(Errno) {
        try seize(pid)
        processes[pid]?.isCounted = true
        if clinux_ptrace(0x4207, pid, 0, nil) != 0 { throw Errno(rawValue: errno) }  // PTRACE_INTERRUPT
    }

    private static func becomeProgram(_ arguments: [String], after gate: Int32) -> Never {
        do throws(Errno) { _ = try receiveMessage(gate) } catch { _exit(127) }
        var words = arguments.map { strdup($0) } + [nil]
        execv(arguments[0], &words)
        _exit(127)
    }

    // Processes that outlive the program make their last calls; they are detached when they sleep in one.
    private mutating func settle() throws(Errno) {
        var idle = 0
        let latest = now() + 15_000
        while !processes.isEmpty && idle < 10 || concurrent != nil && now() < latest {
            if let event = wait(WNOHANG) {
                idle = 0
                try take(event.pid, event.status)
            } else {
                idle += 1
                usleep(1000)
            }
        }
        if let concurrent { outcome.answer = concurrent.abandon() }
    }

    private mutating func wait(_ options: Int32) -> (pid: Int32, status: Int32)? {
        if !held.isEmpty { return held.removeFirst() }
        var status: Int32 = 0
        let pid = clinux_wait_exited(-1, &status, options)
        return pid > 0 ? (pid, status) : nil
    }

    private mutating func endHung() {
        outcome.isHung = true
        for pid in processes.keys { kill(pid, SIGKILL) }
        outcome.end = .signalled(SIGKILL)
    }

    private mutating func take(_ pid: Int32, _ status: Int32) throws(Errno) {
        guard status & 0xff == 0x7f else { return end(pid, TerminationStatus(waitStatus: status)) }
        guard pid != concurrent?.pid else { return }
        let signal = status >> 8 & 0xff
        let event = status >> 16
        if processes[pid] == nil {
            processes[pid] = Process(index: made, isCounted: true)
            made += 1
        }
        switch (signal, event) {
        case (SIGTRAP | 0x80, _): try stopAtCall(pid)
        case (_, 4):  // PTRACE_EVENT_EXEC
            if !isProgram(pid) {
                guard followsOthers else { return letGo(pid) }
                // PTRACE_SETOPTIONS with PTRACE_O_TRACESYSGOOD and -EXEC.
                clinux_ptrace(0x4200, pid, 0, UnsafeMutableRawPointer(bitPattern: 0x11))
            }
            if processes[pid]?.isCounted == false {
                processes[pid] = Process(index: 0, isCounted: true, isInCall: true)
            }
            go(pid)
        case (_, 128) where signal != SIGTRAP:  // PTRACE_EVENT_STOP: a stop signal, or the beginning
            clinux_ptrace(0x4208, pid, 0, nil)  // PTRACE_LISTEN
        case (_, 0): go(pid, delivering: signal)
        default: go(pid)  // fork, vfork, clone
        }
    }

    private mutating func end(_ pid: Int32, _ end: TerminationStatus) {
        if let command = concurrent, command.pid == pid {
            concurrent = nil
            outcome.answer = command.answer(end, isPrompt: false)
            return
        }
        processes[pid] = nil
        held.removeAll { $0.pid == pid }
        if pid == first { outcome.end = end }
    }

    // The first process of a traced pid namespace would repeat an unhandled fault for ever.
    private static let faults: Set<Int32> = [SIGSEGV, SIGBUS, SIGILL, SIGFPE]

    private func go(_ pid: Int32, delivering signal: Int32 = 0) {
        if Self.faults.contains(signal) { kill(pid, SIGKILL) }
        clinux_ptrace(24, pid, 0, UnsafeMutableRawPointer(bitPattern: Int(signal)))  // PTRACE_SYSCALL
    }

    private mutating func letGo(_ pid: Int32) {
        clinux_ptrace(17, pid, 0, nil)  // PTRACE_DETACH
        processes[pid] = nil
    }

    private mutating func stopAtCall(_ pid: Int32) throws(Errno) {
        guard var process = processes[pid], process.isCounted else { return go(pid) }
        process.isInCall.toggle()
        if process.isInCall {
            process.calls += 1
            if lists || observer != nil || isInjected(process) {
                // A process that has been killed meanwhile makes no call.
                guard let number = systemCall(of: pid) else { return }
                process.name = Self.name(number)
                if lists { outcome.calls.append((process.index, process.calls, process.name)) }
            }
            try observe(pid, process)
            if isInjected(process) { try inject(pid, &process, process.name) }
        } else if let result = process.result.take() {
            var registers = try Registers(of: pid)
            registers.setResult(result)
            try registers.write(to: pid)
        } else if let argument = process.argument.take() {
            var registers = try Registers(of: pid)
            registers.restoreFirstArgument(argument)
            try registers.write(to: pid)
        } else {
            try observe(pid, process)
        }
        // It may have been killed while other commands ran.
        if processes[pid] != nil { processes[pid] = process }
        go(pid)
    }

    private func systemCall(of pid: Int32) -> Int? {
        do throws(Errno) { return try Registers(of: pid).systemCall } catch { return nil }
    }

    private mutating func observe(_ pid: Int32, _ process: Process) throws(Errno) {
        guard let observer else { return }
        let stop = Stop(
            pid: pid, process: process.index, call: process.calls, name: process.name, isEntry: process.isInCall)
        let counted = processes.filter(\.value.isCounted)
        try observer.look(at: stop, counted.map { ($0.key, $0.value.index) }, isOurs: isProgram)
        for words in observer.commands(at: stop) {
            let command = try ConcurrentCommand(words)
            observer.judge(try waitForResult(command, milliseconds: Self.timeLimit) ?? command.abandon(), at: stop)
        }
    }

    // The time limit of commands that only read, generous for a busy machine.
    private static let timeLimit = 5000

    /// Waits for the command's result. Traced processes stop at their next call meanwhile.
    private mutating func waitForResult(_ command: ConcurrentCommand, milliseconds: Int) throws(Errno) -> CommandResult?
    {
        while command.milliseconds < milliseconds {
            var status: Int32 = 0
            let pid = clinux_wait_exited(-1, &status, WNOHANG)
            if pid == command.pid { return command.answer(TerminationStatus(waitStatus: status), isPrompt: true) }
            if pid <= 0 {
                usleep(100)
            } else if status & 0xff == 0x7f {
                held.append((pid, status))
            } else {
                end(pid, TerminationStatus(waitStatus: status))
            }
        }
        return nil
    }

    private func isInjected(_ process: Process) -> Bool {
        process.index == injection?.process && process.calls == injection?.call
    }

    private mutating func inject(_ pid: Int32, _ process: inout Process, _ name: String) throws(Errno) {
        guard let injection else { return }
        outcome.injected = name
        switch injection.fault {
        case .killCaller: kill(pid, SIGKILL)
        case .killFirst: kill(first, SIGKILL)
        case .killAll: for pid in processes.keys { kill(pid, SIGKILL) }
        case .ask(let words, let milliseconds):
            let command = try ConcurrentCommand(words)
            outcome.answer = try waitForResult(command, milliseconds: milliseconds)
            if outcome.answer == nil { concurrent = command }
        case .fail(let code):
            outcome.isExempt = Self.unfailing.contains(name)
            if outcome.isExempt { return }
            if name == "brk" {
                // brk cannot fail: it returns the old break if the break cannot be moved. brk(2), "C library/kernel
                // differences".
                var registers = try Registers(of: pid)
                process.argument = registers.firstArgument
                registers.firstArgument = 0
                return try registers.write(to: pid)
            }
            process.result = -Int(code)
            // close frees the descriptor even if it returns an error. close(2).
            if name != "close" { try Registers.skipCall(of: pid) }
        }
    }

    private static func name(_ number: Int) -> String {
        guard let text = seccomp_syscall_resolve_num_arch(seccomp_arch_native(), Int32(number)) else {
            return String(number)
        }
        defer { free(text) }
        return String(cString: text)
    }

    // The program executes itself from another place; a process with another executable is not traced.
    private func isProgram(_ pid: Int32) -> Bool {
        do throws(Errno) {
            return try Self.identity("/proc/\(pid)/exe") == program
        } catch {
            return false
        }
    }

    /// The size and the time of the last change, which a file and its view in an overlay have in common.
    private static func identity(_ path: String) throws(Errno) -> [Int] {
        var status = stat()
        try checked { stat(path, &status) }
        return [Int(status.st_size), status.st_ctim.tv_sec, status.st_ctim.tv_nsec]
    }
}
