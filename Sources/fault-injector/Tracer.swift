// Follows a program and what it clones, call by call, and strikes at the call that was asked for.

internal import CLinux
internal import CSeccomp
internal import Glibc
internal import Kernel
internal import SystemPackage

/// Which call is struck: processes are counted from 0 in the order of their making, calls of a process from 1.
///
/// Each process is counted for itself, because the order among processes is never twice the same.
struct Strike {
    enum Blow {
        /// The process that makes the call is killed, the program's first process, or all.
        case killCaller, killFirst, killAll
        /// The call is not made and fails.
        case fail(Int32)
        /// A command is given meanwhile: its words, and how many milliseconds it has until the caller goes on.
        case ask([String], Int)
    }
    var process: Int
    var call: Int
    var blow: Blow
}

/// What came of it.
struct Outcome {
    /// The system call that was struck; nil when the process made fewer.
    var struck: String?
    /// Whether the call cannot fail, so that nothing was done.
    var isExempt = false
    /// Whether the program had to be killed because it did not end in time.
    var isHung = false
    var end: ProcessEnd?
    /// All calls in the order in which they were seen, when they were asked for.
    var calls: [(process: Int, call: Int, name: String)] = []
    /// What the command said that was given meanwhile.
    var answer: Answer?
}

struct Tracer {
    private struct Process {
        var index: Int
        var isCounted: Bool
        var calls = 0
        var isInCall = false
        /// What the call that is being made shall return.
        var result: Int?
        /// What stood in the register of its first argument.
        var argument: UInt64?
        var name = ""
    }

    private let strike: Strike?
    private let lists: Bool
    private let seconds: UInt32
    private let program: (device: UInt64, inode: UInt64)
    private var processes: [Int32: Process] = [:]
    private var made = 0
    private var first: Int32 = 0
    private var outcome = Outcome()
    private let observer: Observer?
    /// Stops of processes that have to wait until a question is answered.
    private var held: [(pid: Int32, status: Int32)] = []
    private var question: Question?

    init(
        strike: Strike?, lists: Bool, seconds: UInt32, program: String, observer: Observer?
    ) throws(Errno) {
        self.strike = strike
        self.lists = lists
        self.seconds = seconds
        self.program = try Self.identity(program)
        self.observer = observer
    }

    // A call that the kernel never refuses, or that is not supposed to come back.
    private static let unfailing: Set<String> = [
        "exit", "exit_group", "rt_sigreturn", "getpid", "gettid", "getppid", "getuid", "geteuid", "getgid", "getegid",
        "umask", "set_tid_address", "restart_syscall",
    ]

