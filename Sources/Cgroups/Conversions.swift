// How the values of cgroup v1, which the configuration speaks in, become those of cgroup v2.

internal import Glibc
internal import OCISpec

/// `cpu.shares` as `cpu.weight`.
enum CPUWeight {
    /// The weight for a number of shares; nil for 0, which leaves the weight unset.
    ///
    /// A curve through (2, 1), (1024, 100) and (262144, 10000), so that the default of the one is the default of the other.
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
    /// 10…1000 becomes 1…10000, in a straight line.
    static func fromBlockIOWeight(_ weight: UInt16) -> UInt64 {
        let above = max(Int(weight), 10) - 10
        return UInt64(1 + above * 9_999 / 990)
    }
}

/// memory+swap, which the configuration speaks of, as swap alone, which cgroup v2 limits.
enum SwapArithmetic {
    /// The value for `memory.swap.max`; nil leaves it.
    /// - Parameter current: on an update, what is set now, for the one of the two that the update does not name.
    /// - Throws: an `invalid` failure when there is no limit to subtract, or less in total than in memory alone.
    static func swapMax(_ memory: LinuxMemory, current: CurrentLimits?) throws(CgroupFailure) -> String? {
        let limit = memory.limit ?? 0
        let swap = memory.swap ?? 0
        let key = "linux.resources.memory.swap"
        if limit == -1, swap == 0 { return "max" }
        if swap == -1 { return "max" }
        if swap < 0 {
            throw CgroupFailure(.invalid, "\(key): \(swap) is no limit; -1 stands for none")
        }
        if swap == 0 { return try keptTotal(limit: limit, current) }
        if limit < 0 {
            throw CgroupFailure(.invalid, "\(key): \(swap) is a limit, but linux.resources.memory.limit is unlimited")
        }
        let base = limit > 0 ? limit : current?.memory ?? 0
        guard base != 0, base != .max else {
            throw CgroupFailure(.invalid, "\(key): a limit on memory and swap needs linux.resources.memory.limit")
        }
        guard swap >= base else {
            throw CgroupFailure(
                .invalid, "\(key): \(swap) is memory and swap together, and less than the memory limit of \(base)")
        }
        return "\(swap - base)"
    }

    /// A new limit on memory alone leaves the sum of both where it was.
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
