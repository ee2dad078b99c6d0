// `exec`: another process in a container that runs.

internal import Cgroups
internal import Glibc
internal import Kernel
internal import OCISpec
internal import Planning

/// The options of `exec`.
package struct ExecOptions: Sendable {
    package var id: String
    /// A file with a `process` object; the options below are ignored then.
    package var processFile: String?
    package var arguments: [String] = []
    package var workingDirectory: String?
    package var environment: [String] = []
    package var hasTerminal = false
    package var uid: UInt32?
    package var gid: UInt32?
    package var additionalGroups: [UInt32] = []
    package var capabilities: [String] = []
    package var noNewPrivileges = false
    package var selinuxLabel: String?
    package var apparmorProfile: String?
    package var consoleSocket: String?
    package var pidfdSocket: String?
    package var pidFile: String?
    package var isDetached = false
    package var preservedDescriptors: Int32 = 0
    package var cgroupPaths: [String] = []
    package var ignoresPaused = false
    package init(id: String) { self.id = id }

    /// Whether another program has to read what this command writes: it may never do so.
    fileprivate var needsPeers: Bool { consoleSocket != nil || pidfdSocket != nil || pidFile != nil }
}

extension Runtime {
    /// - Returns: the exit status for the caller: the process's own in the foreground.
    package func exec(_ options: ExecOptions) throws(Failure) -> Int32 {
        try InheritedDescriptors(sockets: 0, preserved: options.preservedDescriptors).keepOthers()
        noteIgnoredSignals()
        if options.needsPeers { RequestToEnd.heed() }
        let directory = try store.open(id: options.id)
        let record = try directory.record()
        let initPidfd = try record.openInit()
        let status = try directory.status(of: record, hasInit: initPidfd != nil)
        try checkStatus(status, options)
        if !options.ignoresPaused, getenv("SWIFTRUN_WAS_FROZEN") != nil,
            let place = Cgroup(record.cgroup).frozenPlace(of: record.pid)
        {
            throw .isFrozen(place)
        }
        guard let initPidfd else { throw Failure(.wrongState, "cannot exec in a stopped container") }
        timings?.mark("read the record")
        let isWaiting = status != .running && directory.has(ContainerDirectory.gateName)
        let plan = try processPlan(options, record, directory, isInitWaiting: isWaiting)
        try checkSecurityModules(plan)
        let filter = record.hasSeccomp ? try StoredFilter.read(from: directory) : nil
        timings?.mark("plan")
        var console: EngineSocket?
        if let path = options.consoleSocket { console = try EngineSocket(path: path, flag: "--console-socket") }
        try checkTerminal(
            plan, consoleSocket: options.consoleSocket, isForeground: !options.isDetached, remedy: "leaving out --tty",
            request: "--tty")
        if record.namespaces & NamespaceKind.user.cloneFlag != 0, !plan.hasTerminal {
            StandardStreams.handOver(to: plan.uid, inNamespaceOf: record.pid)
        }
        let signals = options.isDetached ? nil : try Foreground.blockSignals(heedsRequests: options.needsPeers)
        var process: ExecProcess
        do throws(Failure) {
            let namespaces = try directory.namespaces(of: initPidfd.rawValue, isWaiting: isWaiting)
            timings?.mark("find the namespaces")
            process = try launchExec(record, namespaces, plan, filter, options, console, directory)
        } catch {
            // Which may be the reason why the init has ended, too.
            if error.kind == .system(.noMemory) { throw error }
            throw hasEnded(initPidfd) ? Failure(.wrongState, "cannot exec in a stopped container") : error
        }
        note(.debug, "process \(process.pid) has joined container \(record.id)")
        timings?.write()
        if options.isDetached { return 0 }
        guard let signals else { return 0 }
        if options.needsPeers { try Foreground.blockRequests(forwardingTo: process.pidfd) }
        return try Foreground(
            pid: process.pid, pidfd: process.pidfd, signals: signals, terminal: process.terminal.take()
        ).wait { note(.warning, $0) }.shellStatus
    }

    // If the init has ended meanwhile, that is the reason of every failure.
    private func hasEnded(_ initPidfd: borrowing OwnedDescriptor) -> Bool {
        do throws(Errno) { return try waitUntilReadable(initPidfd.rawValue, milliseconds: 0) } catch { return false }
    }

