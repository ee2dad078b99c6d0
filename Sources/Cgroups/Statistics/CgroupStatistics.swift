// The resource usage of a container, in the terms of cgroup v1 that engines still use.

/// The resource usage of a container. Times are in nanoseconds, sizes in bytes; nil if the controller is missing.
package struct CgroupStatistics: Equatable, Sendable {
    package var cpu: CPUStatistics?
    package var cpuset: CPUSetStatistics?
    package var memory: MemoryStatistics?
    package var pids: PidsStatistics?
    package var blockIO: BlockIOStatistics?
    /// By page size: `2MB`.
    package var hugetlb: [String: LimitedUse] = [:]
    /// By device.
    package var rdma: [String: RDMAStatistics] = [:]
    /// Usage of `misc`, by resource.
    package var misc: [String: UInt64] = [:]

    package init() {}
}

/// One line of a pressure file: the share of time, in percent, in which tasks waited.
package struct PressureLine: Equatable, Sendable {
    package var avg10: Double
    package var avg60: Double
    package var avg300: Double
    /// Microseconds since boot.
    package var total: UInt64

    package init(avg10: Double, avg60: Double, avg300: Double, total: UInt64) {
        self.avg10 = avg10
        self.avg60 = avg60
        self.avg300 = avg300
        self.total = total
    }
}

/// A pressure file (cgroup v2 only).
package struct Pressure: Equatable, Sendable {
    /// The time in which some tasks waited.
    package var some: PressureLine
    /// The time in which all tasks waited.
    package var full: PressureLine

    package init(some: PressureLine, full: PressureLine) {
        self.some = some
        self.full = full
    }
}

/// CPU time.
package struct CPUStatistics: Equatable, Sendable {
    package var total: UInt64 = 0
    package var kernel: UInt64 = 0
    package var user: UInt64 = 0
    /// By CPU; v1 only.
    package var perCPU: [UInt64] = []
    package var perCPUKernel: [UInt64] = []
    package var perCPUUser: [UInt64] = []
    package var periods: UInt64 = 0
    package var throttledPeriods: UInt64 = 0
    package var throttledTime: UInt64 = 0
    package var pressure: Pressure?

    package init() {}
}

/// The CPUs and memory nodes; all fields except the lists exist only in v1.
package struct CPUSetStatistics: Equatable, Sendable {
    package var cpus: [UInt16] = []
    package var mems: [UInt16] = []
    package var cpuExclusive: UInt64 = 0
    package var memHardwall: UInt64 = 0
    package var memExclusive: UInt64 = 0
    package var memoryMigrate: UInt64 = 0
    package var memorySpreadPage: UInt64 = 0
    package var memorySpreadSlab: UInt64 = 0
    package var memoryPressure: UInt64 = 0
    package var schedLoadBalance: UInt64 = 0
    package var schedRelaxDomainLevel: Int64 = 0

    package init() {}
}

/// The usage of a resource, and its limit.
package struct LimitedUse: Equatable, Sendable {
    /// `UInt64.max` means no limit.
    package var limit: UInt64
    package var usage: UInt64
    package var max: UInt64
    package var failcnt: UInt64

    package init(limit: UInt64 = 0, usage: UInt64 = 0, max: UInt64 = 0, failcnt: UInt64 = 0) {
        self.limit = limit
        self.usage = usage
        self.max = max
        self.failcnt = failcnt
    }
}

/// Memory.
package struct MemoryStatistics: Equatable, Sendable {
    package var cache: UInt64 = 0
    package var usage = LimitedUse()
    /// Memory and swap together, also on v2.
    package var swap = LimitedUse()
    package var kernel = LimitedUse()
    package var kernelTCP = LimitedUse()
    /// `memory.stat`.
    package var raw: [String: UInt64] = [:]
    package var pressure: Pressure?

    package init() {}
}

/// Processes.
package struct PidsStatistics: Equatable, Sendable {
    package var current: UInt64
    /// 0 means no limit.
    package var limit: UInt64

    package init(current: UInt64, limit: UInt64) {
        self.current = current
        self.limit = limit
    }
}

/// One value of one device.
package struct BlockIOEntry: Equatable, Sendable {
    package var major: UInt64
    package var minor: UInt64
    /// `Read`, `Write`, `Sync`, `Async`, `Discard`, `Total`; empty if there is only one value.
    package var op: String
    package var value: UInt64

    package init(major: UInt64, minor: UInt64, op: String, value: UInt64) {
        self.major = major
        self.minor = minor
        self.op = op
        self.value = value
    }
}

/// Block devices.
package struct BlockIOStatistics: Equatable, Sendable {
    package var serviceBytes: [BlockIOEntry] = []
    package var serviced: [BlockIOEntry] = []
    package var queued: [BlockIOEntry] = []
    package var serviceTime: [BlockIOEntry] = []
    package var waitTime: [BlockIOEntry] = []
    package var merged: [BlockIOEntry] = []
    package var time: [BlockIOEntry] = []
    package var sectors: [BlockIOEntry] = []
    package var pressure: Pressure?

    package init() {}
}

/// One RDMA device; `UInt32.max` means no limit.
package struct RDMAStatistics: Equatable, Sendable {
    package var handles: UInt32 = 0
    package var objects: UInt32 = 0
    package var handlesLimit: UInt32 = 0
    package var objectsLimit: UInt32 = 0

    package init() {}
}
