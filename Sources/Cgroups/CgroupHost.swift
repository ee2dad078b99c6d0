// What has to be known of the host before a cgroup plan can be made.

/// How the host mounts its cgroups.
package enum CgroupHierarchy: String, CaseIterable, Sendable {
    /// cgroup v2 alone, at /sys/fs/cgroup.
    case unified
    /// cgroup v1: one hierarchy a controller.
    case legacy
    /// cgroup v1 for the controllers, and a cgroup v2 tree beside them at /sys/fs/cgroup/unified.
    case hybrid
}

/// Who makes and limits the container's cgroup.
package enum CgroupDriver: String, Equatable, Sendable {
    /// We do, in the file system.
    case cgroupfs
    /// systemd does, asked over D-Bus.
    case systemd
    /// Nobody: the container stays in the cgroup of the caller.
    case disabled
}

/// One mounted hierarchy.
package struct CgroupMount: Equatable, Sendable {
    /// The v1 controllers bound to it, `name=systemd` as `systemd`; for cgroup v2 the one name `unified`.
    package var controllers: [String]
    /// The mount point, without symbolic links.
    package var path: String

    package init(controllers: [String], path: String) {
        self.controllers = controllers
        self.path = path
    }

    /// Whether this is a cgroup v2 tree.
    package var isUnified: Bool { controllers == ["unified"] }
}

/// Facts about the host, gathered once and passed in, so that a plan is a pure function of them.
package struct CgroupHost: Equatable, Sendable {
    /// How cgroups are mounted.
    package var hierarchy: CgroupHierarchy
    /// The mounted hierarchies, in the order they are joined; cgroup v2 last.
    package var mounts: [CgroupMount]
    /// The caller's own cgroup in each, below the mount point, by controller (`unified` for v2); empty unless asked for.
    package var ownPaths: [String: String]
    /// Whether a cgroup that cannot be made or changed is done without, where the config asks nothing of it.
    package var toleratesRefusals: Bool
    /// The cgroup of the user's own systemd, when that is the one to ask; empty for the system's.
    package var userManagerPath: String

    package init(
        hierarchy: CgroupHierarchy, mounts: [CgroupMount], ownPaths: [String: String] = [:],
        toleratesRefusals: Bool = false,
        userManagerPath: String = ""
    ) {
        self.hierarchy = hierarchy
        self.mounts = mounts
        self.ownPaths = ownPaths
        self.toleratesRefusals = toleratesRefusals
        self.userManagerPath = userManagerPath
    }
}
