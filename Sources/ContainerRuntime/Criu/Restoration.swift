// One restore: CRIU is started where the container is to be, asked, and answered at the moments at which it stops.

internal import Cgroups
internal import Criu
internal import CLinux
internal import Glibc
internal import Kernel
internal import OCISpec
internal import Planning

struct Restoration: ~Copyable {
    private let runtime: Runtime
    private let plans: Runtime.Plans
    private let options: RestoreOptions
    static let stageName = "criu"

    private let reserved: Reservation
    /// Nil for images of another runtime.
    private let known: ImageRecord?
    private let filter: SeccompFilter?
    private let makesKeyring: Bool
    private let stage: Stage
    private var record: ContainerRecord
    private var terminal: ConsoleHandoff
    /// The init, from post-restore on.
    private var process: ProcessHandle?
    private let threads: [ImageRecord.Thread]
    private var failure: Failure?
    /// CRIU's process.
    private var criu: Int32 = 0

    private var plan: ContainerPlan { plans.container }

    init(
        runtime: Runtime, plans: Runtime.Plans, options: RestoreOptions, reserved: consuming Reservation,
        known: ImageRecord?, filter: SeccompFilter?, makesKeyring: Bool,
        console: consuming EngineSocket?
    ) throws(Failure) {
        self.runtime = runtime
        self.plans = plans
        self.options = options
        self.known = known
        threads = known?.threads ?? []
        self.filter = filter
        self.makesKeyring = makesKeyring
        stage = Stage(directory: "\(reserved.directory.path)/\(Self.stageName)")
        record = reserved.record
        self.reserved = reserved
        terminal = ConsoleHandoff(console: console)
    }

    mutating func run(
        _ worker: Worker, _ images: borrowing ImageDirectory, _ configFile: String?
    ) throws(Failure) -> CreatedContainer {
        do throws(Failure) { return try restore(worker, images, configFile) } catch {
            throw reserved.directory.explain(error)
        }
    }

    private mutating func restore(
        _ worker: Worker, _ images: borrowing ImageDirectory, _ configFile: String?
    ) throws(Failure) -> CreatedContainer {
        var work: ImageDirectory?
        if let path = options.image.workPath { work = try ImageDirectory.make(path, flag: "--work-path") }
        try checkBefore(images)
        let streams = try readStreams(images)
        var directories = [try images.known()]
        if let other = try work?.known() { directories.append(other) }
        let criu = try start(worker, directories)
        self.criu = criu.pid
        var response: Response?
        do throws(Failure) {
            let version = try criu.version()
            let restore = try asFailure { () throws(InvalidSpec) in
                try RestorePlan(
                    plan, options, version: version, stage: stage, resolved: resolvedDestinations(), record: known)
            }
            var request = Request(.restore, options: restore.options)
            request.options?.imagesDirectory = criu.directories.first ?? -1
            request.options?.workDirectory = criu.directories.last
            request.options?.configFile = configFile
            request.options?.inherited = streams
            addNamespaces(to: &request)
            addCgroups(to: &request)
            runtime.note(.debug, "criu \(version) (\(worker.program)): restore")
            response = try criu.work(request) { notification, descriptor in
                do throws(Failure) {
                    try handle(notification, &descriptor)
                    return true
                } catch {
                    failure = failure ?? error
                    return false
                }
            }
        } catch {
            criu.end(isUrgent: true)
            endProcesses()
            throw failure ?? error
        }
        criu.end()
        guard response?.succeeded == true, failure == nil, let process else {
            endProcesses()
            if let failure { throw failure }
            if let work = work.take() { throw work.failure("restore", log: "restore.log", response) }
            throw images.failure("restore", log: "restore.log", response)
        }
        return try finish(process)
    }

