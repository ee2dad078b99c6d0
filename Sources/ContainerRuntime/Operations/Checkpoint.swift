// `checkpoint`: writes the processes of a container to files, and ends the container unless it is to run on.

internal import Cgroups
internal import Criu
internal import CLinux
internal import Glibc
internal import Kernel
internal import OCISpec
package import Planning

extension Runtime {
    /// A failed checkpoint leaves the container as it was.
    package func checkpoint(id: String, _ options: CheckpointOptions) throws(Failure) {
        try asFailure { () throws(InvalidSpec) in try options.check() }
        try checkRightsForCriu("checkpoint")
        let directory = try store.open(id: id)
        try directory.lock()
        var record = try directory.record()
        try endAbandonedCriu(&record, directory)
        let status = try directory.status(of: record)
        guard status == .running || status == .paused else {
            throw Failure(.wrongState, "Container cannot be checkpointed in \(status.rawValue) state")
        }
        let spec = try directory.config()
        let plan = try recordedPlan(record, spec, directory)
        let worker = try CriuProgram.find()
        let images = try ImageDirectory.make(
            options.image.imagePath, flag: "--image-path", group: plan.namespaces.rootGroup)
        try checkParent(options, images)
        if let number = options.statusDescriptor { try checkStatusDescriptor(number) }
        do throws(Failure) {
            try dump(plan, spec, record, directory, options, images, worker, wasPaused: status == .paused)
        } catch {
            forgetCriu(record, directory)
            let explained = directory.explain(error)
            // CRIU's words for a process that is gone do not say so.
            guard explained.message == error.message, let status = try? directory.status(of: record), status == .stopped
            else { throw explained }
            throw Failure(.wrongState, "the container has ended meanwhile: \(error.message)")
        }
        forgetCriu(record, directory)
        guard !options.leavesRunning, !options.isPreDump else { return }
        // Processes that CRIU has ended stay ended; `delete` removes the rest.
        do throws(Failure) { try destroy(record, directory) } catch { note(.warning, error.message) }
    }

    private func forgetCriu(_ record: ContainerRecord, _ directory: borrowing ContainerDirectory) {
        // It has ended, and is not taken for another process later.
        do throws(Failure) { try directory.write(record) } catch { note(.debug, error.message) }
    }

    /// The plan of the container, made again from its config.
    private func recordedPlan(
        _ record: ContainerRecord, _ spec: Spec, _ directory: borrowing ContainerDirectory
    ) throws(Failure) -> ContainerPlan {
        var facts = HostFacts.probe(cgroup: record.cgroup)
        if NotifySocket.isIn(directory) { facts.notifyDirectory = NotifySocket.directory(in: directory.path) }
        facts.joinedMaps = try joinedMaps(spec.linux ?? Linux())
        return try asFailure { () throws(InvalidSpec) in
            try ContainerPlan(spec: spec, id: record.id, bundle: record.bundle, host: facts)
        }
    }

    private func checkParent(
        _ options: CheckpointOptions, _ images: borrowing ImageDirectory
    ) throws(Failure) {
        guard let parent = options.parentPath else { return }
        let number = images.descriptor.rawValue
        try during("--parent-path: open \(parent), which is relative to --image-path \(images.path)") {
            () throws(Errno) in _ = try OwnedDescriptor.open(parent, .path | .directory, at: number)
        }
        try images.checkParents(at: parent)
    }

    private func checkStatusDescriptor(_ number: Int32) throws(Failure) {
        let flags = clinux_fcntl(number, F_GETFL, 0)
        guard flags >= 0, flags & O_ACCMODE != O_RDONLY else {
            throw Failure(.invalid, "--status-fd: descriptor \(number) is not open for writing")
        }
    }

    private func dump(
        _ plan: ContainerPlan, _ spec: Spec, _ record: ContainerRecord, _ directory: borrowing ContainerDirectory,
        _ options: CheckpointOptions, _ images: borrowing ImageDirectory, _ worker: Worker, wasPaused: Bool
    ) throws(Failure) {
        var work: ImageDirectory?
        if let path = options.image.workPath { work = try ImageDirectory.make(path, flag: "--work-path") }
        let criu = try startCriu(worker, plan)
        let (version, checkpoint): (CriuVersion, CheckpointPlan)
        do throws(Failure) {
            try directory.write(record.naming(criu: criu.pid))
            (version, checkpoint) = try prepare(plan, record, options, criu)
        } catch {
            criu.end(isUrgent: true)
            throw error
        }
        var request = Request(checkpoint.kind, options: checkpoint.options)
        request.options?.imagesDirectory = images.descriptor.rawValue
        request.options?.workDirectory = work?.descriptor.rawValue ?? images.descriptor.rawValue
        request.options?.configFile = criuConfigFile(spec.annotations)
        var lock: NetworkLock?
        if checkpoint.locksNetwork { lock = try NetworkLock(of: record.pid) }
        var (failure, silence): (Failure?, Failure?)
        var response: Response?
        var dump = Dump(plan: checkpoint, record: record, version: version, status: options.statusDescriptor)
        do throws(Failure) {
            // With lazy pages it waits for others.
            response = try criu.work(request, isWatched: !options.image.hasLazyPages) { notification, _ in
                do throws(Failure) {
                    try dump.handle(notification, images)
                    return true
                } catch {
                    failure = failure ?? error
                    return false
                }
            }
        } catch {
            silence = error
        }
        criu.end(isUrgent: response == nil, port: options.pageServer?.port)
        guard response?.succeeded == true else {
            if response == nil { endHelpersOfCriu() }
            restoreFreezer(record, wasPaused: wasPaused)
            // CRIU that has answered has removed it itself.
            if response == nil, let lock { do throws(Failure) { try lock.remove() } catch {} }
            if let failure { throw failure }
            if let work = work.take() { throw work.failure("dump", log: "dump.log", response, silence) }
            throw images.failure("dump", log: "dump.log", response, silence)
        }
        if let lock, checkpoint.leavesLock { unlock(lock) }
    }

