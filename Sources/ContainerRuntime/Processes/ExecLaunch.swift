// Makes an exec process: the clones, and their cgroup.

internal import Cgroups
internal import CLinux
internal import Glibc
internal import Kernel
internal import OCISpec
internal import Planning

/// The result of the clone: the exec process or, as long as that does not exist, its intermediate.
private struct ExecClone: ~Copyable {
    let process: ChildProcess
    /// The exec process, if the intermediate has cloned it already.
    var sibling: ChildProcess?
    var isAnsweredEarly = false
}

extension Runtime {
    /// Starts a process in a container, and returns when it has executed its program.
    func launchExec(
        _ record: ContainerRecord, _ target: NamespacesOfInit, _ plan: ProcessPlan,
        _ filter: SeccompFilter?, _ options: ExecOptions, _ console: consuming EngineSocket?,
        _ directory: borrowing ContainerDirectory
    ) throws(Failure) -> ExecProcess {
        let needsIntermediate = needsIntermediate(record)
        try prepareClones(record, target, plan, needsIntermediate: needsIntermediate)
        let group = Cgroup(record.cgroup)
        let placement = try cgroup { () throws(CgroupFailure) in
            try group.placementForExec(initPid: record.pid, subPaths: options.cgroupPaths)
        }
        let pair = try during("make a socket pair") { () throws(Errno) in try SocketPair() }
        let namespaces = NamespaceSet(rawValue: record.namespaces)
        let bringsRoot = namespaces.contains(.mount) && record.movedRoot == nil
        let root = bringsRoot ? nil : try openRoot(of: record)
        let isHidden = try hideProcesses()
        let inputs = ExecInputs(
            id: record.id, process: plan,
            image: ExecImage(arguments: plan.arguments, environment: plan.environment), filter: filter,
            cgroupFiles: placement.childWrites, target: target, root: root, namespaces: namespaces,
            parentEnd: pair.first.rawValue, childEnd: pair.second.rawValue,
            preservedDescriptors: options.preservedDescriptors, needsIntermediate: needsIntermediate,
            isHidden: isHidden,
            freezers: options.ignoresPaused ? nil : group.freezerFiles)
        var clone = try spawn(inputs, into: placement.cloneIntoDescriptor, group, record)
        let sibling = clone.sibling.take()
        let answersEarly = clone.isAnsweredEarly
        var parent = ExecParent(
            child: clone.process, pair: pair, process: plan, console: console,
            namespaces: namespaces, group: group, options: options, answersEarly: answersEarly)
        do throws(Failure) {
            try parent.channel.begin()
            if let sibling {
                try parent.continueWithSibling(sibling, afterEnd: true)
            } else if needsIntermediate {
                try parent.awaitProcess()
            }
            try complete(&parent, record, directory, isFiltered: filter != nil)
        } catch {
            parent.channel.hangUp()
            endChild(parent.channel.child, milliseconds: parent.canEnd() ? 5000 : 0)
            parent.removePidFile()
            // The same explanation as for the container's init.
            if filter != nil, parent.failedStep == .execute, let refusal = try seccompPlan(directory)?.refusal {
                throw error.during(refusal).during("unable to start container process")
            }
            throw error.during("unable to start container process")
        }
        return try parent.finished()
    }

    // Root of the host needs no intermediate in a user namespace: a process of that namespace has no rights over one that
    // comes from outside. In a pid namespace that the container has joined, other processes may have such rights.
    private func needsIntermediate(_ record: ContainerRecord) -> Bool {
        let namespaces = NamespaceSet(rawValue: record.namespaces)
        let sharesPids = namespaces.contains(.pid) && !record.creates(.pid)
        return sharesPids || (namespaces.contains(.user) ? geteuid() != 0 : namespaces.contains(.pid))
    }

    /// Changes what the runtime's children inherit: their pid namespace and their CPUs.
    private func prepareClones(
        _ record: ContainerRecord, _ target: NamespacesOfInit, _ plan: ProcessPlan, needsIntermediate: Bool
    ) throws(Failure) {
        if NamespaceSet(rawValue: record.namespaces).contains(.pid), !needsIntermediate {
            try during("join the container's pid namespace") { () throws(Errno) in
                try target.join(NamespaceSet(.pid))
            }
        }
        if let cpus = plan.scheduling.initialAffinity {
            try during("process.execCPUAffinity.initial: set the CPUs") { () throws(Errno) in try setAffinity(cpus) }
        }
    }

