// The parent's side of exec: the conversation until the program runs.

internal import Cgroups
internal import CLinux
internal import Glibc
internal import Kernel
internal import OCISpec
internal import Planning

/// The parent's half of the conversation with an exec process.
struct ExecParent: ~Copyable {
    var channel: ParentChannel
    private let process: ProcessPlan
    /// In the container's user namespace the child may not raise a hard limit; the parent may.
    private let setsLimits: Bool
    private let group: Cgroup
    private let options: ExecOptions
    private let answersEarly: Bool
    private let messages: FailureMessages
    private var terminal: ConsoleHandoff
    private var hasPidFile = false
    private var isReady = false
    private(set) var failedStep: Step?
    /// Settings that were refused and left out.
    private(set) var warnings: [String] = []
    /// Watches the agent that has received the listener.
    private var agent: SeccompAgentWatch?
    private let memoryWait = MemoryWait()

    init(
        child: consuming ChildProcess, pair: consuming SocketPair, process: ProcessPlan,
        console: consuming EngineSocket?, namespaces: NamespaceSet, group: Cgroup, options: ExecOptions,
        answersEarly: Bool
    ) {
        channel = ParentChannel(child: child, pair: pair, name: "the exec process")
        self.process = process
        setsLimits = namespaces.contains(.user)
        self.group = group
        self.options = options
        self.answersEarly = answersEarly
        messages = FailureMessages(process: process, namespaces: namespaces)
        terminal = ConsoleHandoff(console: console)
    }

    /// Waits until the intermediate has cloned the exec process.
    mutating func awaitProcess() throws(Failure) {
        while true {
            do throws(Failure) {
                try channel.waitForIntermediate { () throws(Failure) in try checkNotFrozen() }
            } catch {
                throw error.kind == .other ? oomKill() ?? error : error
            }
            var message = try receive()
            if message.bytes.first == ChildMessage.adoptMe.rawValue {
                try adopt()
                try channel.answer()
                continue
            }
            if warn(message.bytes) { continue }
            if let sibling = message.takeSibling() { return try continueWithSibling(sibling, afterEnd: false) }
            if let report = StepReport(packet: message.bytes) {
                let failure = messages.failure(report)
                // The OOM killer has ended a process of the container, or is about to.
                guard report.code == .noMemory, let use = OOMKillDetector(watching: group).use() else { throw failure }
                throw Failure(failure.kind, "\(failure.message) (memory limit too low?): \(use)")
            }
            throw try failureOfSilentChild()
        }
    }

    /// Goes on with the exec process as the child.
    /// - Parameter afterEnd: whether the intermediate has ended already.
    mutating func continueWithSibling(_ sibling: consuming ChildProcess, afterEnd: Bool) throws(Failure) {
        let intermediate = channel.replaceChild(by: sibling)
        if answersEarly {
            try prepare()
            // The exec process reads its answer late. Until it is reaped, the intermediate counts towards pids.max.
            try reapIntermediate(intermediate, afterEnd)
            return try channel.answer()
        }
        // The exec process goes on while the intermediate exits.
        try channel.answer()
        try reapIntermediate(intermediate, afterEnd)
    }

    private borrowing func reapIntermediate(_ intermediate: borrowing ChildProcess, _ hasEnded: Bool) throws(Failure) {
        if hasEnded {
            let pid = intermediate.pid
            try during("wait for the intermediate process") { () throws(Errno) in _ = try waitForEnd(of: pid) }
        } else {
            try channel.reap(intermediate) { () throws(Failure) in try checkNotFrozen() }
        }
    }

    private mutating func receive() throws(Failure) -> ReceivedMessage {
        while true {
            switch try channel.receive() {
            case .message(let message): return message
            case .reset: throw try failureOfSilentChild()
            case .nothingYet:
                try checkNotFrozen()
                try agent?.check(channel.child.pid, hasHooks: false)
            }
        }
    }

    /// Whether the child ends when it is killed: a process that cgroup v1 keeps frozen does not, and is moved out of the
    /// frozen cgroup.
    borrowing func canEnd() -> Bool {
        guard group.location.hierarchy != .unified, group.keepsFromEnding(channel.child.pid) else { return true }
        do throws(Errno) { try signalProcess(channel.child.pidfd, SIGKILL) } catch {}
        do throws(CgroupFailure) { try group.release(killed: channel.child.pid) } catch { return false }
        return true
    }

