// The parent's half of the conversation with a new container's init.

internal import Cgroups
internal import Glibc
internal import Kernel
internal import OCISpec
internal import Planning
internal import SystemPackage

/// What the parent does while the child walks its line.
struct Parent: ~Copyable {
    let plan: ContainerPlan
    let cgroupPlan: CgroupPlan
    let cgroup: Cgroup
    /// Where the cgroup is, with all that is known of it.
    private(set) var location: CgroupLocation
    /// The init; until it is born, the process that bears it.
    private(set) var child: ChildProcess
    let socket: OwnedDescriptor
    let sentences: Sentences
    private var terminal: KeptTerminal
    private let sources = MountSources()
    private let memory: OOMKillDetector
    /// Of the agent that has the listener, from then on.
    private var agent: SeccompAgentWatch?

    init(
        plan: ContainerPlan, cgroupPlan: CgroupPlan, cgroup: Cgroup, child: consuming ChildProcess,
        socket: consuming OwnedDescriptor, console: consuming EngineSocket?
    ) {
        self.plan = plan
        self.cgroupPlan = cgroupPlan
        self.cgroup = cgroup
        location = cgroup.location
        self.child = child
        self.socket = socket
        terminal = KeptTerminal(console: console)
        sentences = Sentences(plan: plan)
        let limit = cgroupPlan.writes.first { $0.file == "memory.max" }.flatMap { UInt64($0.value) }
        memory = OOMKillDetector(watching: cgroup, limit: limit)
    }

    /// Sees the child through until it is ready; `ready` is what has to be done before it may go on.
    mutating func converse(ready: (Int32) throws(Failure) -> Void) throws(Failure) {
        while true {
            let message = try hear()
            let word = message.word
            if word == .ready {
                // In a user namespace of its own the child may raise no hard limit; the parent may.
                if plan.namespaces.has(.user) { try setLimits(plan.process.limits, of: child.pid) }
                try ready(child.pid)
            }
            try handle(message)
            if word == .ready { return }
        }
    }

    /// Sees the process between through until the init is born, which is the child from then on.
    mutating func awaitInit() throws(Failure) {
        while true {
            try awaitWord(socket.rawValue, of: child) { () throws(Failure) in try checkNotFrozen() }
            var message = try hear()
            guard let born = message.takeBorn() else {
                try handle(message)
                continue
            }
            let between = exchange(born)
            // The init goes on while the other ends.
            try answer()
            return try reap(between) { () throws(Failure) in try checkNotFrozen() }
        }
    }

    private mutating func exchange(_ other: consuming ChildProcess) -> ChildProcess {
        swap(&child, &other)
        return other
    }

    /// Ends the conversation. An init of which nobody has heard yet, borne by a process that then failed, waits for an
    /// answer in the container's cgroup: it hears that there is none, and goes.
    borrowing func hangUp() { shutdown(socket.rawValue, Int32(SHUT_RDWR)) }

    private mutating func hear() throws(Failure) -> ReceivedMessage {
        while true {
            do throws(Errno) {
                return try receiveMessage(socket.rawValue)
            } catch {
                // It ended before it had read our last answer.
                if error == .connectionReset { throw try silence() }
                guard error == .resourceTemporarilyUnavailable else {
                    throw Failure("hear from the container's init", error)
                }
                try checkNotFrozen()
                try agent?.check(child.pid, hasHooks: !plan.hooks.startContainer.isEmpty)
            }
        }
    }

    /// Limits each wait for a word of the child to a second, after which it is asked whether the child can speak.
    borrowing func limitWaits() throws(Failure) {
        let number = socket.rawValue
        try during("limit the wait for the container's init") { () throws(Errno) in
            try limitReceiving(number, milliseconds: 1000)
        }
    }

    private borrowing func checkNotFrozen() throws(Failure) {
        let group = Cgroup(location)
        if isFrozen(group) {
            throw Failure(.wrongState, "the container's cgroup was frozen while the container was created")
        }
        if let place = group.frozenPlace(of: child.pid) { throw .isFrozen(place) }
    }

    /// Lets the child end when it is killed: on cgroup v1 a frozen process does not.
    borrowing func thaw() {
        guard location.hierarchy != .unified else { return }
        do throws(CgroupFailure) { if try cgroup.isFrozen() { try cgroup.thaw() } } catch {}
        guard cgroup.keepsFromEnding(child.pid) else { return }
        do throws(Errno) { try signalProcess(child.pidfd, SIGKILL) } catch {}
        do throws(CgroupFailure) { try cgroup.release(killed: child.pid) } catch {}
    }

    // One message, and its answer.
    private mutating func handle(_ message: consuming ReceivedMessage) throws(Failure) {
        switch message.word {
        case .mapIDs: try IDMaps(maps: plan.namespaces.maps, pid: child.pid).write()
        case .adoptMe: try adopt()
        case .hooksDue: try runHooks()
        case .mountSource: return try sendMountSource(message)
        case .terminal: return try terminal.keep(message)
        case .listener: try sendListener(message)
        case .networkDue: try moveNetworkDevices(plan.networkDevices, to: child.pid)
        case .ready: break
        case .failed, .born, .attaching, .detached, nil:
            guard let report = StepReport(packet: message.bytes) else { throw try silence() }
            throw failure(of: report)
        }
        try answer()
    }

