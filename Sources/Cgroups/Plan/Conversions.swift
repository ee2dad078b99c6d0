// Converts values of cgroup v1, which the configuration uses, to cgroup v2.

internal import Glibc
internal import OCISpec

/// `cpu.shares` as `cpu.weight`.
enum CPUWeight {
    /// The weight for a number of shares; nil for 0, which leaves the weight unset.
    ///
    /// A curve through (2, 1), (1024, 100) and (262144, 10000), so that the default of v1 maps to the default of v2.
    static func fromShares(_ shares: UInt64) -> UInt64? {
        if shares == 0 { return nil }
        if shares <= 2 { return 1 }
        if shares >= 262_144 { return 10_000 }
        let logarithm = log2(Double(shares))
        let exponent = (logarithm * logarithm + 125 * logarithm) / 612 - 7.0 / 34.0
        return UInt64(pow(10, exponent).rounded(.up))
    }
}

/// `blkio.weight` as `io.weight`.
enum IOWeight {
    /// Maps 10…1000 to 1…10000 linearly.
    static func fromBlockIOWeight(_ weight: UInt16) -> UInt64 {
        let above = max(Int(weight), 10) - 10
        return UInt64(1 + above * 9_999 / 990)
    }
}

/// Converts memory+swap, which the configuration contains, to swap alone, which cgroup v2 limits.
enum SwapArithmetic {
    /// The value for `memory.swap.max`; nil leaves it unchanged.
    /// - Parameter current: on an update, the present limits, for the limit that the update does not contain.
    /// - Throws: an `invalid` failure if there is no memory limit to subtract, or if the total is less than the
    /// memory limit.
    static func swapMax(_ memory: LinuxMemory, current: CurrentLimits?) throws(CgroupFailure) -> String? {
        let limit = memory.limit ?? 0
        let swap = memory.swap ?? 0
        let key = "linux.resources.memory.swap"
        if limit == -1, swap == 0 { return "max" }
        if swap == -1 { return "max" }
        if swap < 0 {
            throw CgroupFailure(.invalid, "\(key): \(swap) is not a limit; -1 means no limit")
        }
        if swap == 0 { return try keptTotal(limit: limit, current) }
        // Without a memory limit there is nothing to subtract.
        if limit == -1 { return "\(swap)" }
        if limit < 0 {
            throw CgroupFailure(.invalid, "linux.resources.memory.limit: \(limit) is not a limit; -1 means no limit")
        }
        let base = limit > 0 ? limit : current?.memory ?? 0
        guard base != 0, base != .max else {
            throw CgroupFailure(.invalid, "\(key): a limit on memory and swap needs linux.resources.memory.limit")
        }
        guard swap >= base else {
            throw isLess(swap, than: base)
        }
        return "\(swap - base)"
    }

    static func isLess(_ swap: Int64, than limit: Int64) -> CgroupFailure {
        CgroupFailure(
            .invalid,
            "linux.resources.memory.swap: \(swap) is memory and swap together, and less than the memory limit of \(limit)"
        )
    }

    /// A new limit on memory alone keeps the total of memory and swap.
    private static func keptTotal(limit: Int64, _ current: CurrentLimits?) throws(CgroupFailure) -> String? {
        guard limit > 0, let current, let memory = current.memory, let swap = current.swap, memory != .max, swap != .max
        else { return nil }
        let total = memory + swap
        guard total >= limit else {
            throw CgroupFailure(
                .invalid,
                "linux.resources.memory.limit: \(limit) is more than the \(total) that memory and swap are limited to "
                    + "together; give linux.resources.memory.swap too")
        }
        return "\(total - limit)"
    }
}

/// `cpu.quota` and `cpu.period` in the resolution that systemd supports.
enum CPUQuota {
    /// The default period, in microseconds. kernel, Documentation/admin-guide/cgroup-v2.rst, "cpu.max".
    static let usualPeriod: UInt64 = 100_000

    /// The run time per second for systemd, rounded to its resolution of a hundredth of a second; nil for no limit.
    static func perSecond(_ quota: Int64, period: UInt64) -> UInt64? {
        guard quota > 0, period > 0 else { return nil }
        let (product, overflow) = UInt64(quota).multipliedReportingOverflow(by: 1_000_000)
        let exact = (overflow ? .max - 10_000 : product) / period
        return (exact + 9_999) / 10_000 * 10_000
    }

    /// The same limits with both values set and the quota rounded as systemd rounds it. Otherwise systemd would write
    /// other values into the files when it reloads.
    /// - Parameter current: on an update, the present limits, for the value that the update does not contain.
    static func settled(_ resources: LinuxResources, current: CurrentLimits?) -> LinuxResources {
        guard var cpu = resources.cpu, (cpu.quota ?? 0) != 0 || (cpu.period ?? 0) != 0 else { return resources }
        let period = cpu.period.flatMap { $0 == 0 ? nil : $0 } ?? current?.period ?? usualPeriod
        let quota = cpu.quota.flatMap { $0 == 0 ? nil : $0 } ?? current?.quota.flatMap { Int64($0) } ?? -1
        cpu.period = period
        cpu.quota = quota
        if let perSecond = perSecond(quota, period: period) {
            let (product, overflow) = perSecond.multipliedReportingOverflow(by: period)
            if !overflow { cpu.quota = max(quota, Int64(product / 1_000_000)) }
        }
        var settled = resources
        settled.cpu = cpu
        return settled
    }
}
