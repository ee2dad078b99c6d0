// The present limits of a cgroup, for new limits that depend on them.

/// The limits that an update must be combined with; nil if they cannot be read.
package struct CurrentLimits: Equatable, Sendable {
    /// v2 `memory.max`, in bytes; `.max` means no limit. v1 `memory.limit_in_bytes`.
    package var memory: Int64?
    /// v2 `memory.swap.max`, in bytes; `.max` means no limit.
    package var swap: Int64?
    /// v1 `memory.memsw.limit_in_bytes`.
    package var memoryAndSwap: Int64?
    /// v2 `memory.current`: the usage, in bytes.
    package var memoryInUse: Int64?
    /// The length of a period, in microseconds.
    package var period: UInt64?
    /// v2 `cpu.max`, first word; v1 `cpu.cfs_quota_us`.
    package var quota: String?
    /// Whether `cpu.idle` is 1.
    package var isIdle = false

    package init(
        memory: Int64? = nil, swap: Int64? = nil, memoryAndSwap: Int64? = nil, memoryInUse: Int64? = nil,
        quota: String? = nil, period: UInt64? = nil, isIdle: Bool = false
    ) {
        self.memory = memory
        self.swap = swap
        self.memoryAndSwap = memoryAndSwap
        self.memoryInUse = memoryInUse
        self.quota = quota
        self.period = period
        self.isIdle = isIdle
    }
}