    private func complete(
        _ parent: inout ExecParent, _ record: ContainerRecord, _ directory: borrowing ContainerDirectory,
        isFiltered: Bool
    ) throws(Failure) {
        timings?.mark("clone, and in the intermediate")
        try parent.converse { (number) throws(Failure) in try sendListener(number, record, directory) }
        for text in parent.warnings { note(.warning, text) }
        timings?.mark("join the container and execute the program")
        guard isFiltered else { return }
        defer { timings?.mark("see that it runs under its filter") }
        let pid = parent.channel.child.pid
        try checkExecuted(pid, seccomp: { () throws(Failure) in try seccompPlan(directory) }) { () throws(Errno) in
            try waitForEnd(of: pid)
        }
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
        _ inputs: ExecInputs, into directory: Int32?, _ group: Cgroup, _ record: ContainerRecord
    ) throws(Failure) -> ExecClone {
        timings?.mark("prepare the clone")
        do throws(Errno) {
            return try clone(inputs, into: directory)
        } catch {
            let lacksRights = error == .permissionDenied || error == .notPermitted
            if lacksRights, directory != nil, record.cgroup.isUserUnit { return try spawnForAdoption(inputs) }
            // The container has moved its processes into sub-cgroups, and the kernel allows none in their parent then.
            guard error == .resourceBusy, directory != nil else { throw Failure("clone", error) }
        }
        let placement = try cgroup { () throws(CgroupFailure) in
            try group.placementForExec(initPid: record.pid, followingInit: true)
        }
        var inputs = inputs
        if inputs.freezers != nil { inputs.freezers = group.freezerFiles(ofProcess: record.pid) }
        return try during("clone into the cgroup of the container's init") { [inputs] () throws(Errno) in
            try clone(inputs, into: placement.cloneIntoDescriptor)
        }
    }

    /// An unprivileged process may move only between cgroups below one that is delegated to its user. The runtime is outside.
    private func spawnForAdoption(_ inputs: ExecInputs) throws(Failure) -> ExecClone {
        var inputs = inputs
        inputs.needsAdoption = true
        return try during("clone") { () throws(Errno) in try clone(inputs, into: nil) }
    }

    private func clone(_ inputs: ExecInputs, into directory: Int32?) throws(Errno) -> ExecClone {
        try withHiddenArguments { () throws(Errno) in try cloneHidden(inputs, into: directory) }
    }

    private func cloneHidden(_ inputs: ExecInputs, into directory: Int32?) throws(Errno) -> ExecClone {
        if inputs.sharesMemory {
            do throws(Errno) { return try cloneInMemory(inputs, into: directory) } catch {
                // The seccomp profiles of engines answer clone3 with ENOSYS, old ones with EPERM.
                guard error == .noFunction || error == .notPermitted else { throw error }
            }
        }
        guard let child = try cloneProcess(namespaces: [], into: directory) else { runExecChild(inputs) }
        return ExecClone(process: child)
    }

    private func cloneInMemory(_ inputs: ExecInputs, into directory: Int32?) throws(Errno) -> ExecClone {
        var pid: Int32 = 0
        var inputs = inputs
        let intermediate = try withUnsafeMutablePointer(to: &pid) { pidSlot throws(Errno) in
            inputs.pidSlot = pidSlot
            return try cloneProcessInMemory(into: directory, freezers: inputs.freezers, sibling: pidSlot) { [inputs] in
                runExecChild(inputs)
            }
        }
        var result = ExecClone(process: intermediate, isAnsweredEarly: inputs.isAnsweredEarly)
        // A child that is not reaped yet keeps its pid.
        if pid > 0 { result.sibling = ChildProcess(pid: pid, pidfd: try openProcess(pid)) }
        return result
    }

    private func sendListener(
        _ number: Int32, _ record: ContainerRecord, _ directory: borrowing ContainerDirectory
    ) throws(Failure) -> SeccompAgentWatch? {
        guard let profile = try directory.config().linux?.seccomp, let path = profile.listenerPath else { return nil }
        return try SeccompListener(
            ociVersion: record.ociVersion, id: record.id, pid: record.pid, bundle: record.bundle,
            annotations: record.annotations, metadata: profile.listenerMetadata
        ).send(number, to: path)
    }
}
