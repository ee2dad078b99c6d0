// The parent's half of the conversation with a new container's init.

internal import Cgroups
internal import Glibc
internal import Kernel
internal import OCISpec
internal import Planning

/// Answers the child until the child needs the parent no longer.
struct InitParent: ~Copyable {
    let plan: ContainerPlan
    let cgroupPlan: CgroupPlan
    let cgroup: Cgroup
    /// The cgroup's place, as far as it is known.
    private(set) var location: CgroupLocation
    var channel: ParentChannel
    let messages: FailureMessages
    private var terminal: ConsoleHandoff
    private let sources = MountSources()
    private let memory: OOMKillDetector
    private let memoryWait = MemoryWait()
    /// Watches the agent that has received the listener.
    private var agent: SeccompAgentWatch?
    /// The files and directories of the Landlock rules, in the order of the rules.
    private var rulePlaces: [FileIdentity] = []
    private let timings: Timings?
    private(set) var warnings: [String] = []

    init(
        plan: ContainerPlan, cgroupPlan: CgroupPlan, cgroup: Cgroup, child: consuming ChildProcess,
        pair: consuming SocketPair, console: consuming EngineSocket?, timings: Timings? = nil
    ) {
        self.timings = timings
        self.plan = plan
        self.cgroupPlan = cgroupPlan
        self.cgroup = cgroup
        location = cgroup.location
        channel = ParentChannel(child: child, pair: pair, name: "the container's init")
        terminal = ConsoleHandoff(console: console)
        messages = FailureMessages(plan: plan)
        let limit = cgroupPlan.writes.first { $0.file == "memory.max" }.flatMap { UInt64($0.value) }
        memory = OOMKillDetector(watching: cgroup, limit: limit)
    }

    /// Answers the child until it is ready.
    /// - Parameter ready: runs before the child may go on; gets its pid, and what its Landlock rules are for.
    mutating func converse(ready: (Int32, [FileIdentity]) throws(Failure) -> Void) throws(Failure) {
        while true {
            let message = try receive()
            let kind = message.kind
            timings?.mark(kind.waited, kind == .ready ? .identity : nil)
            if kind == .ready {
                // In its own user namespace the child may not raise a hard limit; the parent may.
                if plan.namespaces.has(.user) { try setLimits(plan.process.limits, of: channel.child.pid) }
                try ready(channel.child.pid, rulePlaces)
            }
            try handle(message)
            timings?.mark(kind.handled, kind == .hooksDue ? .runtimeHooks : nil)
            if kind == .ready { return }
        }
    }

    /// Answers the intermediate until it has cloned the init, which becomes the child.
    mutating func awaitInit() throws(Failure) {
        while true {
            try channel.waitForIntermediate { () throws(Failure) in try checkNotFrozen() }
            var message = try receive()
            guard let sibling = message.takeSibling() else {
                let kind = message.kind
                timings?.mark(kind.waited)
                try handle(message)
                timings?.mark(kind.handled)
                continue
            }
            let intermediate = channel.replaceChild(by: sibling)
            // The init goes on while the intermediate exits.
            try channel.answer()
            try channel.reap(intermediate) { () throws(Failure) in try checkNotFrozen() }
            timings?.mark("clone the init in the intermediate")
            return
        }
    }

    private mutating func receive() throws(Failure) -> ReceivedMessage {
        while true {
            switch try channel.receive() {
            case .message(let message):
                guard let timings, let step = message.timedStep(in: plan) else { return message }
                timings.add(step)
            case .reset: throw try failureOfSilentChild()
            case .nothingYet:
                try checkNotFrozen()
                try agent?.check(channel.child.pid, hasHooks: !plan.hooks.startContainer.isEmpty)
            }
        }
    }

    private borrowing func checkNotFrozen() throws(Failure) {
        continueIfStopped(channel.child.pid)
        let group = Cgroup(location)
        if isFrozen(group) {
            throw Failure(.wrongState, "the container's cgroup was frozen while the container was created")
        }
        if let place = group.frozenPlace(of: channel.child.pid) { throw .isFrozen(place) }
        if memoryWait.isEndless(in: group) {
            throw Failure(
                .other,
                "linux.resources.memory.limit: too low for the container's init, which waits for memory for ever:"
                    + " disableOOMKiller keeps the kernel from ending it")
        }
    }

