// The Linux part of a configuration.

/// The Linux part of a configuration (config-linux.md).
public struct Linux: Equatable, Sendable {
    /// User ids of the container's user namespace.
    public var uidMappings: [LinuxIDMapping]
    /// Group ids of the container's user namespace.
    public var gidMappings: [LinuxIDMapping]
    /// Sysctls of the container, with dots or slashes.
    public var sysctl: TextMap<String>
    /// Limits of the container's cgroup.
    public var resources: LinuxResources?
    /// Path of the container's cgroup; an empty one counts as absent.
    public var cgroupsPath: String?
    /// Namespaces to create or to join; the container stays in the runtime's namespace of any other type.
    public var namespaces: [LinuxNamespace]
    /// Device nodes to create.
    public var devices: [LinuxDevice]
    /// Network devices to move into the container, by their name on the host.
    public var netDevices: TextMap<LinuxNetDevice>
    /// Seccomp filter.
    public var seccomp: LinuxSeccomp?
    /// Propagation of the root mount; an empty one counts as absent.
    public var rootfsPropagation: String?
    /// Paths in the container that cannot be read.
    public var maskedPaths: [String]
    /// Paths in the container that cannot be written.
    public var readonlyPaths: [String]
    /// SELinux context of the container's mounts; an empty one counts as absent.
    public var mountLabel: String?
    /// Cache and memory bandwidth of the container.
    public var intelRdt: LinuxIntelRdt?
    /// NUMA memory policy of the container.
    public var memoryPolicy: LinuxMemoryPolicy?
    /// Execution domain, for personality(2).
    public var personality: LinuxPersonality?
    /// Offsets of a new time namespace, by clock: `monotonic`, `boottime`.
    public var timeOffsets: TextMap<LinuxTimeOffset>

    /// What is left out is absent, as in the document.
    public init(
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
public struct LinuxNamespace: Equatable, Sendable {
    /// The type: `pid`, `network`, `mount`, `ipc`, `uts`, `user`, `cgroup` or `time`.
    public var type: String
    /// The file of the namespace to join; an empty one counts as absent.
    public var path: String?
    /// Whether the container gets a namespace of its own, instead of one that is joined.
    package var isNew: Bool { path?.isEmpty ?? true }

    /// What is left out is absent, as in the document.
    public init(type: String, path: String? = nil) {
        self.type = type
        self.path = path
    }
}

/// The offset of a clock in a time namespace.
public struct LinuxTimeOffset: Equatable, Sendable {
    /// Seconds.
    public var secs: Int64
    /// Nanoseconds in addition to the seconds.
    public var nanosecs: UInt32

    /// What is left out is absent, as in the document.
    public init(secs: Int64 = 0, nanosecs: UInt32 = 0) {
        self.secs = secs
        self.nanosecs = nanosecs
    }
}

/// Intel RDT, used through resctrl.
public struct LinuxIntelRdt: Equatable, Sendable {
    /// Class of service; an empty one counts as absent.
    public var closID: String?
    /// Lines that are written to the `schemata` file unchanged.
    public var schemata: [String]
    /// Schema of the L3 cache, `L3:0=f;1=f`.
    public var l3CacheSchema: String?
    /// Schema of the memory bandwidth, `MB:0=20;1=70`.
    public var memBwSchema: String?
    /// Whether the container gets a monitoring group.
    public var enableMonitoring: Bool

    /// What is left out is absent, as in the document.
    public init(
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
public struct LinuxMemoryPolicy: Equatable, Sendable {
    /// Name of the mode, such as `MPOL_BIND`.
    public var mode: String
    /// Memory nodes, as a list such as `0-3,7`.
    public var nodes: String
    /// Names such as `MPOL_F_STATIC_NODES`.
    public var flags: [String]

    /// What is left out is absent, as in the document.
    public init(mode: String, nodes: String = "", flags: [String] = []) {
        self.mode = mode
        self.nodes = nodes
        self.flags = flags
    }
}

/// An execution domain, for personality(2).
public struct LinuxPersonality: Equatable, Sendable {
    /// `LINUX` or `LINUX32`.
    public var domain: String
    /// Further flags; the specification names none yet.
    public var flags: [String]

    /// What is left out is absent, as in the document.
    public init(domain: String, flags: [String] = []) {
        self.domain = domain
        self.flags = flags
    }
}
