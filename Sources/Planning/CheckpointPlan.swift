// The request to CRIU for a checkpoint: the container's resources from outside, and the way to freeze it.

package import struct Criu.CriuVersion
package import struct Criu.KeyedPath
package import struct Criu.Request
package import struct Criu.RequestOptions
package import struct Kernel.MountAttributes
package import enum Kernel.NamespaceKind
package import OCISpec

/// A mount that a container's init sees. proc(5), /proc/PID/mountinfo.
package struct MountFact: Equatable, Sendable {
    package var number: UInt64
    package var path: String
    package var type: String
    /// The device of its filesystem, such as `0:42`.
    package var device: String
    /// The directory or file of the filesystem that is mounted.
    package var root: String
    package var attributes: MountAttributes
    package init(
        number: UInt64, path: String, type: String, device: String, root: String = "/",
        attributes: MountAttributes = []
    ) {
        (self.number, self.path, self.type, self.device) = (number, path, type, device)
        (self.root, self.attributes) = (root, attributes)
    }
}

/// The kind of init's stdin, stdout or stderr.
package enum StreamFact: Equatable, Sendable {
    /// A pipe, by what its link says: `pipe:[123]`.
    case pipe(String)
    /// A file or a terminal of the host's, by the key that CRIU has for it: `file[1f:2a]`, `tty[8801:1c]`.
    case outside(String)
    /// An object inside of the container.
    case inside(String)

    /// How it is remembered among the images.
    package var text: String {
        switch self {
        case .pipe(let text), .outside(let text), .inside(let text): text
        }
    }
}

/// A process, by its number on the host and the name of its program.
package struct ProcessFact: Equatable, Sendable {
    package var pid: Int32
    package var name: String
    package init(pid: Int32, name: String) { (self.pid, self.name) = (pid, name) }
}

/// The facts of a running container that a checkpoint depends on.
package struct CheckpointFacts: Equatable, Sendable {
    package var pid: Int32
    package var version: CriuVersion
    package var mounts: [MountFact] = []
    /// For each mount of the plan the number of the mount that lies at its destination, if one does.
    package var places: [UInt64?] = []
    /// The numbers of the mounts at the masked and the read-only paths.
    package var protected: Set<UInt64> = []
    package var streams: [StreamFact] = []
    /// Inodes of the init's namespaces.
    package var networkNamespace: UInt64 = 0
    package var pidNamespace: UInt64 = 0
    /// The whole path of its cgroup in the hierarchy that freezes.
    package var freezer: String?
    /// The devices of the host's mounts.
    package var devicesOfHost: Set<String> = []
    /// Its processes that do not descend from the init, as those of an `exec` whose caller waits for them.
    package var strangers: [ProcessFact] = []
    package init(pid: Int32, version: CriuVersion) {
        self.pid = pid
        self.version = version
    }
}

/// How a container is checkpointed.
package struct CheckpointPlan: Equatable, Sendable {
    package var kind: Request.Kind
    /// Without the descriptors, which are known when they are open.
    package var options: RequestOptions
    package var record: ImageRecord
    /// The content of `descriptors.json`.
    package var streams: [String]
    /// Whether the network namespace is locked with iptables while CRIU dumps.
    package var locksNetwork: Bool
    /// Whether that lock outlives the dump without a purpose: no connection is to be restored.
    package var leavesLock: Bool
    /// Parts of the container that are not in the images, a sentence each; the container itself loses nothing.
    package var warnings: [String] = []
}

extension CheckpointPlan {
    /// - Throws: what a checkpoint would lose in silence, or this version of CRIU cannot do.
    package init(
        _ plan: ContainerPlan, _ asked: CheckpointOptions, _ facts: CheckpointFacts
    ) throws(InvalidSpec) {
        try Self.check(plan)
        try CriuFeatures(facts.version).check(asked.image)
        let features = CriuFeatures(facts.version)
        if let sentence = Self.lostProcess(facts), !asked.isPreDump {
            guard asked.leavesRunning else { throw InvalidSpec(keyPath: "", problem: sentence) }
            warnings = [sentence]
        }
        kind = asked.isPreDump ? (features.hasSinglePreDump ? .singlePreDump : .preDump) : .dump
        streams = facts.streams.map { $0.text }
        record = ImageRecord()
        record.externals = Self.externals(plan, facts)
        if !asked.isPreDump { try Self.checkMounts(facts, record.externals) }
        var options = RequestOptions()
        options.pid = facts.pid
        options.logFile = "dump.log"
        options.root = plan.root.path
        options.leavesRunning = asked.leavesRunning
        options.apply(asked.image, features: features)
        options.skipsConnectionsInFlight = asked.skipsConnectionsInFlight
        options.linksDeletedFiles = asked.linksDeletedFiles
        options.pageServer = asked.pageServer
        options.parentImages = asked.parentPath
        options.tracksMemory = asked.isPreDump || asked.parentPath != nil
        options.freezeCgroup = facts.freezer
        options.timeout = Self.secondsToFreeze
        options.emptyNamespaces = plan.emptyNamespaces
        options.external = Self.namespaceKeys(plan, facts)
        if !asked.isPreDump {
            options.externalMounts = record.externals.map { KeyedPath(key: $0.path, value: $0.path) }
            options.external += facts.streams.compactMap { if case .outside(let key) = $0 { key } else { nil } }
        }
        let method = options.networkLock ?? .iptables
        locksNetwork = !asked.isPreDump && method == .iptables && plan.namespaces.has(.network)
        leavesLock =
            locksNetwork && plan.namespaces.joinedPath(.network) != nil && !asked.leavesRunning
            && !asked.image.keepsConnections
        self.options = options
    }

