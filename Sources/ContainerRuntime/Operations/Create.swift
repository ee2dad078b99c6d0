// `create`, and the first half of `run`: from a bundle to an init process that waits at the gate.

internal import Cgroups
internal import CLinux
internal import Glibc
package import Kernel
internal import OCISpec
internal import Planning

/// The options of `create` and `run`.
package struct CreateOptions: Sendable {
    package var id: String
    package var bundle: String
    /// Whether the id is the default, the bundle's name.
    package var isNamedAfterBundle = false
    package var configName: String?
    package var consoleSocket: String?
    package var pidfdSocket: String?
    package var pidFile: String?
    package var withoutPivot = false
    package var withoutNewKeyring = false
    package var preservedDescriptors: Int32 = 0
    /// Whether the container is restored and had a mount for readiness messages.
    var hadNotifySocket = false
    package init(id: String, bundle: String) {
        self.id = id
        self.bundle = bundle
    }
}

/// A container that has been made; its init waits, or is already the program.
package struct CreatedContainer: ~Copyable {
    package let directory: ContainerDirectory
    package let record: ContainerRecord
    package let pidfd: OwnedDescriptor
    /// The terminal's master, where no engine has taken it.
    package var terminal: OwnedDescriptor?
    /// The socket of the container's readiness notification, if a service manager listens.
    let notify: NotifySocket?
}

extension Failure {
    /// - Parameter remedy: how to do without a terminal. Engines match the first half.
    static func needsConsoleSocket(_ remedy: String) -> Failure {
        Failure(
            .invalid,
            "cannot allocate tty if runc will detach without setting console socket"
                + " (--console-socket names who takes the terminal; \(remedy) does without one)")
    }
}

extension Runtime {
    /// Makes a container whose init waits for `start`.
    package func create(_ options: CreateOptions) throws(Failure) {
        let made = try make(options, startsAtOnce: false, isForeground: false)
        _ = made.record.pid
    }

    /// Makes a container; with `startsAtOnce` its program runs when this returns.
    func make(
        _ options: CreateOptions, startsAtOnce: Bool, isForeground: Bool
    ) throws(Failure) -> CreatedContainer {
        try StateStore.check(id: options.id)
        RequestToEnd.heed()
        let inherited = try InheritedDescriptors(
            sockets: activationSockets() ?? 0, preserved: options.preservedDescriptors)
        try inherited.keepOthers()
        noteIgnoredSignals()
        let bundle = try bundle(options).adapted()
        timings?.mark("read the config")
        let network = beginNetworkNamespace(bundle.spec)
        let plans = try plan(options, bundle)
        timings?.mark("plan")
        if let log = timings?.log { log.begin(lines(plans, startsAtOnce: startsAtOnce)) }
        try checkTerminal(
            plans.container.process, consoleSocket: options.consoleSocket, isForeground: isForeground)
        var console: EngineSocket?
        if let path = options.consoleSocket { console = try EngineSocket(path: path, flag: "--console-socket") }
        let filter = try filter(plans.container, bundle.spec)
        timings?.mark("find or compile the seccomp filter")
        try checkHost(plans.container)
        return try launch(
            plans, options, bundle, filter: filter, console: console, inherited: inherited,
            network: network, startsAtOnce: startsAtOnce)
    }

    // The kernel makes it while the rest is decided and prepared. A container's user namespace must own it, and an
    // intermediate process makes its own. Where it is refused, the clone makes it, or reports the error.
    private func beginNetworkNamespace(_ spec: Spec) -> NetworkNamespace? {
        let namespaces = spec.linux?.namespaces ?? []
        guard geteuid() == 0, namespaces.contains(where: { $0.type == "network" && $0.isNew }),
            !namespaces.contains(where: { $0.type == "user" || $0.type == "time" || $0.type == "pid" && !$0.isNew })
        else { return nil }
        do throws(Errno) { return try NetworkNamespace() } catch { return nil }
    }

    func bundle(_ options: CreateOptions) throws(Failure) -> Bundle {
        do throws(Failure) {
            return try Bundle(directory: options.bundle, configName: options.configName, warn: warn)
        } catch {
            // `run web` where `run ./web` was meant.
            guard options.bundle == ".", options.configName == nil, access(options.id + "/config.json", F_OK) == 0
            else { throw error }
            throw error.appending("./\(options.id) names the bundle in that directory")
        }
    }

    /// The two plans of a container: itself, and its cgroup.
    struct Plans {
        let container: ContainerPlan
        let cgroup: CgroupPlan

        /// The steps of the cgroup in words.
        var cgroupLines: [String] { cgroup.summary.filter { !cgroup.notes.contains($0) } }
    }

    private func lines(_ plans: Plans, startsAtOnce: Bool) -> [PlanLine] {
        plans.cgroupLines.map { text in
            PlanLine(text.hasPrefix("join ") ? "linux.cgroupsPath" : "linux.resources", text, .resources)
        } + plans.container.lines(startsAtOnce: startsAtOnce, showsEnvironment: false)
    }

    /// - Parameter asRoot: whether to decide as for root, although another user asks.
    func plan(_ options: CreateOptions, _ bundle: Bundle, asRoot: Bool = false) throws(Failure) -> Plans {
        let linux = bundle.spec.linux ?? Linux()
        let host = try cgroup { () throws(CgroupFailure) in
            try CgroupHost.probe(
                driver: cgroupDriver, cgroupsPath: linux.cgroupsPath, containerID: options.id,
                toleratesRefusals: !asRoot && toleratesRefusals(),
                asksUserManager: !asRoot && cgroupDriver == .systemd && !isRootOfHost())
        }
        let cgroupPlan = try cgroup { () throws(CgroupFailure) in
            try CgroupPlan(
                cgroupsPath: linux.cgroupsPath, containerID: options.id,
                resources: linux.resources?.meant(by: bundle.spec.ociVersion),
                annotations: bundle.spec.annotations, driver: cgroupDriver, host: host,
                delegation: delegation(bundle.spec))
        }
        let facts = try facts(options, bundle.spec, cgroupPlan.location, asRoot: asRoot)
        let container = try containerPlan(options, bundle, facts)
        for text in container.warnings + cgroupPlan.notes { note(.warning, text) }
        for text in cgroupPlan.skipped { note(.debug, "skipped: \(text)") }
        return Plans(container: container, cgroup: cgroupPlan)
    }