    /// Runs a program to its end under the tracer's eyes.
    mutating func run(_ arguments: [String]) throws(Errno) -> Outcome {
        let gate = try SocketPair()
        guard let child = try cloneProcess(namespaces: []) else {
            Self.becomeProgram(arguments, after: gate.second.rawValue)
        }
        first = child.pid
        try seize(first)
        for pid in observer?.request.followed ?? [] { try follow(pid) }
        try sendMessage(gate.first.rawValue, [0])
        // An alarm makes a wait that lasts too long come back; signal(2) would have the wait go on.
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

    // Seized, not attached: no stop signal is sent, which would stay with a process that is let go too early.
    private mutating func seize(_ pid: Int32) throws(Errno) {
        // PTRACE_SEIZE with PTRACE_O_TRACESYSGOOD, -FORK, -VFORK, -CLONE and -EXEC, which go over to what is cloned.
        if clinux_ptrace(0x4206, pid, 0, UnsafeMutableRawPointer(bitPattern: 0x1f)) != 0 {
            throw Errno(rawValue: errno)
        }
        // Counted from its first system call on.
        processes[pid] = Process(index: made, isCounted: false)
        made += 1
    }

    // It sleeps in a call of which nothing has been seen, and makes it again.
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

    // What the program leaves behind makes its last calls, and is let go when it sleeps in one.
    private mutating func settle() throws(Errno) {
        var idle = 0
        let latest = now() + 15_000
        while !processes.isEmpty && idle < 10 || question != nil && now() < latest {
            if let event = wait(WNOHANG) {
                idle = 0
                try take(event.pid, event.status)
            } else {
                idle += 1
                usleep(1000)
            }
        }
        if let question { outcome.answer = question.giveUp() }
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
        guard status & 0xff == 0x7f else { return end(pid, ProcessEnd(waitStatus: status)) }
        guard pid != question?.pid else { return }
        let signal = status >> 8 & 0xff
        let event = status >> 16
        if processes[pid] == nil {
            processes[pid] = Process(index: made, isCounted: true)
            made += 1
        }
        switch (signal, event) {
        case (SIGTRAP | 0x80, _): try stopAtCall(pid)
        case (_, 4):  // PTRACE_EVENT_EXEC
            guard isProgram(pid) else { return letGo(pid) }
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

    private mutating func end(_ pid: Int32, _ end: ProcessEnd) {
        if let asked = question, asked.pid == pid {
            question = nil
            outcome.answer = asked.answer(end, isPrompt: false)
            return
        }
        processes[pid] = nil
        held.removeAll { $0.pid == pid }
        if pid == first { outcome.end = end }
    }

    // A fault that a traced first process of a pid namespace does not handle would come again for ever.
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
            if lists || observer != nil || isStruck(process) {
                // One that has been killed meanwhile makes no call.
                guard let number = systemCall(of: pid) else { return }
                process.name = Self.name(number)
                if lists { outcome.calls.append((process.index, process.calls, process.name)) }
            }
            try observe(pid, process)
            if isStruck(process) { try strike(pid, &process, process.name) }
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
        // It may have been killed while others were asked.
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
        for words in observer.questions(at: stop) {
            let asked = try Question(words)
            observer.judge(try hear(asked, milliseconds: Self.patience) ?? asked.giveUp(), at: stop)
        }
    }

    // What no command that only looks may need, on a machine that is busy.
    private static let patience = 5000

    /// Waits for an answer while the processes of the command stand still wherever they are, or come to a call.
    private mutating func hear(_ asked: Question, milliseconds: Int) throws(Errno) -> Answer? {
        while asked.milliseconds < milliseconds {
            var status: Int32 = 0
            let pid = clinux_wait_exited(-1, &status, WNOHANG)
            if pid == asked.pid { return asked.answer(ProcessEnd(waitStatus: status), isPrompt: true) }
            if pid <= 0 {
                usleep(100)
            } else if status & 0xff == 0x7f {
                held.append((pid, status))
            } else {
                end(pid, ProcessEnd(waitStatus: status))
            }
        }
        return nil
    }

    private func isStruck(_ process: Process) -> Bool {
        process.index == strike?.process && process.calls == strike?.call
    }

    private mutating func strike(_ pid: Int32, _ process: inout Process, _ name: String) throws(Errno) {
        guard let strike else { return }
        outcome.struck = name
        switch strike.blow {
        case .killCaller: kill(pid, SIGKILL)
        case .killFirst: kill(first, SIGKILL)
        case .killAll: for pid in processes.keys { kill(pid, SIGKILL) }
        case .ask(let words, let milliseconds):
            let asked = try Question(words)
            outcome.answer = try hear(asked, milliseconds: milliseconds)
            if outcome.answer == nil { question = asked }
        case .fail(let code):
            outcome.isExempt = Self.unfailing.contains(name)
            if outcome.isExempt { return }
            if name == "brk" {
                // It knows no error: a break that cannot be moved stays, and is told. brk(2), "C library/kernel differences".
                var registers = try Registers(of: pid)
                process.argument = registers.firstArgument
                registers.firstArgument = 0
                return try registers.write(to: pid)
            }
            process.result = -Int(code)
            // A descriptor is closed even when close says otherwise. close(2).
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

    // The program executes itself from elsewhere; what is another file is no longer of interest.
    private func isProgram(_ pid: Int32) -> Bool {
        do throws(Errno) {
            return try Self.identity("/proc/\(pid)/exe") == program
        } catch {
            return false
        }
    }

    private static func identity(_ path: String) throws(Errno) -> (device: UInt64, inode: UInt64) {
        var status = stat()
        try checked { stat(path, &status) }
        return (UInt64(status.st_dev), UInt64(status.st_ino))
    }
}
