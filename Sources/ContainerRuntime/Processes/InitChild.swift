// The child's straight line, from its clone to the program of the container.

internal import CLinux
internal import Cgroups
internal import Glibc
internal import Kernel
internal import OCISpec
internal import Planning

/// Runs in the clone; never returns, so that the parent's clean-up does not run twice.
func runInitChild(_ launch: InitInputs) -> Never { InitChild(launch).run() }

struct InitChild {
    private let launch: InitInputs
    private let channel: ChildChannel
    private let plan: ContainerPlan
    private let process: ProcessSteps

    init(_ launch: InitInputs) {
        channel = ChildChannel(socket: launch.childEnd, clock: launch.clock)
        plan = launch.plan
        process = ProcessSteps(
            plan: launch.plan.process, image: launch.image, filter: launch.filter, channel: channel,
            ownsLimits: !launch.plan.namespaces.has(.user))
        self.launch = launch
    }

    func run() -> Never {
        do throws(StepReport) {
            try begin()
            try enterNamespaces()
            let own = try openNamespaces()
            channel.mark(.namespaces)
            let host = try enterMountNamespace()
            var root = try openRoot(host)
            channel.mark(.rootfs)
            try isolateSession()
            channel.mark(.session)
            try prepare(&root, host)
            let program = try becomeProcess(in: root)
            try waitForStart(program, own)
        } catch {
            channel.fail(error)
        }
    }

    private func begin() throws(StepReport) {
        launch.clock?.begin()
        close(launch.parentEnd)
        try call(.session) { () throws(Errno) in try releaseSignals() }
        // Directories made in the rootfs get the modes of the config, whatever umask the caller has.
        umask(0o022)
        try dieWithParent()
        launch.setOOMScore()
    }

    // Until it is ready the child must not outlive a runtime that is killed. Changing ids clears it. prctl(2).
    private func dieWithParent() throws(StepReport) {
        try call(.session) { () throws(Errno) in try processControl(.setParentDeathSignal, UInt(SIGKILL)) }
    }

    private func enterNamespaces() throws(StepReport) {
        if plan.namespaces.needsIntermediate {
            channel.awaitProceed()
        } else {
            try launch.enterCgroup(channel)
            // The runtime can write them as long as this process is not hidden, or the runtime is root.
            if plan.namespaces.creates(.user) { try channel.ask(.mapIDs) }
            if !launch.isHidden { try call(.session) { () throws(Errno) in try hideProcess() } }
            if let made = launch.made.network {
                try call(.networkNamespace) { () throws(Errno) in try joinNamespaces(made, NamespaceSet(.network)) }
                close(made)
            }
            for namespace in launch.joined {
                try call(.joinNamespace, namespace.index) { () throws(Errno) in
                    try joinNamespaces(namespace.descriptor, NamespaceSet(namespace.kind))
                }
                close(namespace.descriptor)
            }
        }
        if plan.namespaces.creates(.cgroup) {
            // Only now: the namespace's root is the cgroup the process is in.
            try call(.cgroupNamespace) { () throws(Errno) in try unshareNamespaces(NamespaceSet(.cgroup)) }
        }
    }

    // The host's /proc is still mounted. A runtime that may inspect the init needs no descriptors from it.
    private func openNamespaces() throws(StepReport) -> [Int32] {
        guard launch.gate != nil, !launch.isHidden else { return [] }
        let kinds = plan.namespaces.entered
        return try call(.gate) { () throws(Errno) in
            // Out of the way of the program's descriptors, and of the gate.
            try NamespacesOfInit.ofThisProcess(kinds, from: 3 + launch.preservedDescriptors + 1)
        }
    }

    private func enterMountNamespace() throws(StepReport) -> RootfsNamespace? {
        guard let made = launch.made.mount else { return nil }
        if let host = RootfsNamespace.enter(made, plan.root) { return host }
        close(made)
        try call(.mountNamespace) { () throws(Errno) in try unshareNamespaces(NamespaceSet(.mount)) }
        return nil
    }

