// The parent's side of exec: the clone, and the conversation until the program runs.

internal import Cgroups
internal import CLinux
internal import Glibc
internal import Kernel
internal import OCISpec
internal import Planning
internal import SystemPackage

/// The result of the clone: the exec process or, as long as that does not exist, its intermediate.
private struct ExecClone: ~Copyable {
    let process: ChildProcess
    /// The exec process, if the intermediate has cloned it already.
    var sibling: ChildProcess?
    var isAnsweredEarly = false
}

extension Runtime {
    func join(
        _ record: ContainerRecord, _ target: NamespacesOfInit, _ plan: ProcessPlan,
        _ filter: SeccompFilter?, _ options: ExecOptions, _ console: consuming EngineSocket?,
        _ directory: borrowing ContainerDirectory
    ) throws(Failure) -> ExecProcess {
        let namespaces = NamespaceSet(rawValue: record.namespaces)
        // Root of a user namespace has no such rights over a process that comes from outside; others in a pid namespace
        // that was joined may have them.
        let sharesPids =
            namespaces.contains(.pid) && !record.creates(.pid)
        let needsIntermediate =
            sharesPids || (namespaces.contains(.user) ? geteuid() != 0 : namespaces.contains(.pid))
        if namespaces.contains(.pid), !needsIntermediate {
            // Affects only children: the exec process starts in that namespace without an intermediate.
            try during("join the container's pid namespace") { () throws(Errno) in
                try target.join(NamespaceSet(.pid))
            }
        }
        if let cpus = plan.scheduling.initialAffinity {
            try during("process.execCPUAffinity.initial: set the CPUs") { () throws(Errno) in try setAffinity(cpus) }
        }
        let group = Cgroup(record.cgroup)
        let entry = try cgroup { () throws(CgroupFailure) in
            try group.placementForExec(initPid: record.pid, subPaths: options.cgroupPaths)
        }
        let pair = try during("make a socket pair") { () throws(Errno) in try SocketPair() }
        let bringsRoot = namespaces.contains(.mount) && record.movedRoot == nil
        let root = bringsRoot ? nil : try openRoot(of: record)
        let isHidden = mayInspectHiddenProcesses()
        if isHidden { try during("hide the runtime's processes") { () throws(Errno) in try hideProcess() } }
        let launch = ExecInputs(
            id: record.id, process: plan,
            image: ExecImage(arguments: plan.arguments, environment: plan.environment), filter: filter,
            cgroupFiles: entry.childWrites, target: target, root: root, namespaces: namespaces,
            parentEnd: pair.first.rawValue, childEnd: pair.second.rawValue,
            preservedDescriptors: options.preservedDescriptors, needsIntermediate: needsIntermediate,
            isHidden: isHidden,
            freezers: options.ignoresPaused ? nil : group.freezerFiles)
        var clone = try spawn(launch, into: entry.cloneIntoDescriptor, group, record)
        let sibling = clone.sibling.take()
        let isAnsweredEarly = clone.isAnsweredEarly
        var parent = ExecParent(
            child: clone.process, socket: pair.takeFirst(), messages: FailureMessages(process: plan), console: console,
            limits: plan.limits, setsLimits: namespaces.contains(.user), group: group, options: options,
            answersEarly: isAnsweredEarly, oomScoreAdjustment: plan.oomScoreAdjustment)
        do throws(Failure) {
            try during("limit the wait for the process") { [number = parent.socket.rawValue] () throws(Errno) in
                try limitReceiving(number, milliseconds: 1000)
            }
            if let sibling {
                try parent.continueWithSibling(sibling, afterEnd: true)
            } else if launch.needsIntermediate {
                try parent.awaitProcess()
            }
            try parent.converse { (number) throws(Failure) in try self.sendListener(number, record, directory) }
            if filter != nil {
                let pid = parent.child.pid
                try checkExecuted(pid, seccomp: { () throws(Failure) in try seccompPlan(directory) }) {
                    () throws(Errno) in try waitForEnd(of: pid)
                }
            }
        } catch {
            // A sibling that has not been reported yet reads the end of the socket, and exits.
            shutdown(parent.socket.rawValue, Int32(SHUT_RDWR))
            endChild(parent.child, milliseconds: parent.canEnd() ? 5000 : 0)
            parent.takeBack()
            // The same explanation as for the container's init.
            if filter != nil, parent.failedStep == .execute, let refusal = try seccompPlan(directory)?.refusal {
                throw error.during(refusal)
            }
            throw error
        }
        for text in parent.warnings { note(.warning, text) }
        return try parent.finished()
    }

