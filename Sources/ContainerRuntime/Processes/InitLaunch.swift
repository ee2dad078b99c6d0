// Making the container: state, cgroup, clone; each taken back if a later one fails.

internal import Cgroups
internal import CLinux
internal import Glibc
internal import Kernel
internal import OCISpec
internal import Planning
internal import SystemPackage

extension Runtime {
    func launch(
        _ plans: Plans, _ options: CreateOptions, _ bundle: Bundle, filter: SeccompFilter?,
        console: consuming EngineSocket?, inherited: InheritedDescriptors, startsAtOnce: Bool
    ) throws(Failure) -> CreatedContainer {
        var plan = plans.container
        let joined = try openNamespaces(plan)
        var control: Resctrl?
        if let wanted = plan.resctrl { control = try Resctrl(wanted) }
        var undo = Undo()
        let location = plans.cgroup.location
        var record = newRecord(plan, location, hasSeccomp: filter != nil)
        if plan.mountsOnHost {
            try checkNoTwin(of: plan.root.path)
            record.mountBelowRoot = try during("root.path: find the mount of \(plan.root.path)") { () throws(Errno) in
                try mountNumber(at: plan.root.path)
            }
        }
        let directory = try reserveDirectory(plan, options, record, &undo)
        undo.add { [self, record] in detachRoot(record) }
        try directory.write(ContainerDirectory.configName, bundle.config)
        try NotifySocket.prepare(in: directory)
        let notify = startsAtOnce ? try NotifySocket.listen(in: directory) : nil
        let gate = startsAtOnce ? nil : try StartGate.make(in: directory).relinquish()
        defer { if let gate { close(gate) } }
        if let filter {
            note(.debug, "seccomp filter flags: \(filter.flags.rawValue)")
            try StoredFilter.write(filter, to: directory)
        }
        let owner = owner(id: record.id, created: record.created, location: location)
        let entry = try reserveCgroup(plans.cgroup, owner, &undo)
        record.cgroup = entry.location
        if let control {
            record.resourceGroups = try control.prepare()
            undo.add { [self, groups = record.resourceGroups] in removeResourceGroups(groups) }
        }
        for text in entry.refusals { note(.debug, "done without: \(text)") }
        if entry.location.directories.count != location.directories.count {
            plan.show(HostFacts.CgroupView(entry.location))
        }
        let pair = try during("make a socket pair") { () throws(Errno) in try SocketPair() }
        let isHidden = mayInspectHiddenProcesses()
        if isHidden { try during("hide the runtime's processes") { () throws(Errno) in try hideProcess() } }
        let launch = InitInputs(
            plan: plan,
            image: ExecImage(arguments: plan.process.arguments, environment: plan.process.environment),
            filter: filter, cgroupFiles: entry.childWrites, needsAdoption: entry.needsAdoption, joined: joined,
            parentEnd: pair.first.rawValue, childEnd: pair.second.rawValue, gate: gate,
            preservedDescriptors: inherited.count,
            makesKeyring: !options.withoutNewKeyring,
            isFilteredWhileWaiting: !startsAtOnce && isFilteredWhileWaiting(plan, filter), isHidden: isHidden,
            environment: plan.hooks.createContainer.isEmpty ? [] : currentEnvironment())
        let child = try spawn(launch, into: entry.cloneIntoDescriptor)
        var parent = InitParent(
            plan: plan, cgroupPlan: plans.cgroup, cgroup: Cgroup(entry.location, owner: owner), child: child,
            socket: pair.takeFirst(), console: console)
        let pidfd: Int32
        var hasPidFile = false
        do throws(Failure) {
            try parent.limitWaits()
            if plan.namespaces.needsIntermediate { try parent.awaitInit() }
            pidfd = try parent.duplicatePidfd().relinquish()
            if let control {
                try control.admit(parent.child.pid)
                record.resourceGroupInodes = groupInodes(record.resourceGroups)
            }
            try finish(&parent, &record, directory, options, &hasPidFile, startsAtOnce: startsAtOnce)
        } catch {
            let failure = directory.explain(error.during("unable to start container process"))
            parent.hangUp()
            parent.thaw()
            endChild(parent.child)
            if hasPidFile, let path = options.pidFile { removePidFile(path, parent.child.pid) }
            _ = consume undo
            runPoststop(plan, record)
            throw failure
        }
        undo.keep()
        note(.debug, "the init of container \(plan.id) is process \(record.pid)")
        return CreatedContainer(
            directory: directory, record: record, pidfd: OwnedDescriptor(adopting: pidfd),
            terminal: parent.takeTerminal(), notify: notify)
    }