    // A busy container takes its time; without a longer limit CRIU stops waiting after ten seconds.
    private static let secondsToFreeze: UInt32 = 60

    private static func check(_ plan: ContainerPlan) throws(InvalidSpec) {
        // Nothing under /proc shows it, and the restored processes would be without it.
        if plan.process.landlock != nil {
            throw InvalidSpec(
                keyPath: LandlockPlan.key,
                problem: "a container under Landlock cannot be checkpointed: it would be restored without it")
        }
        if plan.seccomp?.listenerPath != nil {
            throw InvalidSpec(
                keyPath: "linux.seccomp.listenerPath",
                problem: "a container whose system calls an agent answers cannot be checkpointed")
        }
        if plan.mountsOnHost || !plan.namespaces.has(.mount) {
            throw InvalidSpec(
                keyPath: "linux.namespaces", problem: "a container without a mount namespace cannot be checkpointed")
        }
    }

    // CRIU writes down the init and what descends from it; the rest would end without having been written down.
    private static func lostProcess(_ facts: CheckpointFacts) -> String? {
        guard let first = facts.strangers.first else { return nil }
        return "process \(first.pid) (\(first.name)) does not descend from the container's init and cannot be part of a"
            + " checkpoint: end it, or the exec command that waits for it"
    }

    private static func namespaceKeys(_ plan: ContainerPlan, _ facts: CheckpointFacts) -> [String] {
        var keys: [String] = []
        if plan.namespaces.joinedPath(.network) != nil {
            keys.append("net[\(facts.networkNamespace)]:\(ExternalNamespace.network)")
        }
        if plan.namespaces.joinedPath(.pid) != nil {
            keys.append("pid[\(facts.pidNamespace)]:\(ExternalNamespace.pid)")
        }
        return keys
    }
}

/// The names by which images know namespaces that are not in them; as runc has them, whose images can then be restored.
package enum ExternalNamespace {
    package static let network = "extRootNetNS"
    package static let pid = "extRootPidNS"
}

/// The features that depend on CRIU's version.
package struct CriuFeatures: Equatable, Sendable {
    package static let least = CriuVersion(3, 15)
    package let version: CriuVersion
    package init(_ version: CriuVersion) { self.version = version }

    package var hasSinglePreDump: Bool { version >= CriuVersion(3, 17) }
    var canLeaveNetworkUnlocked: Bool { version >= CriuVersion(3, 19) }

    /// Refuses what this version would lose in silence; one that is lost on all threads a restore makes up for.
    package func check(_ found: ImageRecord.NoNewPrivileges?) throws(InvalidSpec) {
        guard found == .onSome else { return }
        try require(CriuVersion(3, 19), for: "checkpoint of processes with no_new_privs beside others without")
    }

    func check(_ asked: ImageOptions) throws(InvalidSpec) {
        guard version >= Self.least else {
            throw InvalidSpec(keyPath: "", problem: "criu \(version) is too old: \(Self.least) is needed")
        }
        try require(CriuVersion(3, 19), for: asked.networkLock == .skip ? "--network-lock skip" : nil)
        try require(CriuVersion(3, 17), for: asked.networkLock == .nftables ? "--network-lock nftables" : nil)
    }

    func require(_ least: CriuVersion, for flag: String?) throws(InvalidSpec) {
        guard let flag, version < least else { return }
        throw InvalidSpec(keyPath: flag, problem: "needs criu \(least), and there is \(version)")
    }
}

extension RequestOptions {
    /// Sets the options that dumps and restores have in common.
    mutating func apply(_ asked: ImageOptions, features: CriuFeatures) {
        logLevel = 4
        notifies = true
        sendsOrphanTerminals = true
        keepsConnections = asked.keepsConnections
        allowsExternalSockets = asked.allowsExternalSockets
        isShellJob = asked.isShellJob
        keepsFileLocks = asked.keepsFileLocks
        deduplicates = asked.deduplicates
        hasLazyPages = asked.hasLazyPages
        // Any other mode walks the hierarchies by mounting them, which resets the options of the host's own mount on
        // cgroup v2 (criu#3029), and loses the cgroup namespace: a restore begins inside the container's cgroup anyway.
        cgroupsMode = asked.cgroupsMode ?? .ignore
        // The lock cuts off everybody in the namespace, and stays after a dump that ends the container. It is only to keep
        // the peers of connections from hearing that these are gone.
        networkLock =
            asked.networkLock ?? (features.canLeaveNetworkUnlocked && !asked.keepsConnections ? .skip : nil)
    }
}

extension ContainerPlan {
    /// A network namespace of the container's own is made anew, by hooks and engines as the first time: what is in it may
    /// have an end outside.
    var emptyNamespaces: UInt32? {
        namespaces.creates(.network) ? UInt32(truncatingIfNeeded: NamespaceKind.network.cloneFlag) : nil
    }
}