    /// Stays open until this process ends: the clone uses its number.
    private func openRoot(of record: ContainerRecord) throws(Failure) -> Int32 {
        let root = try during("open the root of process \(record.pid)") { () throws(Errno) in
            try OwnedDescriptor.open("/proc/\(record.pid)/root", .path | .directory)
        }
        // The pid may belong to another process by now.
        guard try record.openInit() != nil else {
            throw Failure(.wrongState, "cannot exec in a stopped container")
        }
        if let moved = record.movedRoot {
            let number = root.rawValue
            let found = try during("look at the root of process \(record.pid)") { () throws(Errno) in
                FileIdentity(try fileStatus(number))
            }
            guard found == moved else {
                throw Failure(
                    .wrongState,
                    "exec: the container has left its root file system, which --no-pivot does not prevent")
            }
        }
        return root.relinquish()
    }

    private func spawn(
        _ launch: ExecInputs, into directory: Int32?, _ group: Cgroup, _ record: ContainerRecord
    ) throws(Failure) -> ExecClone {
        do throws(Errno) {
            return try clone(launch, into: directory)
        } catch {
            let lacksRights = error == .permissionDenied || error == .notPermitted
            if lacksRights, directory != nil, record.cgroup.isUserUnit { return try spawnForAdoption(launch) }
            // The container has moved its processes into sub-cgroups, and the kernel allows none in their parent then.
            guard error == .resourceBusy, directory != nil else { throw Failure("clone", error) }
        }
        let entry = try cgroup { () throws(CgroupFailure) in
            try group.placementForExec(initPid: record.pid, followingInit: true)
        }
        var launch = launch
        if launch.freezers != nil { launch.freezers = group.freezerFiles(ofProcess: record.pid) }
        return try during("clone into the cgroup of the container's init") { [launch] () throws(Errno) in
            try clone(launch, into: entry.cloneIntoDescriptor)
        }
    }

    /// An unprivileged process may move only between cgroups below one that is delegated to its user. The runtime is outside.
    private func spawnForAdoption(_ launch: ExecInputs) throws(Failure) -> ExecClone {
        var launch = launch
        launch.needsAdoption = true
        return try during("clone") { () throws(Errno) in try clone(launch, into: nil) }
    }

    private func clone(_ launch: ExecInputs, into directory: Int32?) throws(Errno) -> ExecClone {
        try withHiddenArguments { () throws(Errno) in try cloneHidden(launch, into: directory) }
    }

    private func cloneHidden(_ launch: ExecInputs, into directory: Int32?) throws(Errno) -> ExecClone {
        if launch.sharesMemory {
            do throws(Errno) { return try cloneInMemory(launch, into: directory) } catch {
                // The seccomp profiles of engines answer clone3 with ENOSYS.
                guard error == .noFunction else { throw error }
            }
        }
        guard let child = try cloneProcess(namespaces: [], into: directory) else { runExecChild(launch) }
        return ExecClone(process: child)
    }

    private func cloneInMemory(_ launch: ExecInputs, into directory: Int32?) throws(Errno) -> ExecClone {
        var pid: Int32 = 0
        var launch = launch
        let intermediate = try withUnsafeMutablePointer(to: &pid) { pidSlot throws(Errno) in
            launch.pidSlot = pidSlot
            return try cloneProcessInMemory(into: directory, freezers: launch.freezers, sibling: pidSlot) { [launch] in
                runExecChild(launch)
            }
        }
        var result = ExecClone(process: intermediate, isAnsweredEarly: launch.isAnsweredEarly)
        // A child that is not reaped yet keeps its pid.
        if pid > 0 { result.sibling = ChildProcess(pid: pid, pidfd: try openProcess(pid)) }
        return result
    }