    // Before the user changes: a rootfs below a private directory of the runtime can be reached only now.
    private func openRoot(_ host: RootfsNamespace?) throws(StepReport) -> RootDirectory {
        if let host { return try RootSteps(plan: plan, host: host).openOwnRoot() }
        if plan.mountsOnHost { return try RootSteps(plan: plan).openOnHost() }
        guard plan.namespaces.has(.mount) else {
            return try call(.rootfs) { () throws(Errno) in
                RootDirectory(try OwnedDescriptor.open(plan.root.path, .path | .directory))
            }
        }
        return try RootSteps(plan: plan).open()
    }

    // The process's own session, keyring and CPUs, inside its namespaces.
    private func isolateSession() throws(StepReport) {
        if plan.namespaces.has(.user) {
            try becomeRootOfUserNamespace()
            try dieWithParent()
        }
        try call(.session) { () throws(Errno) in try checked { setsid() } }
        if launch.makesKeyring {
            try call(.label, 1) { () throws(Errno) in try setKeyringLabel(plan.process) }
            try call(.keyring) { () throws(Errno) in try makeSessionKeyring(ofContainer: plan.id) }
        }
        if !plan.networkDevices.isEmpty { try channel.ask(.networkDue) }
        if plan.namespaces.creates(.network) { try call(.loopback) { () throws(Errno) in try raiseLoopback() } }
        allowAllProcessors()
    }

    private func prepare(_ root: inout RootDirectory, _ host: RootfsNamespace?) throws(StepReport) {
        let steps = RootSteps(plan: plan, host: host)
        guard plan.namespaces.has(.mount) || plan.mountsOnHost else {
            if launch.hasRuntimeHooks { try channel.ask(.hooksDue) }
            return try steps.enter(root)
        }
        let mounts = MountSteps(plan: plan, channel: channel, host: host)
        try mounts.run(in: &root)
        try DeviceSteps(plan: plan.devices, hostDirectories: mounts.hostDirectories, host: host).run(in: root)
        channel.mark(.devices)
        if launch.hasRuntimeHooks { try channel.ask(.hooksDue) }
        if !plan.hooks.createContainer.isEmpty {
            let number = root.descriptor.rawValue
            // Hooks of engines expect the new root as their working directory.
            try call(.rootfs) { () throws(Errno) in try checked { fchdir(number) } }
            try runHooks(
                "createContainer", plan.hooks.createContainer, status: "creating", environment: launch.image.entries)
            channel.mark(.hooks)
        }
        try steps.enter(root)
        try call(.workingDirectory) { () throws(Errno) in
            _ = try root.openOrMake(plan.process.workingDirectory, .directory)
        }
        channel.mark(.pivot)
        if plan.process.hasTerminal {
            try steps.keepConsoleFromHost(root)
            try TerminalSteps(process: plan.process, channel: channel).run(in: root, isInit: true)
        } else {
            try reopenNullStreams(root)
        }
        try steps.seal(root)
        channel.mark(.streams)
    }

    // A null device of the host would keep the host's /dev busy, and appears as "(deleted)" inside.
    private func reopenNullStreams(_ root: borrowing RootDirectory) throws(StepReport) {
        try call(.standardStreams) { () throws(Errno) in
            for number in Int32(0)...2 {
                guard let status = statusIfOpen(number), status.isCharacterDevice(1, 3) else { continue }
                do throws(Errno) {
                    let null = try root.open("/dev/null", .path | .noFollow)
                    guard try fileStatus(null.rawValue).isCharacterDevice(1, 3) else { continue }
                    let opened = try root.open("/dev/null", .readWrite | .noFollow | .noControllingTerminal)
                    // Another process may write to a shared /dev.
                    guard try fileStatus(opened.rawValue).isCharacterDevice(1, 3) else { continue }
                    try checked { clinux_dup3(opened.rawValue, number, 0) }
                } catch {
                    guard error == .noSuchFileOrDirectory else { throw error }
                }
            }
        }
    }

