// Makes the init of a container: clone, conversation, and the record of the result.

internal import Cgroups
internal import CLinux
internal import Glibc
internal import Kernel
internal import OCISpec
internal import Planning

extension Runtime {
    func launch(
        _ plans: Plans, _ options: CreateOptions, _ bundle: Bundle, filter: SeccompFilter?,
        console: consuming EngineSocket?, inherited: InheritedDescriptors,
        network: consuming NetworkNamespace?, startsAtOnce: Bool
    ) throws(Failure) -> CreatedContainer {
        var undo = Undo()
        var notify: NotifySocket?
        var gate: Int32?
        defer { if let gate { close(gate) } }
        var reserved = try reserve(
            plans, options, bundle, filter, record: try firstRecord(plans, hasSeccomp: filter != nil), &undo
        ) { (directory) throws(Failure) in
            try NotifySocket.prepare(for: plans.container, in: directory)
            if startsAtOnce {
                notify = try NotifySocket.listen(in: directory) { note(.warning, $0) }
            } else {
                gate = try StartGate.make(in: directory).relinquish()
            }
        }
        timings?.mark("make the state directory and the cgroup", .resources)
        let location = reserved.placement.location
        let plan = try plan(plans, options, bundle, shownIn: location)
        let pair = try during("make a socket pair") { () throws(Errno) in try SocketPair() }
        let isHidden = try hideProcesses()
        let made = madeNamespaces(plan, network, isHidden: isHidden)
        defer { made.close() }
        let inputs = inputs(
            plan, filter, reserved, options, pair, gate: gate, inherited, made, isHidden: isHidden)
        let child = try spawn(inputs, into: reserved.placement.cloneIntoDescriptor)
        var parent = InitParent(
            plan: plan, cgroupPlan: plans.cgroup, cgroup: Cgroup(location, owner: reserved.owner), child: child,
            pair: pair, console: console, timings: timings)
        let pidfd: Int32
        var hasPidFile = false
        do throws(Failure) {
            pidfd = try complete(&parent, &reserved, options, &hasPidFile, startsAtOnce: startsAtOnce)
        } catch {
            let failure = reserved.directory.explain(error.during("unable to start container process"))
            endChild(of: &parent, removing: hasPidFile ? options.pidFile : nil)
            _ = consume undo
            runPoststop(plan, reserved.record)
            throw failure
        }
        undo.keep()
        note(.debug, "the init of container \(plan.id) is process \(reserved.record.pid)")
        let record = reserved.record
        return CreatedContainer(
            directory: reserved.directory, record: record, pidfd: OwnedDescriptor(adopting: pidfd),
            terminal: parent.takeTerminal(), notify: notify)
    }

    private func endChild(of parent: inout InitParent, removing pidFile: String?) {
        parent.channel.hangUp()
        parent.thaw()
        endChild(parent.channel.child)
        if let pidFile { removePidFile(pidFile, parent.channel.child.pid) }
    }

    private func firstRecord(_ plans: Plans, hasSeccomp: Bool) throws(Failure) -> ContainerRecord {
        let plan = plans.container
        var record = newRecord(plan, plans.cgroup.location, hasSeccomp: hasSeccomp)
        if plan.mountsOnHost {
            try checkNoTwin(of: plan.root.path)
            record.mountBelowRoot = try during("root.path: find the mount of \(plan.root.path)") { () throws(Errno) in
                try mountNumber(at: plan.root.path)
            }
        }
        return record
    }

    // The kernel may have refused a cgroup although its parent is writable, and the container must not see the runtime's
    // in its place (CVE-2023-25809): the plan is decided again, for the cgroup that exists.
    private func plan(
        _ plans: Plans, _ options: CreateOptions, _ bundle: Bundle, shownIn location: CgroupLocation
    ) throws(Failure) -> ContainerPlan {
        guard location.directories.count != plans.cgroup.location.directories.count else { return plans.container }
        return try containerPlan(options, bundle, try facts(options, bundle.spec, location))
    }

