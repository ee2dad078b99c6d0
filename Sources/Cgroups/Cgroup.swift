// A container's cgroup, live: every operation needs only the location from the state record.

/// A container's cgroup on the running system.
package struct Cgroup: Sendable {
    /// Where it is.
    package let location: CgroupLocation
    /// By what it is told from those of other containers; nil where nothing is asked but where it is.
    let owner: CgroupOwner?

    package init(_ location: CgroupLocation, owner: CgroupOwner? = nil) {
        self.location = location
        self.owner = owner
    }

    /// The directory whose `cgroup.procs` lists the container: the v2 one, else the one of a controller nobody shares.
    var processDirectory: CgroupDirectory? {
        if location.hierarchy == .unified { return location.directories.first }
        for controller in ["devices", "systemd", "freezer", "pids", "memory"] {
            if let directory = location.directory(of: controller) { return directory }
        }
        return location.directories.first
    }
}