    private mutating func adopt() throws(Failure) {
        do throws(Failure) {
            location = try ContainerRuntime.cgroup { () throws(CgroupFailure) in
                try cgroup.adopt(child.pid, plan: cgroupPlan)
            }
        } catch {
            // The process that could not be given its limits may be gone because of the first of them.
            throw lackOfMemory() ?? error
        }
    }

    private mutating func sendMountSource(_ message: consuming ReceivedMessage) throws(Failure) {
        guard message.bytes.count == 5 else { throw try silence() }
        // As many as a config can have: a number cut short would be another mount's (CVE-2021-43784).
        let index = Int(messageNumber(message.bytes))
        guard plan.mounts.indices.contains(index) else { throw try silence() }
        let tree = try sources.open(plan.mounts[index], index, of: child, sentences)
        try answer(tree.rawValue)
    }

    /// After `ready`: waits until the child has let go of us: it waits at its gate, or is the program.
    ///
    /// Until then our end is its end.
    mutating func waitForIndependence() throws(Failure) {
        let message = try hear()
        if let report = StepReport(packet: message.bytes) { throw failure(of: report) }
    }

    private borrowing func failure(of report: StepReport) -> Failure {
        let failure = sentences.failure(report, of: child.pid)
        return agent?.explain(failure) ?? failure
    }

    /// After that, in a container that is started at once: under a filter the init may have ended without a word.
    borrowing func checkExecuted() throws(Failure) {
        let pid = child.pid
        try ContainerRuntime.checkExecuted(pid, seccomp: { () throws(Failure) in plan.seccomp }) { () throws(Errno) in
            try waitForEnd(of: pid)
        }
    }

    private borrowing func answer(_ descriptor: Int32? = nil) throws(Failure) {
        do throws(Errno) {
            try sendMessage(socket.rawValue, [proceed], descriptor: descriptor)
        } catch {
            // A child that is gone says why, if it can, when it is listened to again.
            guard error == .brokenPipe || error == .connectionReset else { throw Failure("answer the init", error) }
        }
    }

    // The init died without a word: killed, most likely for want of memory.
    private borrowing func silence() throws(Failure) -> Failure {
        let end = try during("wait for the container's init") { () throws(Errno) in try waitForEnd(of: child.pid) }
        if case .signalled(SIGKILL) = end, let failure = lackOfMemory() { return failure }
        switch end {
        case .exited(let status): return Failure(.other, "the container's init exited with status \(status)")
        case .signalled(let signal):
            return Failure(.other, "the container's init was killed by \(Signal(rawValue: signal).name)")
        }
    }

    private borrowing func lackOfMemory() -> Failure? {
        memory.use().map { Failure(.other, "container init was OOM-killed (memory limit too low?): \($0)") }
    }

    private borrowing func runHooks() throws(Failure) {
        let state = ContainerState(
            ociVersion: plan.ociVersion, id: plan.id, pid: child.pid, status: "creating", bundle: plan.bundle,
            rootfs: plan.root.path, annotations: plan.annotations
        ).json()
        try HookRunner(kind: "prestart", hooks: plan.hooks.prestart, state: state).run()
        try HookRunner(kind: "createRuntime", hooks: plan.hooks.createRuntime, state: state).run()
    }

    mutating func takeTerminal() -> OwnedDescriptor? { terminal.take() }

    private mutating func sendListener(_ message: consuming ReceivedMessage) throws(Failure) {
        guard let listener = message.descriptor.take(), let seccomp = plan.seccomp, let path = seccomp.listenerPath
        else { return }
        let message = SeccompListener(
            ociVersion: plan.ociVersion, id: plan.id, pid: child.pid, bundle: plan.bundle,
            annotations: plan.annotations, metadata: seccomp.listenerMetadata
        )
        do throws(Failure) {
            try message.send(listener.rawValue, to: path)
        } catch {
            throw error.during("failed to connect with seccomp agent")
        }
        agent = SeccompAgentWatch(path: path)
    }
}

/// Sets a process's limits from outside, for one that lacks the right to raise them itself.
func setLimits(_ limits: [ProcessPlan.Limit], of pid: Int32) throws(Failure) {
    for limit in limits {
        try during("\(limit.key): set \(limit.resource.name) to \(limit.soft):\(limit.hard)") { () throws(Errno) in
            try setLimit(limit.resource, of: pid, soft: limit.soft, hard: limit.hard)
        }
    }
}

extension ReceivedMessage {
    /// What the child says; nil when it says nothing that there is a word for, as at the end of the conversation.
    fileprivate var word: ChildMessage? { bytes.first.flatMap(ChildMessage.init) }
}
