// What a cgroup's limits are now, where a new limit cannot be written without knowing the old one.

/// The limits that an update has to combine with; nil where there was nothing to read.
package struct CurrentLimits: Equatable, Sendable {
    /// v2 `memory.max`, in bytes; `.max` for none. v1 `memory.limit_in_bytes`.
    package var memory: Int64?
    /// v2 `memory.swap.max`, in bytes; `.max` for none.
    package var swap: Int64?
    /// v1 `memory.memsw.limit_in_bytes`.
    package var memoryAndSwap: Int64?
    /// v2 `memory.current`: what is in use, in bytes.
    package var memoryInUse: Int64?
    /// The length of a period, in microseconds.
    package var period: UInt64?
    /// v2 `cpu.max`, its first word; v1 `cpu.cfs_quota_us`.
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