    /// Makes sure that the child ends when it is killed: on cgroup v1 a frozen process does not.
    borrowing func thaw() {
        guard location.hierarchy != .unified else { return }
        do throws(CgroupFailure) { if try cgroup.isFrozen() { try cgroup.thaw() } } catch {}
        guard cgroup.keepsFromEnding(channel.child.pid) else { return }
        do throws(Errno) { try signalProcess(channel.child.pidfd, SIGKILL) } catch {}
        do throws(CgroupFailure) { try cgroup.release(killed: channel.child.pid) } catch {}
    }

    // One message, and its answer.
    private mutating func handle(_ message: consuming ReceivedMessage) throws(Failure) {
        switch message.kind {
        case .mapIDs: try IDMaps(maps: plan.namespaces.maps, pid: channel.child.pid).write()
        case .adoptMe: try adopt()
        case .hooksDue: try runHooks()
        case .mountSource: return try sendMountSource(message)
        case .terminal: return try terminal.keep(message)
        case .listener: try sendListener(message)
        case .networkDue: try moveNetworkDevices(plan.networkDevices, to: channel.child.pid)
        case .rulePlace:
            guard let place = FileIdentity(bytes: message.bytes) else { throw try failureOfSilentChild() }
            rulePlaces.append(place)
        case .homeUnknown: return warnings.append(homeWarning(message.bytes))
        case .ready: break
        case .failed, .sibling, .attaching, .detached, .rulesLeftOut, .timed, nil:
            guard let report = StepReport(packet: message.bytes) else { throw try failureOfSilentChild() }
            throw failure(of: report)
        }
        try channel.answer()
    }

    private mutating func adopt() throws(Failure) {
        do throws(Failure) {
            location = try ContainerRuntime.cgroup { () throws(CgroupFailure) in
                try cgroup.adopt(channel.child.pid, plan: cgroupPlan)
            }
        } catch {
            // systemd fails if the process is gone, and a memory limit may have killed it.
            throw oomKill() ?? error
        }
    }

    private mutating func sendMountSource(_ message: consuming ReceivedMessage) throws(Failure) {
        guard message.bytes.count == 5 else { throw try failureOfSilentChild() }
        // Four bytes, as many as a config can number: a truncated index would name another mount (CVE-2021-43784).
        let index = Int(messageNumber(message.bytes))
        guard plan.mounts.indices.contains(index) else { throw try failureOfSilentChild() }
        let tree = try sources.open(plan.mounts[index], index, of: channel.child, messages)
        try channel.answer(tree.rawValue)
    }

    /// After `ready`: waits until the child no longer needs the parent: it waits at its gate, or has executed the program.
    ///
    /// Until then the child dies with the parent.
    mutating func waitForHandover() throws(Failure) {
        let message = try receive()
        if let report = StepReport(packet: message.bytes) { throw failure(of: report) }
    }

    private borrowing func failure(of report: StepReport) -> Failure {
        let failure = messages.failure(report, of: channel.child.pid)
        let lacksMemory = report.code == .noMemory || report.code == .badAddress
        return agent?.explain(failure) ?? (lacksMemory ? namingLimit(failure) : failure)
    }

    // Without an OOM killer the kernel neither ends the init nor lets it wait inside of a system call.
    private borrowing func namingLimit(_ failure: Failure) -> Failure {
        guard Cgroup(location).refusesMemory else { return failure }
        return failure.appending(
            "linux.resources.memory.limit: too low for the container's init, and disableOOMKiller keeps the kernel from"
                + " ending it")
    }

    /// After that, in a container that is started at once: under a filter the init may end without a report.
    borrowing func checkExecuted() throws(Failure) {
        let pid = channel.child.pid
        try ContainerRuntime.checkExecuted(pid, seccomp: { () throws(Failure) in plan.seccomp }) { () throws(Errno) in
            try waitForEnd(of: pid)
        }
    }