    // A filter with a listener is installed later: its agent would have to answer the calls of the wait.
    private func isFilteredWhileWaiting(_ plan: ContainerPlan, _ filter: SeccompFilter?) -> Bool {
        guard let filter, let seccomp = plan.seccomp, !filter.flags.contains(.newListener) else { return false }
        return seccomp.allows(ProcessSteps.callsOfWaiting)
    }

    func newRecord(
        _ plan: ContainerPlan, _ location: CgroupLocation, hasSeccomp: Bool
    ) -> ContainerRecord {
        var record = ContainerRecord(
            id: plan.id, ociVersion: plan.ociVersion, bundle: plan.bundle, rootfs: plan.root.path,
            created: timestamp(), owner: geteuid(), cgroup: location, namespaces: plan.namespaces.entered.rawValue,
            annotations: plan.annotations)
        record.createdNamespaces = plan.namespaces.created.rawValue
        record.hasSeccomp = hasSeccomp
        record.oomScoreAdj = plan.process.oomScoreAdjustment
        record.execNeedsConfig =
            plan.process.scheduling.personality != nil || plan.process.scheduling.memoryPolicy != nil
        record.hasPoststartHooks = !plan.hooks.poststart.isEmpty
        record.hasPoststopHooks = !plan.hooks.poststop.isEmpty
        return record
    }

    /// Makes the state directory of a container that has nothing yet, with its first record.
    ///
    /// Before there is anything to be found again: from here on `delete --force` can clean up after a crash.
    func reserveDirectory(
        _ plan: ContainerPlan, _ options: CreateOptions, _ record: ContainerRecord, _ undo: inout Undo
    ) throws(Failure) -> ContainerDirectory {
        let directory = try makeDirectory(plan, options)
        let made: FileIdentity
        do throws(Failure) { made = try directory.identity() } catch {
            clinux_rmdir(directory.path)
            throw error
        }
        try directory.writeFirst(record)
        undo.add { [store, note, id = plan.id] in
            do throws(Failure) {
                let directory = try store.open(id: id)
                // Another container's, where ours has been deleted meanwhile.
                if try directory.identity() == made { try directory.remove() }
            } catch { note(.debug, error.message) }
        }
        return directory
    }

    /// Makes the container's cgroup.
    func reserveCgroup(
        _ plan: CgroupPlan, _ owner: CgroupOwner, _ undo: inout Undo
    ) throws(Failure) -> CgroupPlacement {
        let entry = try prepareCgroup(plan, owner)
        undo.add { [note, group = Cgroup(entry.location, owner: owner)] in
            do throws(CgroupFailure) {
                // What a hook has started there and left does not end with the init where that has no pids of its own.
                if try !group.processes().isEmpty { try group.killAll() }
            } catch { note(.debug, error.description) }
            do throws(CgroupFailure) { try group.remove() } catch { note(.warning, error.description) }
        }
        return entry
    }

    private func makeDirectory(
        _ plan: ContainerPlan, _ options: CreateOptions
    ) throws(Failure) -> ContainerDirectory {
        do throws(Failure) { return try store.make(id: plan.id) } catch {
            guard error.kind == .exists, options.isNamedAfterBundle, let other = bundle(ofContainer: plan.id),
                other != plan.bundle
            else { throw error }
            throw Failure(
                .exists,
                "\(error.message), of bundle \(other): a second bundle of this name needs an id of its own,"
                    + " as in: swiftrun run ID --bundle \(plan.bundle)")
        }
    }