    private func statusIfOpen(_ number: Int32) -> FileStatus? {
        do throws(Errno) { return try fileStatus(number) } catch { return nil }
    }

    private func becomeProcess(in root: borrowing RootDirectory) throws(StepReport) -> String {
        if let hostname = plan.hostname {
            try call(.hostname) { () throws(Errno) in
                let name = RawText.bytes(hostname)
                try checked { sethostname(name, name.count - 1) }
            }
        }
        if let domainname = plan.domainname {
            try call(.domainname) { () throws(Errno) in
                let name = RawText.bytes(domainname)
                try checked { setdomainname(name, name.count - 1) }
            }
        }
        try writeLabels(plan.process)
        try ProcWrites(plan: plan).writeSysctls()
        channel.mark(.names)
        if plan.namespaces.has(.mount) {
            let steps = RootSteps(plan: plan)
            try steps.protectPaths(root)
            try steps.maskPaths(root)
            try steps.setPropagation()
            channel.mark(.paths)
        }
        try process.prepare()
        try process.completeEnvironment()
        try process.restrictFiles(isInit: true)
        // The last: a filter may refuse the messages.
        channel.mark(.process)
        try process.installFilterWithListener()
        try process.becomeUser()
        return try process.findProgram()
    }

    private func waitForStart(_ program: String, _ own: [Int32]) throws(StepReport) -> Never {
        let first = 3 + launch.preservedDescriptors
        // After the answer, `exec` may bring processes into the container: they must find no host descriptor here.
        try call(.descriptors) { () throws(Errno) in
            try closeDescriptors(from: first, except: [channel.socket] + (launch.gate.map { [$0] } ?? []) + own)
        }
        if launch.gate != nil { StartGate.exitOnTermination() }
        if launch.isFilteredWhileWaiting { try process.installFilterToWait() }
        try channel.ask(.ready)
        try call(.conversation) { () throws(Errno) in try processControl(.setParentDeathSignal, 0) }
        guard let gate = launch.gate else {
            // Close-on-exec closes the socket at the moment when the program is executed.
            try start(program, nil)
        }
        close(channel.socket)
        let starter = StartGate.waitForStart(gate, handingOut: own)
        let late = ChildChannel(socket: starter)
        do throws(StepReport) {
            try start(program, tellsOfHooks ? starter : nil)
        } catch {
            late.fail(error)
        }
    }

    // Only if the filter, which is installed by then, allows it.
    private var tellsOfHooks: Bool { plan.seccomp?.allows(["sendmsg"]) ?? true }

    /// - Parameter starter: receives a message at the beginning and the end of the hooks.
    private func start(_ program: String, _ starter: Int32?) throws(StepReport) -> Never {
        try process.execute(program, isFiltered: launch.isFilteredWhileWaiting) { () throws(StepReport) in
            guard !plan.hooks.startContainer.isEmpty else { return }
            let run = { () throws(StepReport) in
                try runHooks(
                    "startContainer", plan.hooks.startContainer, status: "created", environment: launch.image.entries)
            }
            if let starter { try StartGate.announceHooks(starter, run) } else { try run() }
        }
    }

    private func runHooks(
        _ kind: String, _ hooks: [Hook], status: String, environment: [String]
    ) throws(StepReport) {
        guard !hooks.isEmpty else { return }
        let state = ContainerState(
            ociVersion: plan.ociVersion, id: plan.id, pid: clinux_getpid(), status: status, bundle: plan.bundle,
            rootfs: plan.root.path, annotations: plan.annotations)
        do throws(Failure) {
            try HookRunner(kind: kind, hooks: hooks, state: state.json(), environment: environment, trace: launch.trace)
                .run()
        } catch {
            throw StepReport(step: .hook, index: error.step?.hook ?? 0, code: .canceled, text: error.message)
        }
    }
}
