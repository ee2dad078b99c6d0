// The parent's part of exec: the clone, and the conversation until the program runs.

internal import Cgroups
internal import CLinux
internal import Glibc
internal import Kernel
internal import OCISpec
internal import Planning
internal import SystemPackage

/// What a clone has come to: the process that joins or, for as long as it is not born, the one that bears it.
private struct JoiningClone: ~Copyable {
    let process: ChildProcess
    /// The process that joins, borne already by the other.
    var newborn: ChildProcess?
    var isAnsweredAtBirth = false
}

extension Runtime {
    func join(
        _ record: ContainerRecord, _ target: NamespacesOfInit, _ plan: ProcessPlan,
        _ filter: SeccompFilter?, _ options: ExecOptions, _ console: consuming EngineSocket?,
        _ directory: borrowing ContainerDirectory
    ) throws(Failure) -> JoinedProcess {
        let namespaces = NamespaceSet(rawValue: record.namespaces)
        // Root of a user namespace has no such rights over a process that comes from outside; others in a pid namespace
        // that was joined may have them.
        let sharesPids =
            namespaces.contains(.pid) && !record.creates(.pid)
        let needsIntermediate =
            sharesPids || (namespaces.contains(.user) ? geteuid() != 0 : namespaces.contains(.pid))
        if namespaces.contains(.pid), !needsIntermediate {
            // For the child alone: it is born there. No second process is needed in between.
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
        let isHidden = mayLookIntoHidden()
        if isHidden { try during("hide the runtime's processes") { () throws(Errno) in try hideProcess() } }
        let launch = JoinLaunch(
            id: record.id, process: plan,
            image: ExecImage(arguments: plan.arguments, environment: plan.environment), filter: filter,
            cgroupFiles: entry.childWrites, target: target, root: root, namespaces: namespaces,
            parentEnd: pair.first.rawValue, childEnd: pair.second.rawValue,
            preservedDescriptors: options.preservedDescriptors, needsIntermediate: needsIntermediate,
            isHidden: isHidden,
            freezers: options.ignoresPaused ? nil : group.freezerFiles)
        var clone = try spawn(launch, into: entry.cloneIntoDescriptor, group, record)
        let newborn = clone.newborn.take()
        let isAnsweredAtBirth = clone.isAnsweredAtBirth
        var parent = JoinParent(
            child: clone.process, socket: pair.takeFirst(), sentences: Sentences(process: plan), console: console,
            limits: plan.limits, setsLimits: namespaces.contains(.user), group: group, options: options,
            answersAtBirth: isAnsweredAtBirth, outOfMemoryScore: plan.oomScoreAdjustment)
        do throws(Failure) {
            try during("limit the wait for the process") { [number = parent.socket.rawValue] () throws(Errno) in
                try limitReceiving(number, milliseconds: 1000)
            }
            if let newborn {
                try parent.welcome(newborn, afterEnd: true)
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
            // Also what was borne and not heard of yet ends then.
            shutdown(parent.socket.rawValue, Int32(SHUT_RDWR))
            endChild(parent.child, milliseconds: parent.canEnd() ? 5000 : 0)
            parent.takeBack()
            // For the same reason as there, and said in the same way.
            if filter != nil, parent.failedStep == .execute, let refusal = try seccompPlan(directory)?.refusal {
                throw error.during(refusal)
            }
            throw error
        }
        for text in parent.warnings { note(.warning, text) }
        return try parent.finished()
    }

    /// Open until this process ends, as its clone has it by its number.
    private func openRoot(of record: ContainerRecord) throws(Failure) -> Int32 {
        let root = try during("open the root of process \(record.pid)") { () throws(Errno) in
            try OwnedDescriptor.open("/proc/\(record.pid)/root", .path | .directory)
        }
        // Its number may have been given to another meanwhile.
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
        _ launch: JoinLaunch, into directory: Int32?, _ group: Cgroup, _ record: ContainerRecord
    ) throws(Failure) -> JoiningClone {
        do throws(Errno) {
            return try clone(launch, into: directory)
        } catch {
            let lacksRights = error == .permissionDenied || error == .notPermitted
            if lacksRights, directory != nil, record.cgroup.isUserUnit { return try spawnForAdoption(launch) }
            // The container has moved its processes into cgroups of their own; the kernel then refuses theirs' parent.
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

    /// An ordinary user's process may go from cgroup to cgroup only below one that is delegated to the user; we are outside.
    private func spawnForAdoption(_ launch: JoinLaunch) throws(Failure) -> JoiningClone {
        var launch = launch
        launch.needsAdoption = true
        return try during("clone") { () throws(Errno) in try clone(launch, into: nil) }
    }

    private func clone(_ launch: JoinLaunch, into directory: Int32?) throws(Errno) -> JoiningClone {
        try withHiddenWords { () throws(Errno) in try cloneHidden(launch, into: directory) }
    }

    private func cloneHidden(_ launch: JoinLaunch, into directory: Int32?) throws(Errno) -> JoiningClone {
        if launch.livesInMemory {
            do throws(Errno) { return try cloneInMemory(launch, into: directory) } catch {
                // Engines' seccomp profiles say that there is no clone3.
                guard error == .noFunction else { throw error }
            }
        }
        guard let child = try cloneProcess(namespaces: [], into: directory) else { runJoiningClone(launch) }
        return JoiningClone(process: child)
    }

    private func cloneInMemory(_ launch: JoinLaunch, into directory: Int32?) throws(Errno) -> JoiningClone {
        var pid: Int32 = 0
        var launch = launch
        let between = try withUnsafeMutablePointer(to: &pid) { birth throws(Errno) in
            launch.birth = birth
            return try cloneProcessInMemory(into: directory, freezers: launch.freezers, sibling: birth) { [launch] in
                runJoiningClone(launch)
            }
        }
        var result = JoiningClone(process: between, isAnsweredAtBirth: launch.isAnsweredAtBirth)
        // It is our child, and not reaped yet: its number is no other's.
        if pid > 0 { result.newborn = ChildProcess(pid: pid, pidfd: try openProcess(pid)) }
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

/// The parent's half of the conversation with a process that joins.
struct JoinParent: ~Copyable {
    /// The process; until it is born, the one that bears it.
    private(set) var child: ChildProcess
    let socket: OwnedDescriptor
    let sentences: Sentences
    let limits: [ProcessPlan.Limit]
    /// In the container's user namespace the child may raise no hard limit; the parent may.
    let setsLimits: Bool
    let group: Cgroup
    let options: ExecOptions
    let answersAtBirth: Bool
    private var terminal: KeptTerminal
    let outOfMemoryScore: Int?
    private var hasPidFile = false
    private var isReady = false
    private(set) var failedStep: Step?
    /// What could not be had, and was done without.
    private(set) var warnings: [String] = []
    /// Of the agent that has the listener, from then on.
    private var agent: SeccompAgentWatch?

    init(
        child: consuming ChildProcess, socket: consuming OwnedDescriptor, sentences: Sentences,
        console: consuming EngineSocket?, limits: [ProcessPlan.Limit], setsLimits: Bool, group: Cgroup,
        options: ExecOptions, answersAtBirth: Bool, outOfMemoryScore: Int?
    ) {
        self.outOfMemoryScore = outOfMemoryScore
        self.group = group
        self.options = options
        self.answersAtBirth = answersAtBirth
        self.setsLimits = setsLimits
        self.child = child
        self.socket = socket
        self.sentences = sentences
        terminal = KeptTerminal(console: console)
        self.limits = limits
    }

    /// Hears from the process between that the one that joins is born.
    mutating func awaitProcess() throws(Failure) {
        while true {
            do throws(Failure) {
                try awaitWord(socket.rawValue, of: child) { () throws(Failure) in try checkNotFrozen() }
            } catch {
                throw error.kind == .other ? lackOfMemory() ?? error : error
            }
            var message = try hear()
            if message.bytes.first == ChildMessage.adoptMe.rawValue {
                try adopt()
                try answer()
                continue
            }
            if let born = message.takeBorn() { return try welcome(born, afterEnd: false) }
            if let report = StepReport(packet: message.bytes) {
                let failure = sentences.failure(report)
                // Somebody of the container was killed for it, or is about to be.
                guard report.code == .noMemory, let use = OOMKillDetector(watching: group).use() else { throw failure }
                throw Failure(failure.kind, "\(failure.message) (memory limit too low?): \(use)")
            }
            throw try silence()
        }
    }

    /// From here on the child is the process that joins.
    /// - Parameter afterEnd: whether the process between has ended already.
    mutating func welcome(_ born: consuming ChildProcess, afterEnd: Bool) throws(Failure) {
        let between = exchange(born)
        if answersAtBirth {
            try prepare()
            // The one looks for its answer late, and the other counts against the cgroup's limit until it is reaped.
            try reapBetween(between, afterEnd)
            return try answer()
        }
        // The one goes on while the other ends.
        try answer()
        try reapBetween(between, afterEnd)
    }

    private mutating func exchange(_ other: consuming ChildProcess) -> ChildProcess {
        swap(&child, &other)
        return other
    }

    private borrowing func reapBetween(_ between: borrowing ChildProcess, _ hasEnded: Bool) throws(Failure) {
        if hasEnded {
            let pid = between.pid
            try during("wait for the process before") { () throws(Errno) in _ = try waitForEnd(of: pid) }
        } else {
            try reap(between) { () throws(Failure) in try checkNotFrozen() }
        }
    }

    private mutating func hear() throws(Failure) -> ReceivedMessage {
        while true {
            do throws(Errno) { return try receiveMessage(socket.rawValue) } catch {
                if error == .connectionReset { throw try silence() }
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

    // A pause that comes while the process joins the container freezes it too: it says nothing until it is thawed.
    private borrowing func checkNotFrozen() throws(Failure) {
        guard !options.ignoresPaused else { return }
        if isFrozen(group) { throw Failure(.wrongState, "the container was paused while the process joined it") }
        if let place = group.frozenPlace(of: child.pid) { throw .isFrozen(place) }
    }

    /// Sees the process through until it is its program.
    /// - Parameter seccomp: hands the filter's listener, of which it is given the descriptor, to the agent.
    mutating func converse(seccomp: (Int32) throws(Failure) -> SeccompAgentWatch?) throws(Failure) {
        while true {
            var message = try hear()
            // The end of the conversation is the program's beginning.
            guard let word = message.bytes.first else { return try checkAlive() }
            switch ChildMessage(rawValue: word) {
            case .terminal:
                try terminal.keep(message)
                continue
            case .listener:
                if let listener = message.descriptor.take() { agent = try seccomp(listener.rawValue) }
            case .ready:
                isReady = true
                if answersAtBirth { continue }
                try prepare()
            case .adoptMe: try adopt()
            default:
                guard let report = StepReport(packet: message.bytes) else {
                    throw Failure(.other, "the process said what nobody understands")
                }
                failedStep = report.step
                let failure = sentences.failure(report, of: child.pid)
                throw agent?.explain(failure) ?? failure
            }
            try answer()
        }
    }

    private borrowing func answer() throws(Failure) {
        do throws(Errno) { try sendMessage(socket.rawValue, [proceed]) } catch {
            // One that is gone says why, if it can, when it is listened to again.
            guard error == .brokenPipe || error == .connectionReset else { throw Failure("answer the process", error) }
        }
    }

    private borrowing func adopt() throws(Failure) {
        try cgroup { () throws(CgroupFailure) in try group.attach(child.pid, subPath: options.cgroupPaths.first) }
    }

    private mutating func prepare() throws(Failure) {
        if let text = try adjustOutOfMemoryScore(of: child.pid, outOfMemoryScore) { warnings.append(text) }
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

    // A process that was killed before it was ready never became the program.
    private borrowing func checkAlive() throws(Failure) {
        guard !isReady else { return }
        throw try silence()
    }

    // It ended without a word.
    private borrowing func silence() throws(Failure) -> Failure {
        let end = try during("wait for the process") { () throws(Errno) in try waitForEnd(of: child.pid) }
        if case .signalled(SIGKILL) = end, let failure = lackOfMemory() { return failure }
        return Failure(.other, "the process ended before its program began (\(end)); a cgroup limit may be too low")
    }

    private borrowing func lackOfMemory() -> Failure? {
        OOMKillDetector(watching: group).use().map {
            Failure(.system(.noMemory), "the exec process was OOM-killed (memory limit too low?): \($0)")
        }
    }

    /// Takes away what tells of a process that never became the program.
    borrowing func takeBack() {
        if hasPidFile, let path = options.pidFile { removePidFile(path, child.pid) }
    }

    consuming func finished() throws(Failure) -> JoinedProcess {
        let pidfd = try during("duplicate the pidfd") { () throws(Errno) in try child.pidfd.duplicated() }
        return JoinedProcess(pid: child.pid, pidfd: pidfd, terminal: terminal.take())
    }
}