    private func sendListener(
        _ number: Int32, _ record: ContainerRecord, _ directory: borrowing ContainerDirectory
    ) throws(Failure) -> SeccompAgentWatch? {
        guard let profile = try directory.config().linux?.seccomp, let path = profile.listenerPath else { return nil }
        let message = SeccompListener(
            ociVersion: record.ociVersion, id: record.id, pid: record.pid, bundle: record.bundle,
            annotations: record.annotations, metadata: profile.listenerMetadata
        )
        do throws(Failure) {
            try message.send(number, to: path)
        } catch {
            throw error.during("failed to connect with seccomp agent")
        }
        return SeccompAgentWatch(path: path)
    }
}

/// The parent's half of the conversation with an exec process.
struct ExecParent: ~Copyable {
    /// The exec process; its intermediate until that has cloned it.
    private(set) var child: ChildProcess
    let socket: OwnedDescriptor
    let messages: FailureMessages
    let limits: [ProcessPlan.Limit]
    /// In the container's user namespace the child may not raise a hard limit; the parent may.
    let setsLimits: Bool
    let group: Cgroup
    let options: ExecOptions
    let answersEarly: Bool
    private var terminal: ConsoleHandoff
    let oomScoreAdjustment: Int?
    private var hasPidFile = false
    private var isReady = false
    private(set) var failedStep: Step?
    /// What could not be had, and was done without.
    private(set) var warnings: [String] = []
    /// Of the agent that has the listener, from then on.
    private var agent: SeccompAgentWatch?

    init(
        child: consuming ChildProcess, socket: consuming OwnedDescriptor, messages: FailureMessages,
        console: consuming EngineSocket?, limits: [ProcessPlan.Limit], setsLimits: Bool, group: Cgroup,
        options: ExecOptions, answersEarly: Bool, oomScoreAdjustment: Int?
    ) {
        self.oomScoreAdjustment = oomScoreAdjustment
        self.group = group
        self.options = options
        self.answersEarly = answersEarly
        self.setsLimits = setsLimits
        self.child = child
        self.socket = socket
        self.messages = messages
        terminal = ConsoleHandoff(console: console)
        self.limits = limits
    }

