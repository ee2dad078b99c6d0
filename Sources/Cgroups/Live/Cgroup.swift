// A container's cgroup on the running system. Every operation needs only the location from the state record.

/// A container's cgroup on the running system.
package struct Cgroup: Sendable {
    /// The location of the cgroup.
    package let location: CgroupLocation
    /// Distinguishes the cgroup from those of other containers; nil if the operation needs only the location.
    let owner: CgroupOwner?

    package init(_ location: CgroupLocation, owner: CgroupOwner? = nil) {
        self.location = location
        self.owner = owner
    }

    /// The directory whose `cgroup.procs` lists the container's processes: the v2 directory, otherwise one of a
    /// controller that containers do not share.
    var processDirectory: CgroupDirectory? {
        if location.hierarchy == .unified { return location.directories.first }
        for controller in ["devices", "systemd", "freezer", "pids", "memory"] {
            if let directory = location.directory(of: controller) { return directory }
        }
        return location.directories.first
    }
}