    /// - Parameter location: the cgroup that mounts of type `cgroup` show.
    func facts(
        _ options: CreateOptions, _ spec: Spec, _ location: CgroupLocation, asRoot: Bool = false
    ) throws(Failure) -> HostFacts {
        var facts = HostFacts.probe(cgroup: location)
        facts.add(for: spec)
        if asRoot { (facts.uid, facts.gid) = (0, 0) }
        facts.joinedMaps = try joinedMaps(spec.linux ?? Linux())
        facts.activationSockets = activationSockets()
        let directory = "\(store.root)/\(options.id)"
        facts.notifyDirectory =
            options.hadNotifySocket
            ? NotifySocket.directory(in: directory) : NotifySocket.directory(forNew: directory)
        return facts
    }

    func containerPlan(
        _ options: CreateOptions, _ bundle: Bundle, _ facts: HostFacts
    ) throws(Failure) -> ContainerPlan {
        try asFailure { () throws(InvalidSpec) in
            try ContainerPlan(
                spec: bundle.spec, id: options.id, bundle: bundle.path, host: facts,
                options: .init(withoutPivot: options.withoutPivot))
        }
    }

    // A container with a cgroup namespace and a writable view of it may make cgroups of its own. runtime-spec,
    // config-linux.md, "Cgroup ownership".
    private func delegation(_ spec: Spec) -> CgroupDelegation? {
        guard let linux = spec.linux,
            linux.namespaces.contains(where: { $0.type == "cgroup" && $0.isNew }),
            let mount = spec.mounts.last(where: { $0.destination == "/sys/fs/cgroup" }),
            mount.type == "cgroup" || mount.type == "cgroup2", !mount.options.contains("ro")
        else { return nil }
        let root = linux.uidMappings.first { $0.containerID == 0 }?.hostID ?? 0
        return CgroupDelegation(uid: root)
    }

    /// Checks that a terminal has a receiver. Engines match both errors, and runc's name in the second.
    /// - Parameters:
    ///   - remedy: a way to do without a terminal, for the error.
    ///   - request: what asks for a terminal, for the error.
    func checkTerminal(
        _ plan: ProcessPlan, consoleSocket: String?, isForeground: Bool,
        remedy: String = "\"terminal\": false in config.json", request: String = "\"terminal\": true in config.json"
    ) throws(Failure) {
        if plan.hasTerminal, consoleSocket == nil, !isForeground { throw .needsConsoleSocket(remedy) }
        if consoleSocket != nil, !plan.hasTerminal || isForeground {
            throw Failure(
                .invalid,
                "cannot use console socket if runc will not detach or allocate tty (--console-socket needs "
                    + (isForeground ? "--detach)" : request + ")"))
        }
        if plan.hasTerminal, isForeground { try checkOwnTerminal() }
    }

    func filter(_ plan: ContainerPlan, _ spec: Spec) throws(Failure) -> SeccompFilter? {
        guard let seccomp = plan.seccomp, let profile = spec.linux?.seccomp else { return nil }
        return try SeccompCache(root: store.root).filter(for: profile, seccomp)
    }

    // Refuses requests of the config that this host cannot meet, before anything exists.
    func checkHost(_ plan: ContainerPlan) throws(Failure) {
        do throws(Errno) {
            guard try fileStatus(at: plan.root.path).isDirectory else { throw .notDirectory }
        } catch {
            throw Failure("root.path: open rootfs \(plan.root.path)", error)
        }
        if plan.namespaces.joinedPath(.mount) == nil {
            for node in plan.devices.nodes where node.isBound {
                guard let owner = node.foreignOwner(plan.namespaces) else { continue }
                throw Failure(
                    .invalid,
                    "\(node.key): \(node.path) belongs to \(owner) on the host, not to \(node.uid):\(node.gid):"
                        + " a user namespace can only have the host's device")
            }
        }
        try checkSecurityModules(plan.process)
    }

    func checkSecurityModules(_ plan: ProcessPlan) throws(Failure) {
        if let profile = plan.apparmorProfile, !SecurityModules.hasAppArmor {
            throw Failure(
                .invalid, "process.apparmorProfile: \"\(profile)\" cannot be used: AppArmor is not enabled on this host"
            )
        }
        if let label = plan.selinuxLabel, !SecurityModules.hasSELinux {
            throw Failure(
                .invalid, "process.selinuxLabel: \"\(label)\" cannot be used: SELinux is not enabled on this host")
        }
    }
}

/// The security modules that the host's kernel has enabled.
enum SecurityModules {
    static var hasAppArmor: Bool {
        do throws(Errno) {
            return try readText("/sys/module/apparmor/parameters/enabled").hasPrefix("Y")
        } catch {
            return false
        }
    }
    /// Engines hide SELinux from a container, or show its files read-only, as selinux(8) has a library find it disabled.
    static var hasSELinux: Bool {
        do throws(Errno) {
            let found = try filesystem(at: "/sys/fs/selinux")
            return found.magic == FilesystemMagic.selinux && found.flags & Int64(ST_RDONLY) == 0
        } catch {
            return false
        }
    }
}
