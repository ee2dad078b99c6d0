// Detects that the OOM killer ended a container's init.

internal import Kernel

/// Data about a cgroup, read while it exists: systemd removes a scope together with its counters as soon as its last
/// process has ended.
package struct OOMKillDetector: Sendable {
    private let cgroup: Cgroup
    private let limit: UInt64?
    private let killsAbove: UInt64?

    /// - Parameter limit: the limit in bytes that the cgroup will have; nil for its present limit.
    package init(watching cgroup: Cgroup, limit: UInt64? = nil) {
        self.cgroup = cgroup
        let maySlip = cgroup.location.driver == .systemd
        self.limit = maySlip ? limit ?? cgroup.memoryUse()?.limit : limit
        killsAbove = maySlip ? Self.killsAbove(cgroup) ?? 0 : nil
    }

    /// The limit and the usage if the OOM killer ended a process of the cgroup; otherwise nil.
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

    /// On v2 the parent's count includes all sub-cgroups, and the parent stays.
    private static func killsAbove(_ cgroup: Cgroup) -> UInt64? {
        guard let directory = cgroup.location.directory(of: "memory"), directory.isUnified else { return nil }
        let above = directory.mount + CgroupPath.parent(of: directory.path)
        return (try? readText("\(above)/memory.events")).flatMap { FlatKeyed($0)["oom_kill"] }
    }
}
