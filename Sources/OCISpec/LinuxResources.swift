// Limits of a container's cgroup.

/// Limits of a container's cgroup (config-linux.md, Control groups); also the document that `update` reads.
public struct LinuxResources: Equatable, Sendable {
    /// Rules for devices; the last rule that matches applies.
    public var devices: [LinuxDeviceCgroup]
    /// Memory.
    public var memory: LinuxMemory?
    /// CPUs.
    public var cpu: LinuxCPU?
    /// Number of processes.
    public var pids: LinuxPids?
    /// Block devices.
    public var blockIO: LinuxBlockIO?
    /// Huge pages, by size.
    public var hugepageLimits: [LinuxHugepageLimit]
    /// Network classification, cgroup v1 only.
    public var network: LinuxNetwork?
    /// RDMA resources, by device.
    public var rdma: TextMap<LinuxRdma>
    /// Values for files of cgroup v2, by file name.
    public var unified: TextMap<String>

    /// What is left out is absent, as in the document.
    public init(
        devices: [LinuxDeviceCgroup] = [],
        memory: LinuxMemory? = nil,
        cpu: LinuxCPU? = nil,
        pids: LinuxPids? = nil,
        blockIO: LinuxBlockIO? = nil,
        hugepageLimits: [LinuxHugepageLimit] = [],
        network: LinuxNetwork? = nil,
        rdma: TextMap<LinuxRdma> = [:],
        unified: TextMap<String> = [:]
    ) {
        self.devices = devices
        self.memory = memory
        self.cpu = cpu
        self.pids = pids
        self.blockIO = blockIO
        self.hugepageLimits = hugepageLimits
        self.network = network
        self.rdma = rdma
        self.unified = unified
    }
}

/// Memory limits, in bytes; -1 means no limit.
public struct LinuxMemory: Equatable, Sendable {
    /// Memory.
    public var limit: Int64?
    /// Memory that is protected when memory is scarce.
    public var reservation: Int64?
    /// Memory and swap together.
    public var swap: Int64?
    /// Deprecated: memory of the kernel.
    public var kernel: Int64?
    /// Deprecated: memory of TCP buffers.
    public var kernelTCP: Int64?
    /// How readily pages are swapped, 0 to 100.
    public var swappiness: UInt64?
    /// Whether processes wait for memory instead of being killed by the OOM killer, cgroup v1 only.
    public var disableOOMKiller: Bool?
    /// Deprecated: whether the memory of child cgroups is charged to their parent, cgroup v1 only.
    public var useHierarchy: Bool?
    /// Whether a limit below the current usage is refused.
    public var checkBeforeUpdate: Bool?

    /// What is left out is absent, as in the document.
    public init(
        limit: Int64? = nil,
        reservation: Int64? = nil,
        swap: Int64? = nil,
        kernel: Int64? = nil,
        kernelTCP: Int64? = nil,
        swappiness: UInt64? = nil,
        disableOOMKiller: Bool? = nil,
        useHierarchy: Bool? = nil,
        checkBeforeUpdate: Bool? = nil
    ) {
        self.limit = limit
        self.reservation = reservation
        self.swap = swap
        self.kernel = kernel
        self.kernelTCP = kernelTCP
        self.swappiness = swappiness
        self.disableOOMKiller = disableOOMKiller
        self.useHierarchy = useHierarchy
        self.checkBeforeUpdate = checkBeforeUpdate
    }
}

/// CPU limits; times are in microseconds.
public struct LinuxCPU: Equatable, Sendable {
    /// Weight relative to sibling cgroups.
    public var shares: UInt64?
    /// Run time in a period; -1 means no limit.
    public var quota: Int64?
    /// Run time that may be accumulated beyond the quota.
    public var burst: UInt64?
    /// Length of a period.
    public var period: UInt64?
    /// Realtime run time in a realtime period, cgroup v1 only.
    public var realtimeRuntime: Int64?
    /// Length of a realtime period, cgroup v1 only.
    public var realtimePeriod: UInt64?
    /// CPUs, as a list such as `0-3,7`; an empty one counts as absent.
    public var cpus: String?
    /// Memory nodes, as a list such as `0-3,7`; an empty one counts as absent.
    public var mems: String?
    /// 1 for `SCHED_IDLE`, 0 for the default.
    public var idle: Int64?

    /// What is left out is absent, as in the document.
    public init(
        shares: UInt64? = nil,
        quota: Int64? = nil,
        burst: UInt64? = nil,
        period: UInt64? = nil,
        realtimeRuntime: Int64? = nil,
        realtimePeriod: UInt64? = nil,
        cpus: String? = nil,
        mems: String? = nil,
        idle: Int64? = nil
    ) {
        self.shares = shares
        self.quota = quota
        self.burst = burst
        self.period = period
        self.realtimeRuntime = realtimeRuntime
        self.realtimePeriod = realtimePeriod
        self.cpus = cpus
        self.mems = mems
        self.idle = idle
    }
}

