// The facts about the host that a cgroup plan needs.

package import Kernel

/// How the host mounts its cgroups.
package enum CgroupHierarchy: String, CaseIterable, Sendable {
    /// cgroup v2 only, at /sys/fs/cgroup.
    case unified
    /// cgroup v1: one hierarchy per controller.
    case legacy
    /// cgroup v1 for the controllers, and a cgroup v2 tree beside them at /sys/fs/cgroup/unified.
    case hybrid
}

/// The program that creates and limits the container's cgroup.
package enum CgroupDriver: String, Equatable, Sendable {
    /// swiftrun, through the filesystem.
    case cgroupfs
    /// systemd, through D-Bus.
    case systemd
    /// None: the container stays in the caller's cgroup.
    case disabled
}

/// One mounted hierarchy.
package struct CgroupMount: Equatable, Sendable {
    /// The v1 controllers of the hierarchy, `name=systemd` as `systemd`; for cgroup v2 only the name `unified`.
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

/// A hierarchy in which the caller may not make the container's cgroup.
package struct CgroupRefusal: Equatable, Sendable {
    /// The mount point of the hierarchy.
    package var mount: String
    package var code: Errno

    package init(mount: String, code: Errno) {
        self.mount = mount
        self.code = code
    }
}

/// Facts about the host, gathered once and passed in, so that a plan is a pure function of them.
package struct CgroupHost: Equatable, Sendable {
    /// How cgroups are mounted.
    package var hierarchy: CgroupHierarchy
    /// The mounted hierarchies, in the order in which they are joined; cgroup v2 last.
    package var mounts: [CgroupMount]
    /// The caller's own cgroup in each hierarchy, below the mount point, by controller (`unified` for v2); empty
    /// unless requested.
    package var ownPaths: [String: String]
    /// Whether the container may run without a cgroup that cannot be created or changed, if the config needs none.
    package var toleratesRefusals: Bool
    /// The cgroup of the user's own systemd, if the driver uses that one; empty for the system's.
    package var userManagerPath: String
    /// The hierarchies that a container without a cgroupsPath and limits does without.
    package var refusals: [CgroupRefusal] = []

    /// The cgroup below the mount point in which a relative cgroupsPath lies, and that of a config without one.
    package func parentOfRelativePath(in mount: CgroupMount) -> String {
        let own = ownPaths[mount.controllers.first ?? ""] ?? "/"
        return hierarchy == .unified ? CgroupPath.parent(of: own) : own
    }

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