    // The init died without a report: most likely the OOM killer ended it.
    private borrowing func failureOfSilentChild() throws(Failure) -> Failure {
        let end = try channel.waitForChild()
        if case .signalled(SIGKILL) = end, let failure = oomKill() { return failure }
        let failure =
            switch end {
            case .exited(let status):
                // A report needs memory too.
                namingLimit(Failure(.other, "the container's init exited with status \(status)"))
            case .signalled(let signal):
                Failure(.other, "the container's init was killed by \(Signal(rawValue: signal).name)")
            }
        return failure.namingRefusedCalls(after: end)
    }

    private borrowing func oomKill() -> Failure? {
        memory.use().map { Failure(.other, "container init was OOM-killed (memory limit too low?): \($0)") }
    }

    private borrowing func runHooks() throws(Failure) {
        let state = ContainerState(
            ociVersion: plan.ociVersion, id: plan.id, pid: channel.child.pid, status: "creating", bundle: plan.bundle,
            rootfs: plan.root.path, annotations: plan.annotations
        ).json()
        try HookRunner(kind: "prestart", hooks: plan.hooks.prestart, state: state).run()
        try HookRunner(kind: "createRuntime", hooks: plan.hooks.createRuntime, state: state).run()
    }

    mutating func takeTerminal() -> OwnedDescriptor? { terminal.take() }

    private mutating func sendListener(_ message: consuming ReceivedMessage) throws(Failure) {
        guard let listener = message.descriptor.take(), let seccomp = plan.seccomp, let path = seccomp.listenerPath
        else { return }
        agent = try SeccompListener(
            ociVersion: plan.ociVersion, id: plan.id, pid: channel.child.pid, bundle: plan.bundle,
            annotations: plan.annotations, metadata: seccomp.listenerMetadata
        ).send(listener.rawValue, to: path)
    }
}

/// Sets the limits of a process that may not raise them itself.
func setLimits(_ limits: [ProcessPlan.Limit], of pid: Int32) throws(Failure) {
    for limit in limits {
        try during("\(limit.key): set \(limit.resource.name) to \(limit.soft):\(limit.hard)") { () throws(Errno) in
            try setLimit(limit.resource, of: pid, soft: limit.soft, hard: limit.hard)
        }
    }
}

extension ReceivedMessage {
    /// nil for an unknown message and at the end of the conversation.
    fileprivate var kind: ChildMessage? { bytes.first.flatMap(ChildMessage.init) }
}

/// The names of steps for `--timings`: what the child does before it sends a message, and what the parent does about it.
extension ChildMessage? {
    fileprivate var waited: StaticString {
        switch self {
        case .mapIDs: "init: begin"
        case .adoptMe: "init: until it needs its cgroup"
        case .hooksDue: "init: mounts and devices, until the hooks are due"
        case .mountSource: "init: until a mount needs its source"
        case .terminal: "init: until its terminal is made"
        case .listener: "init: until its seccomp listener is made"
        case .networkDue: "init: until it needs its network devices"
        case .rulePlace: "init: until it has a Landlock rule"
        case .ready: "init: the rest, until it is ready"
        case .homeUnknown: "init: until it needs its user's home"
        case .failed, .sibling, .attaching, .detached, .rulesLeftOut, .timed, nil: "init: until it fails"
        }
    }

    fileprivate var handled: StaticString {
        switch self {
        case .mapIDs: "write the id maps"
        case .adoptMe: "move the init into its cgroup"
        case .hooksDue: "prestart and createRuntime hooks"
        case .mountSource: "open a mount's source"
        case .terminal: "take the terminal"
        case .listener: "send the seccomp listener"
        case .networkDue: "move network devices"
        case .rulePlace: "remember what a Landlock rule is for"
        case .ready: "write the record and the pid file"
        case .homeUnknown: "note that it is unknown"
        case .failed, .sibling, .attaching, .detached, .rulesLeftOut, .timed, nil: "end the init"
        }
    }
}
