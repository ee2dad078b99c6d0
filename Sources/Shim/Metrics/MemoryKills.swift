// The OOM kills that have been reported, and the cgroup whose limit caused each.

/// Whose memory limit processes were killed for.
package enum MemoryLimitOwner: Equatable, Sendable, CustomStringConvertible {
    case container
    /// A cgroup above the container's, such as its pod's.
    case above(String)
    /// All memory of the host.
    case host

    package var description: String {
        switch self {
        case .container: "container"
        case .above(let path): path
        case .host: "host"
        }
    }

    /// Decides by the levels at which the kernel has counted that the limit was reached, the container's first.
    ///
    /// Levels below the limit's own may have counted too, levels above it have not: cgroup v1 notifies the whole tree
    /// below (mem_cgroup_oom_notify), v2 counts `oom` at the limit, and each level has its own count. If none has
    /// counted, the host ran out of memory.
    package init(paths: [String], reached: [Bool]) {
        switch reached.lastIndex(of: true) {
        case nil: self = .host
        case 0: self = .container
        case let level?: self = .above(paths[level])
        }
    }
}

/// The kills of one cgroup.
package struct MemoryKills: Equatable, Sendable {
    private var counted: UInt64
    /// Kills of which it is not known yet whether they ended the container's init.
    private var isSettled = true

    package init(counted: UInt64) { self.counted = counted }

    /// Takes the kernel's count.
    /// - Returns: how many kills are new.
    package mutating func count(_ kills: UInt64) -> UInt64 {
        // The counts of cgroups below go with them.
        let new = kills > counted ? kills - counted : 0
        counted = kills
        if new > 0 { isSettled = false }
        return new
    }

    /// The container's init has been seen alive after the kills: they ended another one.
    package mutating func settle() { isSettled = true }

    /// Whether the OOM killer ended a container's init that has just ended by SIGKILL.
    package var mayHaveEndedFirst: Bool { !isSettled }
}