/// The limit of processes.
public struct LinuxPids: Equatable, Sendable {
    /// Number of processes; -1 means no limit.
    public var limit: Int64?

    /// What is left out is absent, as in the document.
    public init(limit: Int64? = nil) {
        self.limit = limit
    }
}

/// Limits of block devices.
public struct LinuxBlockIO: Equatable, Sendable {
    /// Weight relative to sibling cgroups, 10 to 1000.
    public var weight: UInt16?
    /// Weight relative to the cgroup's own children, 10 to 1000.
    public var leafWeight: UInt16?
    /// Weights by device.
    public var weightDevice: [LinuxWeightDevice]
    /// Bytes read per second, by device.
    public var throttleReadBpsDevice: [LinuxThrottleDevice]
    /// Bytes written per second, by device.
    public var throttleWriteBpsDevice: [LinuxThrottleDevice]
    /// Reads per second, by device.
    public var throttleReadIOPSDevice: [LinuxThrottleDevice]
    /// Writes per second, by device.
    public var throttleWriteIOPSDevice: [LinuxThrottleDevice]

    /// What is left out is absent, as in the document.
    public init(
        weight: UInt16? = nil,
        leafWeight: UInt16? = nil,
        weightDevice: [LinuxWeightDevice] = [],
        throttleReadBpsDevice: [LinuxThrottleDevice] = [],
        throttleWriteBpsDevice: [LinuxThrottleDevice] = [],
        throttleReadIOPSDevice: [LinuxThrottleDevice] = [],
        throttleWriteIOPSDevice: [LinuxThrottleDevice] = []
    ) {
        self.weight = weight
        self.leafWeight = leafWeight
        self.weightDevice = weightDevice
        self.throttleReadBpsDevice = throttleReadBpsDevice
        self.throttleWriteBpsDevice = throttleWriteBpsDevice
        self.throttleReadIOPSDevice = throttleReadIOPSDevice
        self.throttleWriteIOPSDevice = throttleWriteIOPSDevice
    }
}

/// The weights of one block device.
public struct LinuxWeightDevice: Equatable, Sendable {
    /// Major number.
    public var major: Int64
    /// Minor number.
    public var minor: Int64
    /// Weight relative to sibling cgroups, 10 to 1000.
    public var weight: UInt16?
    /// Weight relative to the cgroup's own children, 10 to 1000.
    public var leafWeight: UInt16?

    /// What is left out is absent, as in the document.
    public init(major: Int64, minor: Int64, weight: UInt16? = nil, leafWeight: UInt16? = nil) {
        self.major = major
        self.minor = minor
        self.weight = weight
        self.leafWeight = leafWeight
    }
}

/// The rate limit of one block device.
public struct LinuxThrottleDevice: Equatable, Sendable {
    /// Major number.
    public var major: Int64
    /// Minor number.
    public var minor: Int64
    /// Bytes or operations per second.
    public var rate: UInt64

    /// What is left out is absent, as in the document.
    public init(major: Int64, minor: Int64, rate: UInt64 = 0) {
        self.major = major
        self.minor = minor
        self.rate = rate
    }
}

/// The limit of huge pages of one size.
public struct LinuxHugepageLimit: Equatable, Sendable {
    /// Size of a page, such as `2MB`.
    public var pageSize: String
    /// Limit in bytes.
    public var limit: UInt64

    /// All of it is required.
    public init(pageSize: String, limit: UInt64) {
        self.pageSize = pageSize
        self.limit = limit
    }
}

/// Network classification, cgroup v1 only.
public struct LinuxNetwork: Equatable, Sendable {
    /// Class of the container's packets, `net_cls.classid`.
    public var classID: UInt32?
    /// Priorities by interface, `net_prio.ifpriomap`.
    public var priorities: [LinuxInterfacePriority]

    /// What is left out is absent, as in the document.
    public init(classID: UInt32? = nil, priorities: [LinuxInterfacePriority] = []) {
        self.classID = classID
        self.priorities = priorities
    }
}

/// The priority of one network interface.
public struct LinuxInterfacePriority: Equatable, Sendable {
    /// Name of the interface.
    public var name: String
    /// Priority of packets that are sent over it.
    public var priority: UInt32

    /// All of it is required.
    public init(name: String, priority: UInt32) {
        self.name = name
        self.priority = priority
    }
}

/// The limits of one RDMA device.
public struct LinuxRdma: Equatable, Sendable {
    /// Maximum of open handles; absent means no limit.
    public var hcaHandles: UInt32?
    /// Maximum of objects; absent means no limit.
    public var hcaObjects: UInt32?

    /// What is left out is absent, as in the document.
    public init(hcaHandles: UInt32? = nil, hcaObjects: UInt32? = nil) {
        self.hcaHandles = hcaHandles
        self.hcaObjects = hcaObjects
    }
}