    private func bundle(ofContainer id: String) -> String? {
        do throws(Failure) { return try store.open(id: id).record().bundle } catch { return nil }
    }

    private func finish(
        _ parent: inout InitParent, _ record: inout ContainerRecord, _ directory: borrowing ContainerDirectory,
        _ options: CreateOptions, _ hasPidFile: inout Bool, startsAtOnce: Bool
    ) throws(Failure) {
        let pid = parent.child.pid
        let process = parent.plan.process
        if let text = try adjustOOMScore(of: pid, process.oomScoreAdjustment) { note(.warning, text) }
        let facts = try during("read /proc/\(pid)/stat") { () throws(Errno) in try processStat(pid) }
        record.pid = pid
        record.startTime = facts?.startTime ?? 0
        if facts == nil || !mayInspectHiddenProcesses() {
            let number = parent.child.pidfd.rawValue
            try during("tell who the container's init is") { () throws(Errno) in
                record.initIdentity = try identity(ofPidfd: number)
            }
        }
        record.cgroup = parent.location
        // While the child mounts; a runtime that is killed from here on takes the child with it.
        let file = try directory.write(record)
        record.isReady = true
        let handsOver = parent.plan.namespaces.has(.user) && !process.hasTerminal
        let rootPath = parent.plan.mountsOnHost ? parent.plan.root.path : nil
        let movesRoot = parent.plan.root.withoutPivot && rootPath == nil
        try parent.converse { (pid) throws(Failure) in
            if handsOver { StandardStreams.handOver(to: process.uid, inNamespaceOf: pid) }
            if let path = options.pidFile {
                try writePidFile(path, pid)
                hasPidFile = true
            }
            if movesRoot {
                record.movedRoot = try during("open the root of process \(pid)") { () throws(Errno) in
                    FileIdentity(try fileStatus(at: "/proc/\(pid)/root/"))
                }
                _ = try directory.write(record)
            } else {
                try directory.markReady(file)
            }
            if let rootPath {
                record.mountOfRoot = try during("root.path: find the mount of \(rootPath)") { () throws(Errno) in
                    let top = try OwnedDescriptor.open(rootPath, .path)
                    return try uniqueMountPlace(of: top.rawValue).mount
                }
                _ = try directory.write(record)
            }
        }
        if record.cgroup != parent.location {
            // systemd has made it in answer to `adoptMe`.
            record.cgroup = parent.location
            try directory.write(record)
        }
        if let path = options.pidfdSocket {
            try EngineSocket(path: path, flag: "--pidfd-socket").send(
                parent.child.pidfd.rawValue, payload: Array("standard".utf8))
        }
        try parent.waitForHandover()
        if startsAtOnce, record.hasSeccomp || !parent.plan.hooks.startContainer.isEmpty { try parent.checkExecuted() }
    }

    private func prepareCgroup(_ plan: CgroupPlan, _ owner: CgroupOwner) throws(Failure) -> CgroupPlacement {
        do throws(Failure) {
            return try cgroup { () throws(CgroupFailure) in try Cgroup(plan.location, owner: owner).prepare(plan) }
        } catch {
            let refusals: [Errno] = [.permissionDenied, .notPermitted, .readOnlyFileSystem]
            // On v2 the message mentions delegation already.
            guard plan.toleratesRefusals, plan.location.hierarchy != .unified,
                refusals.contains(where: { error.kind == .system($0) })
            else { throw error }
            throw Failure(
                error.kind, "\(error.message) (limits, and a cgroupsPath, take a cgroup that is delegated to the user)")
        }
    }