    /// CRIU begins where its processes are to be: in the container's cgroup, and in the namespace of that.
    private borrowing func start(
        _ worker: Worker, _ directories: [KnownDirectory]
    ) throws(Failure) -> CriuProcess {
        let (plan, plans, stage) = (self.plan, self.plans, self.stage)
        let (known, makesKeyring) = (self.known, self.makesKeyring)
        let files = reserved.placement.childWrites
        let needsAdoption = reserved.placement.needsAdoption
        let joined = reserved.joined
        let control = reserved.resctrl
        let group = Cgroup(record.cgroup, owner: reserved.owner)
        let entersNamespace = options.image.cgroupsMode == nil || options.image.cgroupsMode == .ignore
        return try CriuProcess.start(
            worker, namespaces: NamespaceSet(.mount), into: reserved.placement.cloneIntoDescriptor,
            adopt: { pid throws(Failure) in
                if needsAdoption {
                    _ = try cgroup { () throws(CgroupFailure) in try group.adopt(pid, plan: plans.cgroup) }
                }
                if let control { try control.admit(pid) }
            }
        ) { child throws(Failure) in
            if needsAdoption || control != nil { try child.askForAdoption() }
            var failed = 0
            let code = CgroupPlacement.enter(files, failed: &failed)
            if code != 0 { throw Failure("enter the container's cgroup", Errno(rawValue: code)) }
            if entersNamespace {
                try during("enter the container's cgroup namespace") { () throws(Errno) in
                    if plan.namespaces.creates(.cgroup) { try unshareNamespaces(NamespaceSet(.cgroup)) }
                    for namespace in joined where namespace.kind == .cgroup {
                        try joinNamespaces(namespace.descriptor, NamespaceSet(.cgroup))
                    }
                }
            }
            try RestoreStage(plan: plan, stage: stage).run()
            for directory in directories { try child.handOver(try directory.open()) }
            try takeOnInheritance(plan, known, makesKeyring: makesKeyring)
            umask(0o077)
            return CriuDescriptors(
                streams: plan.process.hasTerminal ? [] : [0, 1, 2],
                inherited: joined.filter { $0.kind != .cgroup }.map { $0.descriptor })
        }
    }

    /// Holds against the config what the images say, and no restored process shows.
    private borrowing func checkBefore(_ images: borrowing ImageDirectory) throws(Failure) {
        var text = known?.difference(from: plan.process)
        if text == nil { text = plan.differenceOfHost(from: try images.names()) }
        if text == nil, let program = filter?.program { text = try differenceOfFilter(images, program) }
        guard let text else { return }
        let failure = RestoredProcesses.differs(text)
        guard options.allowsDifferingImage else { throw failure }
        runtime.note(.warning, failure.message)
    }

    private borrowing func differenceOfFilter(
        _ images: borrowing ImageDirectory, _ program: [UInt8]
    ) throws(Failure) -> String? {
        // Processes without a filter are found when they are there.
        guard let bytes = try images.read(SeccompImage.name, limit: SeccompImage.largest) else { return nil }
        let found: SeccompImage
        do throws(WireError) { found = try SeccompImage(bytes) } catch {
            throw Failure(.damaged, "\(images.path)/\(SeccompImage.name): \(error.problem)")
        }
        guard let other = found.first.first(where: { $0 != program }) else { return nil }
        return
            "linux.seccomp makes a filter of \(program.count / 8) instructions, and \(SeccompImage.name) has another, of"
            + " \(other.count / 8)"
    }

    private borrowing func readStreams(_ images: borrowing ImageDirectory) throws(Failure) -> [KeyedDescriptor] {
        guard !plan.process.hasTerminal else { return [] }
        guard let bytes = try images.read("descriptors.json", limit: 1 << 20) else {
            throw Failure(
                .invalid, "--image-path: \(images.path) has no descriptors.json, which tells the streams apart")
        }
        let texts: [String]
        do throws(InvalidSpec) { texts = try [String](json: bytes) } catch {
            throw Failure(.damaged, "\(images.path)/descriptors.json: \(error)")
        }
        let streams = restoredStreams(texts)
        for stream in streams where stream.key.hasPrefix("file[") {
            // CRIU sets the place in the file, which a pipe does not have.
            let number = stream.number
            let status = try during("look at descriptor \(number)") { () throws(Errno) in try fileStatus(number) }
            guard status.isRegular || status.mode & S_IFMT == S_IFCHR else {
                throw Failure(
                    .invalid,
                    "descriptor \(number) was a file when the container was checkpointed, and has to be one for restore"
                )
            }
        }
        return streams
    }

