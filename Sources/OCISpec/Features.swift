// The features that a runtime supports, as `features` prints them.

/// The features that a runtime supports (features.md); empty lists are not written.
public struct Features: Equatable, Sendable {
    /// The oldest version of the specification whose configurations are accepted.
    public var ociVersionMin: String?
    /// The newest version of the specification whose configurations are accepted.
    public var ociVersionMax: String?
    /// Hooks, in the order in which they run.
    public var hooks: [String]
    /// Mount options that the runtime itself understands.
    public var mountOptions: [String]
    /// The features that are specific to Linux.
    public var linux: Linux?
    /// Free data about the runtime.
    public var annotations: TextMap<String>
    /// Annotations of a configuration that change the runtime's behaviour; a name that ends in a dot is a prefix.
    public var potentiallyUnsafeConfigAnnotations: [String]

    /// What is left out is absent, as in the document.
    public init(
        ociVersionMin: String? = nil,
        ociVersionMax: String? = nil,
        hooks: [String] = [],
        mountOptions: [String] = [],
        linux: Linux? = nil,
        annotations: TextMap<String> = [:],
        potentiallyUnsafeConfigAnnotations: [String] = []
    ) {
        self.ociVersionMin = ociVersionMin
        self.ociVersionMax = ociVersionMax
        self.hooks = hooks
        self.mountOptions = mountOptions
        self.linux = linux
        self.annotations = annotations
        self.potentiallyUnsafeConfigAnnotations = potentiallyUnsafeConfigAnnotations
    }
}

extension Features {
    /// The features on Linux (features-linux.md).
    public struct Linux: Equatable, Sendable {
        /// Types of namespaces.
        public var namespaces: [String]
        /// Names of capabilities.
        public var capabilities: [String]
        /// The supported cgroup versions and managers.
        public var cgroup: Cgroup?
        /// Seccomp filters.
        public var seccomp: Seccomp?
        /// AppArmor.
        public var apparmor: Switch?
        /// SELinux.
        public var selinux: Switch?
        /// Intel RDT.
        public var intelRdt: IntelRdt?
        /// NUMA memory policy.
        public var memoryPolicy: MemoryPolicy?
        /// Mount features beyond mount(2).
        public var mountExtensions: MountExtensions?
        /// Moving network devices.
        public var netDevices: Switch?

        /// What is left out is absent, as in the document.
        public init(
            namespaces: [String] = [],
            capabilities: [String] = [],
            cgroup: Cgroup? = nil,
            seccomp: Seccomp? = nil,
            apparmor: Switch? = nil,
            selinux: Switch? = nil,
            intelRdt: IntelRdt? = nil,
            memoryPolicy: MemoryPolicy? = nil,
            mountExtensions: MountExtensions? = nil,
            netDevices: Switch? = nil
        ) {
            self.namespaces = namespaces
            self.capabilities = capabilities
            self.cgroup = cgroup
            self.seccomp = seccomp
            self.apparmor = apparmor
            self.selinux = selinux
            self.intelRdt = intelRdt
            self.memoryPolicy = memoryPolicy
            self.mountExtensions = mountExtensions
            self.netDevices = netDevices
        }
    }
}

extension Features {
    /// Whether a feature is compiled in; independent of the host.
    public struct Switch: Equatable, Sendable {
        /// nil: unknown.
        public var enabled: Bool?

        /// What is left out is absent, as in the document.
        public init(enabled: Bool? = nil) {
            self.enabled = enabled
        }
    }
}

extension Features {
    /// Support of cgroups.
    public struct Cgroup: Equatable, Sendable {
        /// Cgroup v1.
        public var v1: Bool?
        /// Cgroup v2.
        public var v2: Bool?
        /// With the system's systemd as manager.
        public var systemd: Bool?
        /// With a user's systemd as manager.
        public var systemdUser: Bool?
        /// The rdma controller.
        public var rdma: Bool?

        /// What is left out is absent, as in the document.
        public init(
            v1: Bool? = nil,
            v2: Bool? = nil,
            systemd: Bool? = nil,
            systemdUser: Bool? = nil,
            rdma: Bool? = nil
        ) {
            self.v1 = v1
            self.v2 = v2
            self.systemd = systemd
            self.systemdUser = systemdUser
            self.rdma = rdma
        }
    }
}

extension Features {
    /// Support of seccomp.
    public struct Seccomp: Equatable, Sendable {
        /// Whether it is compiled in.
        public var enabled: Bool?
        /// Names such as `SCMP_ACT_ERRNO`.
        public var actions: [String]
        /// Names such as `SCMP_CMP_EQ`.
        public var operators: [String]
        /// Names such as `SCMP_ARCH_X86_64`.
        public var archs: [String]
        /// Flags that a configuration may have.
        public var knownFlags: [String]
        /// The known flags that this kernel supports.
        public var supportedFlags: [String]

        /// What is left out is absent, as in the document.
        public init(
            enabled: Bool? = nil,
            actions: [String] = [],
            operators: [String] = [],
            archs: [String] = [],
            knownFlags: [String] = [],
            supportedFlags: [String] = []
        ) {
            self.enabled = enabled
            self.actions = actions
            self.operators = operators
            self.archs = archs
            self.knownFlags = knownFlags
            self.supportedFlags = supportedFlags
        }
    }
}

extension Features {
    /// Support of Intel RDT.
    public struct IntelRdt: Equatable, Sendable {
        /// Whether it is compiled in.
        public var enabled: Bool?
        /// Whether `schemata` is supported.
        public var schemata: Bool?
        /// Whether `enableMonitoring` is supported.
        public var monitoring: Bool?

        /// What is left out is absent, as in the document.
        public init(enabled: Bool? = nil, schemata: Bool? = nil, monitoring: Bool? = nil) {
            self.enabled = enabled
            self.schemata = schemata
            self.monitoring = monitoring
        }
    }
}

extension Features {
    /// Support of NUMA memory policies.
    public struct MemoryPolicy: Equatable, Sendable {
        /// Names such as `MPOL_BIND`.
        public var modes: [String]
        /// Names such as `MPOL_F_STATIC_NODES`.
        public var flags: [String]

        /// What is left out is absent, as in the document.
        public init(modes: [String] = [], flags: [String] = []) {
            self.modes = modes
            self.flags = flags
        }
    }
}

extension Features {
    /// Mount features beyond mount(2).
    public struct MountExtensions: Equatable, Sendable {
        /// Id-mapped mounts.
        public var idmap: Switch?

        /// What is left out is absent, as in the document.
        public init(idmap: Switch? = nil) {
            self.idmap = idmap
        }
    }
}