    private func spawn(_ launch: InitInputs, into cgroup: Int32?) throws(Failure) -> ChildProcess {
        guard threadCount() == 1 else {
            throw Failure(.other, "the runtime has more than one thread; it cannot go on in a clone")
        }
        let namespaces = launch.plan.namespaces
        if namespaces.needsIntermediate {
            let child = try during("clone the intermediate process") { () throws(Errno) in
                try withHiddenArguments { () throws(Errno) in
                    guard let child = try cloneProcess(namespaces: [], into: cgroup) else { runIntermediate(launch) }
                    return child
                }
            }
            return child
        }
        // The cgroup namespace is created later, inside the cgroup, which becomes its root.
        let flags = namespaces.created.subtracting(NamespaceSet(.cgroup))
        do throws(Errno) {
            return try withHiddenArguments { () throws(Errno) in
                guard let child = try cloneProcess(namespaces: flags, into: cgroup) else { runInitChild(launch) }
                return child
            }
        } catch {
            throw Failure("clone the container's init" + hint(error, namespaces), error)
        }
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

    /// Opens the namespaces that are joined by path, and checks that each is what the config says.
    func openNamespaces(
        _ plan: ContainerPlan
    ) throws(Failure) -> [InitInputs.Joined] {
        var result: [InitInputs.Joined] = []
        for (index, namespace) in plan.namespaces.joined.enumerated() {
            let what = "\(namespace.key): open \(namespace.path)"
            let opened = try during(what) { () throws(Errno) in try OwnedDescriptor.open(namespace.path) }
            let kind: NamespaceKind?
            do throws(Errno) { kind = try namespaceKind(of: opened.rawValue) } catch { kind = nil }
            guard let kind else {
                throw Failure(.invalid, "\(namespace.key): \(namespace.path) is not a namespace")
            }
            guard kind == namespace.kind else {
                throw Failure(
                    .invalid,
                    "\(namespace.key): \(namespace.path) is a \(kind.rawValue) namespace, not a \(namespace.kind.rawValue) namespace"
                )
            }
            if try during(what, { () throws(Errno) in try isOwn(opened.rawValue, namespace.kind) }),
                let harm = plan.harm(toOwn: namespace.kind)
            {
                throw Failure(
                    .invalid,
                    "\(namespace.key): \(namespace.path) is the runtime's own \(namespace.kind.rawValue) namespace: \(harm)"
                )
            }
            result.append(InitInputs.Joined(kind: namespace.kind, descriptor: opened.relinquish(), index: index))
        }
        return result
    }

    // The host's first mount namespace counts too: pivot_root would change the root of every process in it.
    private func isOwn(_ descriptor: Int32, _ kind: NamespaceKind) throws(Errno) -> Bool {
        let other = try fileStatus(descriptor)
        let own = try fileStatus(at: "/proc/self/ns/\(kind.linkName)")
        if own.device == other.device && own.inode == other.inode { return true }
        guard kind == .mount else { return false }
        do throws(Errno) {
            let first = try fileStatus(at: "/proc/1/ns/\(kind.linkName)")
            return first.device == other.device && first.inode == other.inode
        } catch {
            // A process that may not look at it may not join it either.
            return false
        }
    }

    func runPoststop(_ plan: ContainerPlan, _ record: ContainerRecord) {
        guard !plan.hooks.poststop.isEmpty else { return }
        runPoststop(plan.hooks.poststop, record)
    }

    /// Runs the poststop hooks; a failing one is told and the rest run all the same. runtime-spec, runtime.md.
    func runPoststop(_ hooks: [Hook], _ record: ContainerRecord) {
        let state = record.state(status: "stopped", pid: 0).json()
        for hook in hooks {
            do throws(Failure) {
                try HookRunner(kind: "poststop", hooks: [hook], state: state).run()
            } catch {
                note(.warning, error.message)
            }
        }
    }
}

extension InitParent {
    /// A descriptor of the init that outlives the conversation.
    borrowing func duplicatePidfd() throws(Failure) -> OwnedDescriptor {
        try during("duplicate the pidfd") { () throws(Errno) in try child.pidfd.duplicated() }
    }
}
