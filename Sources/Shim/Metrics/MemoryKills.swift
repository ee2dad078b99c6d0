// Which kills for want of memory have been told, and whose limit they were for.

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

    /// Decides by the levels, the container's first, at which the kernel has said that the limit was reached.
    ///
    /// Those below the one whose limit it was may have been told as well, those above it were not: cgroup v1 notifies
    /// the whole tree below (mem_cgroup_oom_notify), v2 counts `oom` where the limit is, and each level has its own
    /// count. Without any, there was no limit in the way.
    package init(paths: [String], reached: [Bool]) {
        switch reached.lastIndex(of: true) {
        case nil: self = .host
        case 0: self = .container
        case let level?: self = .above(paths[level])
        }
    }
}

/// What is known of one cgroup's kills.
package struct MemoryKills: Equatable, Sendable {
    private var counted: UInt64
    /// Kills of which it is not known yet whether they ended the container's first process.
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

    /// The container's first process has been seen alive after the kills: they ended another one.
    package mutating func settle() { isSettled = true }

    /// Whether a first process that was ended by SIGKILL just now was ended for want of memory.
    package var mayHaveEndedFirst: Bool { !isSettled }
}