    private func unlock(_ lock: borrowing NetworkLock) {
        do throws(Failure) { try lock.remove() } catch {
            note(.warning, "CRIU's rules, which drop all traffic, stay in the network namespace: \(error.message)")
        }
    }

    private func prepare(
        _ plan: ContainerPlan, _ record: ContainerRecord, _ options: CheckpointOptions, _ criu: borrowing CriuProcess
    ) throws(Failure) -> (CriuVersion, CheckpointPlan) {
        let version = try criu.version()
        let facts = try CheckpointProbe(plan: plan, record: record).facts(version)
        let checkpoint = try asFailure { () throws(InvalidSpec) in try CheckpointPlan(plan, options, facts) }
        for text in checkpoint.warnings { note(.warning, text) }
        try checkKernel(options, criu)
        note(.debug, "criu \(version): \(checkpoint.kind)")
        return (version, checkpoint)
    }

    private func startCriu(_ worker: Worker, _ plan: ContainerPlan) throws(Failure) -> CriuProcess {
        // Helpers of a CRIU that is killed become children of the runtime, which ends them.
        try during("become a subreaper") { () throws(Errno) in try processControl(.setSubreaper, 1) }
        return try CriuProcess.start(worker) { _ throws(Failure) in
            // The processes are restored as root of their user namespace, which is another user here.
            umask(plan.namespaces.has(.user) ? 0o022 : 0o077)
            return CriuDescriptors()
        }
    }

    private func checkKernel(_ options: CheckpointOptions, _ criu: borrowing CriuProcess) throws(Failure) {
        let needsTracking = options.isPreDump || options.parentPath != nil
        guard needsTracking || options.image.hasLazyPages else { return }
        let found = try criu.features(
            KernelFeatures(tracksMemory: needsTracking, hasLazyPages: options.image.hasLazyPages))
        if needsTracking, !found.tracksMemory {
            throw Failure(
                .other,
                "\(options.isPreDump ? "--pre-dump" : "--parent-path"): memory tracking missing: this kernel does not tell"
                    + " which pages were written to (CONFIG_MEM_SOFT_DIRTY)")
        }
        if options.image.hasLazyPages, !found.hasLazyPages {
            throw Failure(.other, "--lazy-pages: this kernel does not let pages be served (userfaultfd)")
        }
    }

    // CRIU thaws what it has frozen, and nothing else, unless it was killed.
    private func restoreFreezer(_ record: ContainerRecord, wasPaused: Bool) {
        let group = Cgroup(record.cgroup)
        do throws(CgroupFailure) {
            let isFrozen = try group.isFrozen()
            if isFrozen, !wasPaused { try group.thaw() }
            if wasPaused, !isFrozen { try group.freeze() }
        } catch {
            note(.warning, error.description)
        }
    }
}

/// The values that are collected while CRIU dumps.
private struct Dump {
    let plan: CheckpointPlan
    let record: ContainerRecord
    let version: CriuVersion
    var status: Int32?

    mutating func handle(_ notification: Notification, _ images: borrowing ImageDirectory) throws(Failure) {
        switch notification.moment {
        case .statusReady:
            guard let number = status.take() else { return }
            try during("--status-fd: write to descriptor \(number)") { () throws(Errno) in
                try writeAll([0], to: number)
            }
            close(number)
        case .postDump:
            // Everything stands still yet.
            var record = plan.record
            try ThreadSettings.read(of: self.record.pid, Cgroup(self.record.cgroup), into: &record)
            let (features, found) = (CriuFeatures(version), record.noNewPrivileges)
            try asFailure { () throws(InvalidSpec) in try features.check(found) }
            try images.write("descriptors.json", plan.streams.json())
            try images.write(ImageRecord.name, record.json())
        default: break
        }
    }
}

/// A config file for CRIU ("configuration file" in its manual): the file that runc reads, another that the container
/// names, or an empty one.
func criuConfigFile(_ annotations: TextMap<String>) -> String? {
    guard let named = annotations["org.criu.config"] else { return "/etc/criu/runc.conf" }
    return named.isEmpty ? nil : named
}

/// Runs a decision; what it refuses is the caller's to mend.
func asFailure<Value>(_ body: () throws(InvalidSpec) -> Value) throws(Failure) -> Value {
    do throws(InvalidSpec) { return try body() } catch { throw Failure(.invalid, "\(error)") }
}

extension NamespacePlan {
    /// The host's id of the group of root in the container's user namespace; nil without one.
    var rootGroup: UInt32? { has(.user) ? gidMappings.first { $0.containerID == 0 }?.hostID : nil }
}