    /// The mounts' destinations with the links in the rootfs resolved.
    private borrowing func resolvedDestinations() -> [String] {
        guard let root = try? OwnedDescriptor.open(plan.root.path, .path | .directory),
            let base = try? readLink(OwnedDescriptor.currentDirectory, "/proc/self/fd/\(root.rawValue)")
        else { return [] }
        let directory = RootDirectory(root)
        return plan.mounts.map { mount in
            guard let place = try? directory.open(mount.destination),
                let path = try? readLink(OwnedDescriptor.currentDirectory, "/proc/self/fd/\(place.rawValue)"),
                path.hasPrefix(base + "/")
            else { return mount.destination }
            return String(path.dropFirst(base.count))
        }
    }

    /// Namespaces of others: by a name that the images have, or to be joined.
    private borrowing func addNamespaces(to request: inout Request) {
        var number = Worker.firstInherited
        for namespace in reserved.joined where namespace.kind != .cgroup {
            switch namespace.kind {
            case .network:
                request.options?.inherited.append(KeyedDescriptor(key: ExternalNamespace.network, number: number))
            case .pid: request.options?.inherited.append(KeyedDescriptor(key: ExternalNamespace.pid, number: number))
            default:
                request.options?.joinedNamespaces.append(
                    KeyedPath(key: namespace.kind.linkName, value: "/proc/self/fd/\(number)"))
            }
            number += 1
        }
    }

    /// The new paths of the images' cgroups, for the modes in which CRIU makes them.
    private borrowing func addCgroups(to request: inout Request) {
        guard let mode = request.options?.cgroupsMode, mode != .ignore else { return }
        for directory in record.cgroup.directories {
            if directory.isUnified {
                guard record.cgroup.hierarchy == .unified else { continue }
                request.options?.cgroupRoots.append((controllers: nil, path: directory.path))
            }
            for controller in directory.controllers where !directory.isUnified {
                let name = controller == "systemd" ? "name=systemd" : controller
                request.options?.cgroupRoots.append((controllers: name, path: directory.path))
            }
        }
    }

    private mutating func handle(
        _ notification: Notification, _ descriptor: inout OwnedDescriptor?
    ) throws(Failure) {
        switch notification.moment {
        case .setupNamespaces: if let pid = notification.pid { try setUpNamespaces(pid) }
        case .orphanTerminal: if let master = descriptor.take() { try keep(master) }
        case .postRestore: if let pid = notification.pid { try acceptInit(pid) }
        case .preResume: try checkProcesses()
        default: break
        }
    }

    private borrowing func setUpNamespaces(_ pid: Int32) throws(Failure) {
        if plan.namespaces.creates(.network) {
            try moveNetworkDevices(plan.networkDevices, to: pid)
            try setUpNetwork(of: pid, plan.sysctls)
        }
        let hooks = plan.hooks
        guard !hooks.prestart.isEmpty || !hooks.createRuntime.isEmpty else { return }
        let state = ContainerState(
            ociVersion: plan.ociVersion, id: plan.id, pid: pid, status: "creating", bundle: plan.bundle,
            rootfs: plan.root.path, annotations: plan.annotations
        ).json()
        try HookRunner(kind: "prestart", hooks: hooks.prestart, state: state).run()
        try HookRunner(kind: "createRuntime", hooks: hooks.createRuntime, state: state).run()
    }

    private mutating func keep(_ master: consuming OwnedDescriptor) throws(Failure) {
        let number: Int32
        do throws(Errno) { number = Int32(clamping: try terminalNumber(of: master)) } catch { number = 0 }
        try terminal.keep(ReceivedMessage(bytes: [0] + Array("/dev/pts/\(number)".utf8), descriptor: master))
    }

