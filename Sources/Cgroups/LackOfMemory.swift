// Whether a container's init died of its memory limit, told after its death.

internal import Kernel

/// What is remembered of a cgroup while it is there, because systemd removes a scope the moment that its last process is
/// gone, and with it what it has counted.
package struct LackOfMemory: Sendable {
    private let cgroup: Cgroup
    private let limit: UInt64?
    private let killsAbove: UInt64?

    /// - Parameter limit: the limit in bytes that the cgroup is going to have; without one what it has now.
    package init(watching cgroup: Cgroup, limit: UInt64? = nil) {
        self.cgroup = cgroup
        let maySlip = cgroup.location.driver == .systemd
        self.limit = maySlip ? limit ?? cgroup.memoryUse()?.limit : limit
        killsAbove = maySlip ? Self.killsAbove(cgroup) ?? 0 : nil
    }

    /// The limit and what was used, if a process of the cgroup was killed for it; nil if none was.
    package func use() -> MemoryUse? {
        if let kills = cgroup.oomKillCount() {
            guard kills > 0 else { return nil }
        } else {
            guard let killsAbove, let kills = Self.killsAbove(cgroup), kills > killsAbove else { return nil }
        }
        var use = cgroup.memoryUse() ?? MemoryUse(limit: nil, current: nil, peak: nil)
        use.limit = use.limit ?? limit
        return use
    }

    /// The cgroup above counts for all below it on v2, and stays.
    private static func killsAbove(_ cgroup: Cgroup) -> UInt64? {
        guard let directory = cgroup.location.directory(of: "memory"), directory.isUnified else { return nil }
        let above = directory.mount + CgroupPath.parent(of: directory.path)
        return (try? readText("\(above)/memory.events")).flatMap { FlatKeyed($0)["oom_kill"] }
    }
}