    /// Waits until the intermediate has cloned the exec process.
    mutating func awaitProcess() throws(Failure) {
        while true {
            do throws(Failure) {
                try waitForMessage(socket.rawValue, of: child) { () throws(Failure) in try checkNotFrozen() }
            } catch {
                throw error.kind == .other ? oomKill() ?? error : error
            }
            var message = try receive()
            if message.bytes.first == ChildMessage.adoptMe.rawValue {
                try adopt()
                try answer()
                continue
            }
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
        let intermediate = exchange(sibling)
        if answersEarly {
            try prepare()
            // The exec process reads its answer late. Until it is reaped, the intermediate counts towards pids.max.
            try reapIntermediate(intermediate, afterEnd)
            return try answer()
        }
        // The exec process goes on while the intermediate exits.
        try answer()
        try reapIntermediate(intermediate, afterEnd)
    }

    private mutating func exchange(_ other: consuming ChildProcess) -> ChildProcess {
        swap(&child, &other)
        return other
    }

    private borrowing func reapIntermediate(_ intermediate: borrowing ChildProcess, _ hasEnded: Bool) throws(Failure) {
        if hasEnded {
            let pid = intermediate.pid
            try during("wait for the process before") { () throws(Errno) in _ = try waitForEnd(of: pid) }
        } else {
            try reap(intermediate) { () throws(Failure) in try checkNotFrozen() }
        }
    }

    private mutating func receive() throws(Failure) -> ReceivedMessage {
        while true {
            do throws(Errno) { return try receiveMessage(socket.rawValue) } catch {
                if error == .connectionReset { throw try failureOfSilentChild() }
                guard error == .resourceTemporarilyUnavailable else { throw Failure("hear from the process", error) }
                try checkNotFrozen()
                try agent?.check(child.pid, hasHooks: false)
            }
        }
    }

    /// Whether the child ends when it is killed: on cgroup v1 a frozen process does not, and is moved to where it does.
    borrowing func canEnd() -> Bool {
        guard group.location.hierarchy != .unified, group.keepsFromEnding(child.pid) else { return true }
        do throws(Errno) { try signalProcess(child.pidfd, SIGKILL) } catch {}
        do throws(CgroupFailure) { try group.release(killed: child.pid) } catch { return false }
        return true
    }

    // A pause during the exec freezes this process too: it sends nothing until it is thawed.
    private borrowing func checkNotFrozen() throws(Failure) {
        guard !options.ignoresPaused else { return }
        if isFrozen(group) { throw Failure(.wrongState, "the container was paused while the process joined it") }
        if let place = group.frozenPlace(of: child.pid) { throw .isFrozen(place) }
    }

    /// Sees the process through until it is its program.
    /// - Parameter seccomp: hands the filter's listener, of which it is given the descriptor, to the agent.
    mutating func converse(seccomp: (Int32) throws(Failure) -> SeccompAgentWatch?) throws(Failure) {
        while true {
            var message = try receive()
            // Close-on-exec: the socket ends when the program is executed.
            guard let kind = message.bytes.first else { return try checkAlive() }
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
                let failure = messages.failure(report, of: child.pid)
                throw agent?.explain(failure) ?? failure
            }
            try answer()
        }
    }

    private borrowing func answer() throws(Failure) {
        do throws(Errno) { try sendMessage(socket.rawValue, [proceed]) } catch {
            // A child that has exited may have sent its reason before: the next receive reads it.
            guard error == .brokenPipe || error == .connectionReset else { throw Failure("answer the process", error) }
        }
    }

    private borrowing func adopt() throws(Failure) {
        try cgroup { () throws(CgroupFailure) in try group.attach(child.pid, subPath: options.cgroupPaths.first) }
    }

    private mutating func prepare() throws(Failure) {
        if let text = try adjustOOMScore(of: child.pid, oomScoreAdjustment) { warnings.append(text) }
        if setsLimits { try setLimits(limits, of: child.pid) }
        if let path = options.pidFile {
            try writePidFile(path, child.pid)
            hasPidFile = true
        }
        if let path = options.pidfdSocket {
            try EngineSocket(path: path, flag: "--pidfd-socket").send(
                child.pidfd.rawValue, payload: Array("setns".utf8))
        }
    }

    // A process that was killed before it was ready has not executed the program.
    private borrowing func checkAlive() throws(Failure) {
        guard !isReady else { return }
        throw try failureOfSilentChild()
    }

    // It ended without a report.
    private borrowing func failureOfSilentChild() throws(Failure) -> Failure {
        let end = try during("wait for the process") { () throws(Errno) in try waitForEnd(of: child.pid) }
        if case .signalled(SIGKILL) = end, let failure = oomKill() { return failure }
        return Failure(.other, "the process ended before its program began (\(end)); a cgroup limit may be too low")
    }

    private borrowing func oomKill() -> Failure? {
        OOMKillDetector(watching: group).use().map {
            Failure(.system(.noMemory), "the exec process was OOM-killed (memory limit too low?): \($0)")
        }
    }

    /// Removes the pid file of a process that has not executed its program.
    borrowing func takeBack() {
        if hasPidFile, let path = options.pidFile { removePidFile(path, child.pid) }
    }

    consuming func finished() throws(Failure) -> ExecProcess {
        let pidfd = try during("duplicate the pidfd") { () throws(Errno) in try child.pidfd.duplicated() }
        return ExecProcess(pid: child.pid, pidfd: pidfd, terminal: terminal.take())
    }
}
