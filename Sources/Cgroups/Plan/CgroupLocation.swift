// The location of a container's cgroup: the data that later commands need to find it again.

/// The container's directory in one hierarchy.
package struct CgroupDirectory: Equatable, Sendable {
    /// The controllers of the hierarchy, as in ``CgroupMount``.
    package var controllers: [String]
    /// The mount point of the hierarchy.
    package var mount: String
    /// The path below the mount point; starts with `/`, contains no `..`, and is `/` only for a directory that
    /// swiftrun did not create.
    package var path: String
    /// The directory's inode, once it exists: the path may belong to another container later.
    package var inode: UInt64?

    package init(controllers: [String], mount: String, path: String, inode: UInt64? = nil) {
        self.controllers = controllers
        self.mount = mount
        self.path = path
        self.inode = inode
    }

    /// The whole path of the directory.
    package var fullPath: String { path == "/" ? mount : mount + path }

    /// Whether it lies in a cgroup v2 tree.
    package var isUnified: Bool { controllers == ["unified"] }
}

/// A container's cgroup in every hierarchy, as plain values for the state record.
package struct CgroupLocation: Equatable, Sendable {
    /// The driver that created it and makes changes.
    package var driver: CgroupDriver
    /// How the host mounted its cgroups at the container's creation.
    package var hierarchy: CgroupHierarchy
    /// One directory per hierarchy; empty if the container has no cgroup of its own.
    package var directories: [CgroupDirectory]
    /// The systemd unit, with the systemd driver.
    package var unit: String?
    /// Whether the unit belongs to the user's own systemd.
    package var isUserUnit: Bool

    package init(
        driver: CgroupDriver, hierarchy: CgroupHierarchy, directories: [CgroupDirectory], unit: String? = nil,
        isUserUnit: Bool = false
    ) {
        self.driver = driver
        self.hierarchy = hierarchy
        self.directories = directories
        self.unit = unit
        self.isUserUnit = isUserUnit
    }

    /// The location of a container without a cgroup of its own.
    package static func none(_ hierarchy: CgroupHierarchy) -> CgroupLocation {
        CgroupLocation(driver: .disabled, hierarchy: hierarchy, directories: [])
    }

    /// The directory of a controller: its own on v1, the one of the unified tree on v2.
    package func directory(of controller: String) -> CgroupDirectory? {
        if let own = directories.first(where: { $0.controllers.contains(controller) }) { return own }
        return hierarchy == .unified ? directories.first : nil
    }
}