    // A pause during the exec freezes this process too: it sends nothing until it is thawed.
    private borrowing func checkNotFrozen() throws(Failure) {
        continueIfStopped(channel.child.pid)
        if memoryWait.isEndless(in: group) {
            throw Failure(
                .system(.noMemory),
                "the process waits for memory for ever: the container's memory is used up to its limit, and"
                    + " linux.resources.memory.disableOOMKiller keeps the kernel from ending a process for it")
        }
        guard !options.ignoresPaused else { return }
        if isFrozen(group) { throw Failure(.wrongState, "the container was paused while the process joined it") }
        if let place = group.frozenPlace(of: channel.child.pid) { throw .isFrozen(place) }
    }

    /// Answers the process until it executes its program.
    /// - Parameter seccomp: sends the filter's listener to the agent.
    mutating func converse(seccomp: (Int32) throws(Failure) -> SeccompAgentWatch?) throws(Failure) {
        while true {
            var message = try receive()
            // Close-on-exec: the socket ends when the program is executed.
            guard let kind = message.bytes.first else { return try checkAlive() }
            if warn(message.bytes) { continue }
            switch ChildMessage(rawValue: kind) {
            case .terminal:
                try terminal.keep(message)
                continue
            case .listener:
                if let listener = message.descriptor.take() { agent = try seccomp(listener.rawValue) }
            case .ready:
                isReady = true
                if answersEarly { continue }
                try prepare()
            case .adoptMe: try adopt()
            default:
                guard let report = StepReport(packet: message.bytes) else {
                    throw Failure(.other, "protocol error: unexpected message from the exec process")
                }
                failedStep = report.step
                let failure = messages.failure(report, of: channel.child.pid)
                throw agent?.explain(failure) ?? failure
            }
            try channel.answer()
        }
    }

    /// Notes the Landlock rules that the process has left out, and a home that it has not found.
    /// - Returns: whether it is such a message.
    private mutating func warn(_ message: [UInt8]) -> Bool {
        if message.first == ChildMessage.homeUnknown.rawValue {
            warnings.append(homeWarning(message))
            return true
        }
        guard message.first == ChildMessage.rulesLeftOut.rawValue, let rules = process.landlock?.rules else {
            return false
        }
        for start in stride(from: 1, through: message.count - 4, by: 4) {
            let index = Int(messageNumber(Array(message[(start - 1)..<(start + 4)])))
            guard rules.indices.contains(index) else { continue }
            let rule = rules[index]
            warnings.append(
                "\(rule.key): \(rule.path) is not what it was when the container was created: left out")
        }
        return true
    }

    private borrowing func adopt() throws(Failure) {
        try cgroup { () throws(CgroupFailure) in try group.attach(channel.child.pid, subPath: options.cgroupPaths.first)
        }
    }

    private mutating func prepare() throws(Failure) {
        if let text = try adjustOOMScore(of: channel.child.pid, process.oomScoreAdjustment) { warnings.append(text) }
        if setsLimits { try setLimits(process.limits, of: channel.child.pid) }
        if let path = options.pidFile {
            try writePidFile(path, channel.child.pid)
            hasPidFile = true
        }
        if let path = options.pidfdSocket {
            try EngineSocket(path: path, flag: "--pidfd-socket").send(
                channel.child.pidfd.rawValue, payload: Array("setns".utf8))
        }
    }

    // A process that was killed before it was ready has not executed the program.
    private borrowing func checkAlive() throws(Failure) {
        guard !isReady else { return }
        throw try failureOfSilentChild()
    }

    // It ended without a report.
    private borrowing func failureOfSilentChild() throws(Failure) -> Failure {
        let end = try channel.waitForChild()
        if case .signalled(SIGKILL) = end, let failure = oomKill() { return failure }
        let sentence = "the process ended before its program began (\(end.words))"
        if case .exited = end, group.refusesMemory {
            return Failure(
                .system(.noMemory),
                sentence + ": it was refused memory; the container's memory is used up to its limit")
        }
        if end == .signalled(SIGKILL) { return Failure(.other, sentence + "; a cgroup limit may be too low") }
        return Failure(.other, sentence).namingRefusedCalls(after: end)
    }

    private borrowing func oomKill() -> Failure? {
        OOMKillDetector(watching: group).use().map {
            Failure(.system(.noMemory), "the exec process was OOM-killed (memory limit too low?): \($0)")
        }
    }

    /// Removes the pid file of a process that has not executed its program.
    borrowing func removePidFile() {
        if hasPidFile, let path = options.pidFile { ContainerRuntime.removePidFile(path, channel.child.pid) }
    }

    consuming func finished() throws(Failure) -> ExecProcess {
        let pidfd = try channel.duplicatePidfd()
        return ExecProcess(pid: channel.child.pid, pidfd: pidfd, terminal: terminal.take())
    }
}
