// The features that a runtime supports, as `features` prints them.

/// The features that a runtime supports (features.md); empty lists are not written.
package struct Features: Equatable, Sendable {
    /// The oldest version of the specification whose configurations are accepted.
    package var ociVersionMin: String?
    /// The newest version of the specification whose configurations are accepted.
    package var ociVersionMax: String?
    /// Hooks, in the order in which they run.
    package var hooks: [String]
    /// Mount options that the runtime itself understands.
    package var mountOptions: [String]
    /// The features that are specific to Linux.
    package var linux: Linux?
    /// Free data about the runtime.
    package var annotations: TextMap<String>
    /// Annotations of a configuration that change the runtime's behaviour; a name that ends in a dot is a prefix.
    package var potentiallyUnsafeConfigAnnotations: [String]

    package init(
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
    package struct Linux: Equatable, Sendable {
        /// Types of namespaces.
        package var namespaces: [String]
        /// Names of capabilities.
        package var capabilities: [String]
        /// The supported cgroup versions and managers.
        package var cgroup: Cgroup?
        /// Seccomp filters.
        package var seccomp: Seccomp?
        /// AppArmor.
        package var apparmor: Switch?
        /// SELinux.
        package var selinux: Switch?
        /// Intel RDT.
        package var intelRdt: IntelRdt?
        /// NUMA memory policy.
        package var memoryPolicy: MemoryPolicy?
        /// Mount features beyond mount(2).
        package var mountExtensions: MountExtensions?
        /// Moving network devices.
        package var netDevices: Switch?

        package init(
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
    package struct Switch: Equatable, Sendable {
        /// nil: unknown.
        package var enabled: Bool?

        package init(enabled: Bool? = nil) {
            self.enabled = enabled
        }
    }
}

extension Features {
    /// Support of cgroups.
    package struct Cgroup: Equatable, Sendable {
        /// Cgroup v1.
        package var v1: Bool?
        /// Cgroup v2.
        package var v2: Bool?
        /// With the system's systemd as manager.
        package var systemd: Bool?
        /// With a user's systemd as manager.
        package var systemdUser: Bool?
        /// The rdma controller.
        package var rdma: Bool?

        package init(
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
    package struct Seccomp: Equatable, Sendable {
        /// Whether it is compiled in.
        package var enabled: Bool?
        /// Names such as `SCMP_ACT_ERRNO`.
        package var actions: [String]
        /// Names such as `SCMP_CMP_EQ`.
        package var operators: [String]
        /// Names such as `SCMP_ARCH_X86_64`.
        package var archs: [String]
        /// Flags that a configuration may have.
        package var knownFlags: [String]
        /// The known flags that this kernel supports.
        package var supportedFlags: [String]

        package init(
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
    package struct IntelRdt: Equatable, Sendable {
        /// Whether it is compiled in.
        package var enabled: Bool?
        /// Whether `schemata` is supported.
        package var schemata: Bool?
        /// Whether `enableMonitoring` is supported.
        package var monitoring: Bool?

        package init(enabled: Bool? = nil, schemata: Bool? = nil, monitoring: Bool? = nil) {
            self.enabled = enabled
            self.schemata = schemata
            self.monitoring = monitoring
        }
    }
}

extension Features {
    /// Support of NUMA memory policies.
    package struct MemoryPolicy: Equatable, Sendable {
        /// Names such as `MPOL_BIND`.
        package var modes: [String]
        /// Names such as `MPOL_F_STATIC_NODES`.
        package var flags: [String]

        package init(modes: [String] = [], flags: [String] = []) {
            self.modes = modes
            self.flags = flags
        }
    }
}

extension Features {
    /// Mount features beyond mount(2).
    package struct MountExtensions: Equatable, Sendable {
        /// Id-mapped mounts.
        package var idmap: Switch?

        package init(idmap: Switch? = nil) {
            self.idmap = idmap
        }
    }
}
