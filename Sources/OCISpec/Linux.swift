// The Linux part of a configuration.

/// The Linux part of a configuration (config-linux.md).
package struct Linux: Equatable, Sendable {
    /// User ids of the container's user namespace.
    package var uidMappings: [LinuxIDMapping]
    /// Group ids of the container's user namespace.
    package var gidMappings: [LinuxIDMapping]
    /// Sysctls of the container, with dots or slashes.
    package var sysctl: TextMap<String>
    /// Limits of the container's cgroup.
    package var resources: LinuxResources?
    /// Path of the container's cgroup; an empty one counts as absent.
    package var cgroupsPath: String?
    /// Namespaces to create or to join; the container stays in the runtime's namespace of any other type.
    package var namespaces: [LinuxNamespace]
    /// Device nodes to create.
    package var devices: [LinuxDevice]
    /// Network devices to move into the container, by their name on the host.
    package var netDevices: TextMap<LinuxNetDevice>
    /// Seccomp filter.
    package var seccomp: LinuxSeccomp?
    /// Propagation of the root mount; an empty one counts as absent.
    package var rootfsPropagation: String?
    /// Paths in the container that cannot be read.
    package var maskedPaths: [String]
    /// Paths in the container that cannot be written.
    package var readonlyPaths: [String]
    /// SELinux context of the container's mounts; an empty one counts as absent.
    package var mountLabel: String?
    /// Cache and memory bandwidth of the container.
    package var intelRdt: LinuxIntelRdt?
    /// NUMA memory policy of the container.
    package var memoryPolicy: LinuxMemoryPolicy?
    /// Execution domain, for personality(2).
    package var personality: LinuxPersonality?
    /// Offsets of a new time namespace, by clock: `monotonic`, `boottime`.
    package var timeOffsets: TextMap<LinuxTimeOffset>

    package init(
        uidMappings: [LinuxIDMapping] = [],
        gidMappings: [LinuxIDMapping] = [],
        sysctl: TextMap<String> = [:],
        resources: LinuxResources? = nil,
        cgroupsPath: String? = nil,
        namespaces: [LinuxNamespace] = [],
        devices: [LinuxDevice] = [],
        netDevices: TextMap<LinuxNetDevice> = [:],
        seccomp: LinuxSeccomp? = nil,
        rootfsPropagation: String? = nil,
        maskedPaths: [String] = [],
        readonlyPaths: [String] = [],
        mountLabel: String? = nil,
        intelRdt: LinuxIntelRdt? = nil,
        memoryPolicy: LinuxMemoryPolicy? = nil,
        personality: LinuxPersonality? = nil,
        timeOffsets: TextMap<LinuxTimeOffset> = [:]
    ) {
        self.uidMappings = uidMappings
        self.gidMappings = gidMappings
        self.sysctl = sysctl
        self.resources = resources
        self.cgroupsPath = cgroupsPath
        self.namespaces = namespaces
        self.devices = devices
        self.netDevices = netDevices
        self.seccomp = seccomp
        self.rootfsPropagation = rootfsPropagation
        self.maskedPaths = maskedPaths
        self.readonlyPaths = readonlyPaths
        self.mountLabel = mountLabel
        self.intelRdt = intelRdt
        self.memoryPolicy = memoryPolicy
        self.personality = personality
        self.timeOffsets = timeOffsets
    }
}

/// A namespace to create, or to join if it has a path.
package struct LinuxNamespace: Equatable, Sendable {
    /// The type: `pid`, `network`, `mount`, `ipc`, `uts`, `user`, `cgroup` or `time`.
    package var type: String
    /// The file of the namespace to join; an empty one counts as absent.
    package var path: String?

    package init(type: String, path: String? = nil) {
        self.type = type
        self.path = path
    }
}

/// The offset of a clock in a time namespace.
package struct LinuxTimeOffset: Equatable, Sendable {
    /// Seconds.
    package var secs: Int64
    /// Nanoseconds in addition to the seconds.
    package var nanosecs: UInt32

    package init(secs: Int64 = 0, nanosecs: UInt32 = 0) {
        self.secs = secs
        self.nanosecs = nanosecs
    }
}

/// Intel RDT, used through resctrl.
package struct LinuxIntelRdt: Equatable, Sendable {
    /// Class of service; an empty one counts as absent.
    package var closID: String?
    /// Lines that are written to the `schemata` file unchanged.
    package var schemata: [String]
    /// Schema of the L3 cache, `L3:0=f;1=f`.
    package var l3CacheSchema: String?
    /// Schema of the memory bandwidth, `MB:0=20;1=70`.
    package var memBwSchema: String?
    /// Whether the container gets a monitoring group.
    package var enableMonitoring: Bool

    package init(
        closID: String? = nil,
        schemata: [String] = [],
        l3CacheSchema: String? = nil,
        memBwSchema: String? = nil,
        enableMonitoring: Bool = false
    ) {
        self.closID = closID
        self.schemata = schemata
        self.l3CacheSchema = l3CacheSchema
        self.memBwSchema = memBwSchema
        self.enableMonitoring = enableMonitoring
    }
}

/// A NUMA memory policy, for set_mempolicy(2).
package struct LinuxMemoryPolicy: Equatable, Sendable {
    /// Name of the mode, such as `MPOL_BIND`.
    package var mode: String
    /// Memory nodes, as a list such as `0-3,7`.
    package var nodes: String
    /// Names such as `MPOL_F_STATIC_NODES`.
    package var flags: [String]

    package init(mode: String, nodes: String = "", flags: [String] = []) {
        self.mode = mode
        self.nodes = nodes
        self.flags = flags
    }
}

/// An execution domain, for personality(2).
package struct LinuxPersonality: Equatable, Sendable {
    /// `LINUX` or `LINUX32`.
    package var domain: String
    /// Further flags; the specification names none yet.
    package var flags: [String]

    package init(domain: String, flags: [String] = []) {
        self.domain = domain
        self.flags = flags
    }
}