    private func inputs(
        _ plan: ContainerPlan, _ filter: SeccompFilter?, _ reserved: borrowing Reservation, _ options: CreateOptions,
        _ pair: borrowing SocketPair, gate: Int32?, _ inherited: InheritedDescriptors, _ made: InitInputs.Made,
        isHidden: Bool
    ) -> InitInputs {
        InitInputs(
            plan: plan,
            image: ExecImage(arguments: plan.process.arguments, environment: plan.process.environment),
            filter: filter, cgroupFiles: reserved.placement.childWrites,
            needsAdoption: reserved.placement.needsAdoption, joined: reserved.joined,
            made: made, parentEnd: pair.first.rawValue, childEnd: pair.second.rawValue, gate: gate,
            preservedDescriptors: inherited.count,
            makesKeyring: !options.withoutNewKeyring,
            isFilteredWhileWaiting: gate != nil && isFilteredWhileWaiting(plan, filter), isHidden: isHidden,
            trace: plan.hooks.createContainer.isEmpty && plan.hooks.startContainer.isEmpty
                ? TraceContext() : .inherited,
            clock: timings.map { _ in StepClock() })
    }

    // One call that fails where the kernel or a seccomp profile does not have it. An init that is not hidden hands its
    // namespaces out, which it opens before it enters this one.
    private func rootfsNamespace(_ plan: ContainerPlan) -> Int32? {
        guard plan.canBeginWithRootfs else { return nil }
        do throws(Errno) { return try makeMountNamespace(of: plan.root.path).relinquish() } catch { return nil }
    }

    private func madeNamespaces(
        _ plan: ContainerPlan, _ network: consuming NetworkNamespace?, isHidden: Bool
    ) -> InitInputs.Made {
        InitInputs.Made(mount: isHidden ? rootfsNamespace(plan) : nil, network: networkNamespace(plan, network))
    }

    private func networkNamespace(_ plan: ContainerPlan, _ network: consuming NetworkNamespace?) -> Int32? {
        guard let network else { return nil }
        do throws(Errno) {
            let made = try network.finish()
            let namespaces = plan.namespaces
            let isOfInit = namespaces.creates(.network) && !namespaces.has(.user) && !namespaces.needsIntermediate
            return isOfInit ? made.relinquish() : nil
        } catch {
            return nil
        }
    }

    // A filter with a listener is installed later: its agent would have to answer the calls of the wait.
    private func isFilteredWhileWaiting(_ plan: ContainerPlan, _ filter: SeccompFilter?) -> Bool {
        guard let filter, let seccomp = plan.seccomp, !filter.flags.contains(.newListener) else { return false }
        return seccomp.allows(ProcessSteps.callsOfWaiting)
    }

    /// Sees the child through until it waits at its gate or has executed the program.
    /// - Returns: a descriptor of the init that outlives the conversation.
    private func complete(
        _ parent: inout InitParent, _ reserved: inout Reservation, _ options: CreateOptions, _ hasPidFile: inout Bool,
        startsAtOnce: Bool
    ) throws(Failure) -> Int32 {
        let plan = parent.plan
        timings?.mark("clone")
        try parent.channel.begin()
        // While the child mounts; no hook has run, and no program of the container.
        if reserved.placement.lacksDevices {
            try cgroup { () throws(CgroupFailure) in
                try parent.cgroup.enforceDevices(of: parent.cgroupPlan, reserved.placement)
            }
            timings?.mark("enforce the device rules")
        }
        if plan.namespaces.needsIntermediate { try parent.awaitInit() }
        let pidfd = try parent.channel.duplicatePidfd().relinquish()
        let pid = parent.channel.child.pid
        if let resctrl = reserved.resctrl {
            try resctrl.admit(pid)
            reserved.record.resourceGroupInodes = groupInodes(reserved.record.resourceGroups)
        }
        if let text = try adjustOOMScore(of: pid, plan.process.oomScoreAdjustment) { note(.warning, text) }
        try identify(parent, &reserved.record)
        try converse(&parent, &reserved, options, &hasPidFile)
        for text in parent.warnings { note(.warning, text) }
        if reserved.record.cgroup != parent.location {
            // systemd has made it in answer to `adoptMe`.
            reserved.record.cgroup = parent.location
            try reserved.directory.write(reserved.record)
        }
        if let path = options.pidfdSocket {
            try EngineSocket(path: path, flag: "--pidfd-socket").send(
                parent.channel.child.pidfd.rawValue, payload: Array("standard".utf8))
        }
        try parent.waitForHandover()
        let isLater = startsAtOnce && (reserved.record.hasSeccomp || !plan.hooks.startContainer.isEmpty)
        timings?.mark("wait until the init is on its own", isLater ? nil : startsAtOnce ? .start : .gate)
        if isLater {
            try parent.checkExecuted()
            timings?.mark("startContainer hooks, seccomp filter and program", .start)
        }
        return pidfd
    }