    /// All processes are there, and stand still; mounts and namespaces are complete.
    private mutating func acceptInit(_ pid: Int32) throws(Failure) {
        process = try during("open process \(pid)") { () throws(Errno) in try ProcessHandle(pid) }
        let restored = restoredProcesses(pid)
        let found: NamespaceSet
        do throws(Failure) {
            found = try restored.checkNamespaces()
        } catch {
            guard options.allowsDifferingImage, error.kind == .invalid else { throw error }
            runtime.note(.warning, error.message)
            found = plan.namespaces.entered
        }
        guard let facts = try during("read /proc/\(pid)/stat", { () throws(Errno) in try processStat(pid) }) else {
            // A record without a start time means a stopped container.
            throw Failure(.other, "read /proc/\(pid)/stat: the restored process is gone")
        }
        record.pid = pid
        record.startTime = facts.hostStartTime()
        // CRIU has made a time namespace, whose clocks go on where they were: exec has to see them too.
        record.namespaces = found.rawValue
        if found.contains(.time), !plan.namespaces.has(.time) {
            record.createdNamespaces |= NamespaceKind.time.cloneFlag
        }
        if !record.resourceGroups.isEmpty {
            record.resourceGroupInodes = runtime.groupInodes(record.resourceGroups)
        }
        try reserved.directory.write(record)
        if plan.namespaces.has(.user), !plan.process.hasTerminal {
            StandardStreams.handOver(to: plan.process.uid, inNamespaceOf: pid)
        }
        let refusals = try ThreadSettings.apply(threads, to: pid, Cgroup(record.cgroup))
        for text in refusals { runtime.note(.warning, text) }
    }

    private borrowing func restoredProcesses(_ pid: Int32) -> RestoredProcesses {
        RestoredProcesses(
            plan: plan, pid: pid, group: Cgroup(record.cgroup), hasFilter: filter != nil,
            ignoresLabel: options.securityProfile != nil)
    }

    /// Holds the mounts that the restored processes see against the config.
    private borrowing func checkMounts(_ restored: RestoredProcesses) throws(Failure) {
        let mounts = RestoredMounts(plan: plan, stage: stage, location: record.cgroup, criu: criu)
        for process in [restored.pid] + (try restored.processesWithOwnMounts()) {
            if let text = try mounts.difference(of: process) { throw RestoredProcesses.differs(text) }
        }
    }

    /// Credentials, filters, labels and descriptors are in place; nothing runs yet.
    private borrowing func checkProcesses() throws(Failure) {
        guard record.pid > 0 else { throw Failure(.other, "criu lets processes go that it has not told of") }
        let restored = restoredProcesses(record.pid)
        do throws(Failure) {
            try checkMounts(restored)
            try restored.checkProcesses(RestoredDescriptors(plan, criu: criu))
        } catch {
            guard options.allowsDifferingImage, error.kind == .invalid else {
                // Before 4.1, CRIU resumes the processes whatever answer it gets now, but none of them runs yet. They
                // are killed only after CRIU has ended, because it would wait for a process that is killed while it
                // works on it.
                restored.stop()
                throw error
            }
            runtime.note(.warning, error.message)
        }
    }

    /// After a failure: what CRIU has made is a child of ours, which it may have killed, and only we can reap.
    private mutating func endProcesses() {
        do throws(Errno) {
            if let process {
                process.signal(SIGKILL)
                _ = try waitUntilReadable(process.pidfd.rawValue, milliseconds: 5000)
            }
        } catch {
            // It is gone already.
        }
        do throws(Errno) { while try reapEnded() != nil {} } catch {}
    }

    private mutating func finish(_ process: ProcessHandle) throws(Failure) -> CreatedContainer {
        record.isReady = true
        try reserved.directory.write(record)
        let directory = try runtime.store.open(id: record.id)
        let pidfd = try during("duplicate the pidfd") { () throws(Errno) in try process.pidfd.duplicated() }
        return CreatedContainer(
            directory: directory, record: record, pidfd: pidfd, terminal: terminal.take(), notify: nil)
    }
}