    // The init is without its seccomp filter and its limits until it is started. Where the user namespace is the runtime's
    // own, being hidden does not keep it from those with CAP_SYS_PTRACE.
    private func leaveInitAlone(_ plan: inout ProcessPlan, _ record: ContainerRecord) {
        guard !NamespaceSet(rawValue: record.namespaces).contains(.user),
            plan.capabilities.bounding.contains(.tracing) || plan.capabilities.permitted.contains(.tracing)
        else { return }
        note(.warning, "CAP_SYS_PTRACE is withheld until the container is started: its init could be traced")
        plan.capabilities.remove(.tracing)
    }

    private func checkStatus(_ status: ContainerStatus, _ options: ExecOptions) throws(Failure) {
        switch status {
        case .stopped: throw Failure(.wrongState, "cannot exec in a stopped container")
        case .creating: throw .isBeingCreated(options.id)
        case .paused where !options.ignoresPaused:
            throw Failure(.wrongState, "cannot exec in a paused container (use --ignore-paused to override)")
        case .created, .running, .paused: break
        }
    }

    private func processPlan(
        _ options: ExecOptions, _ record: ContainerRecord, _ directory: borrowing ContainerDirectory,
        isInitWaiting: Bool
    ) throws(Failure) -> ProcessPlan {
        var process = Process(args: [], cwd: "/")
        var linux: Linux?
        if record.execNeedsConfig {
            let spec = try directory.config()
            process = spec.process ?? process
            linux = spec.linux
        } else if options.processFile == nil {
            process = try directory.configProcess() ?? process
        }
        var plan: ProcessPlan
        do throws(InvalidSpec) {
            if let path = options.processFile {
                let own = process
                process = try readProcess(path)
                // A process of the engine's that names no label is not less confined than the container.
                process.selinuxLabel = process.selinuxLabel ?? own.selinuxLabel
                process.apparmorProfile = process.apparmorProfile ?? own.apparmorProfile
            } else {
                apply(options, to: &process)
            }
            // Otherwise it would inherit the caller's score, such as that of an engine that protects itself.
            process.oomScoreAdj = process.oomScoreAdj ?? record.oomScoreAdj
            let hasLandlock = record.annotations[LandlockPlan.annotation] != nil
            plan = try ProcessPlan(
                process, personality: linux?.personality, memoryPolicy: linux?.memoryPolicy,
                landlock: try LandlockPlan(
                    annotations: record.annotations, version: hasLandlock ? landlockVersion() : nil))
            // Unsupported rights were reported when the container was created.
            for text in plan.landlock?.warnings ?? [] { note(.debug, text) }
            for text in plan.warnings { note(.warning, text) }
            if isInitWaiting { leaveInitAlone(&plan, record) }
        } catch {
            throw Failure(.invalid, "\(error)")
        }
        try directory.bindToPlaces(&plan)
        return plan
    }

    private func readProcess(_ path: String) throws(InvalidSpec) -> Process {
        let option = "--process \(path)"
        let bytes = try mapping({ () throws(Errno) in try readFile(path) }) { (code: Errno) in
            InvalidSpec(keyPath: option, problem: code.message)
        }
        return try mapping({ () throws(InvalidSpec) in
            try Process(process: bytes) { note(.warning, "\(option): \($0)") }
        }) { (error: InvalidSpec) in
            InvalidSpec(keyPath: option, problem: error.description)
        }
    }

    private func apply(_ options: ExecOptions, to process: inout Process) {
        process.args = options.arguments
        process.terminal = options.hasTerminal
        process.consoleSize = nil
        process.env += options.environment
        process.cwd = options.workingDirectory ?? process.cwd
        if let uid = options.uid {
            process.user.uid = uid
            process.user.gid = options.gid ?? 0
        }
        process.user.additionalGids += options.additionalGroups
        process.noNewPrivileges = process.noNewPrivileges || options.noNewPrivileges
        process.selinuxLabel = options.selinuxLabel ?? process.selinuxLabel
        process.apparmorProfile = options.apparmorProfile ?? process.apparmorProfile
        guard !options.capabilities.isEmpty else { return }
        // Never to the inheritable set: CVE-2022-29162. To the ambient one where the config has made the capability
        // inheritable, as for the init.
        var sets = process.capabilities ?? LinuxCapabilities()
        sets.bounding = (sets.bounding ?? []) + options.capabilities
        sets.effective = (sets.effective ?? []) + options.capabilities
        sets.permitted = (sets.permitted ?? []) + options.capabilities
        let inheritable = sets.inheritable ?? []
        sets.ambient = (sets.ambient ?? []) + options.capabilities.filter { inheritable.contains($0) }
        process.capabilities = sets
    }
}

/// A process that has joined a container and is its program by now.
struct ExecProcess: ~Copyable {
    let pid: Int32
    let pidfd: OwnedDescriptor
    var terminal: OwnedDescriptor?
}