    // A pid alone may belong to another process later.
    private func identify(_ parent: borrowing InitParent, _ record: inout ContainerRecord) throws(Failure) {
        let pid = parent.channel.child.pid
        let facts = try during("read /proc/\(pid)/stat") { () throws(Errno) in try processStat(pid) }
        record.pid = pid
        record.startTime = facts?.hostStartTime() ?? 0
        if facts == nil || !mayInspectHiddenProcesses() {
            let number = parent.channel.child.pidfd.rawValue
            record.initIdentity = try during("identify the container's init") { () throws(Errno) in
                try identity(ofPidfd: number)
            }
        }
        record.cgroup = parent.location
    }

    private func converse(
        _ parent: inout InitParent, _ reserved: inout Reservation, _ options: CreateOptions, _ hasPidFile: inout Bool
    ) throws(Failure) {
        // While the child mounts; if the runtime is killed from here on, the child dies too.
        let file = try reserved.directory.write(reserved.record)
        reserved.record.isReady = true
        let plan = parent.plan
        let handsOver = plan.namespaces.has(.user) && !plan.process.hasTerminal
        let rootPath = plan.mountsOnHost ? plan.root.path : nil
        let movesRoot = plan.root.withoutPivot && rootPath == nil
        try parent.converse { (pid, rulePlaces) throws(Failure) in
            if handsOver { StandardStreams.handOver(to: plan.process.uid, inNamespaceOf: pid) }
            if let path = options.pidFile {
                try writePidFile(path, pid)
                hasPidFile = true
            }
            if !rulePlaces.isEmpty { try reserved.directory.rememberRulePlaces(rulePlaces) }
            if movesRoot {
                reserved.record.movedRoot = try during("open the root of process \(pid)") { () throws(Errno) in
                    FileIdentity(try fileStatus(at: "/proc/\(pid)/root/"))
                }
                _ = try reserved.directory.write(reserved.record)
            } else {
                try reserved.directory.markReady(file)
            }
            if let rootPath {
                reserved.record.mountOfRoot = try during("root.path: find the mount of \(rootPath)") {
                    () throws(Errno) in
                    let top = try OwnedDescriptor.open(rootPath, .path)
                    return try uniqueMountPlace(of: top.rawValue).mount
                }
                _ = try reserved.directory.write(reserved.record)
            }
        }
    }

    private func spawn(_ inputs: InitInputs, into cgroup: Int32?) throws(Failure) -> ChildProcess {
        guard isOnlyThread() else {
            throw Failure(.other, "the runtime has more than one thread; it cannot go on in a clone")
        }
        let namespaces = inputs.plan.namespaces
        if namespaces.needsIntermediate {
            let child = try during("clone the intermediate process") { () throws(Errno) in
                try withHiddenArguments { () throws(Errno) in
                    guard let child = try cloneProcess(namespaces: [], into: cgroup) else { runIntermediate(inputs) }
                    return child
                }
            }
            return child
        }
        do throws(Errno) {
            return try withHiddenArguments { () throws(Errno) in
                guard let child = try cloneProcess(namespaces: inputs.cloned, into: cgroup) else {
                    runInitChild(inputs)
                }
                return child
            }
        } catch {
            throw Failure("clone the container's init" + hint(error, namespaces), error)
        }
    }

    // The thread that has made the network namespace may not have left yet.
    private func isOnlyThread() -> Bool {
        for round in 0..<1000 {
            if threadCount() == 1 { return true }
            if round < 50 { sched_yield() } else { poll(nil, 0, 1) }
        }
        return false
    }

    private func hint(_ code: Errno, _ namespaces: NamespacePlan) -> String {
        if code == .noSpace { return " (the limits under /proc/sys/user on namespaces, not the disk)" }
        guard code == .notPermitted else { return "" }
        return namespaces.creates(.user)
            ? " (this host may not let ordinary users make user namespaces)" : " (root is needed)"
    }

    /// Kills and reaps a half-made init, and waits until its namespaces' processes are gone with it.
    ///
    /// - Parameter milliseconds: how long it is waited for; 0 if it is known to be frozen on cgroup v1, where it ends only
    ///   when it is thawed.
    func endChild(_ child: borrowing ChildProcess, milliseconds: Int32 = 5000) {
        do throws(Errno) {
            try signalProcess(child.pidfd, SIGKILL)
            guard try waitUntilReadable(child.pidfd.rawValue, milliseconds: milliseconds) else {
                if milliseconds == 0 { return }
                return note(.warning, "process \(child.pid) has not ended 5 s after it was killed")
            }
            _ = try waitForEnd(of: child.pid)
        } catch {
            // Another wait has reaped it.
        }
    }
}
