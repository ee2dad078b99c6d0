// What must be known of the host to decide; gathered once by the runtime and passed in, so a test can be any host.

/// Facts of the host, as a value.
package struct HostFacts: Equatable, Sendable {
    /// The effective user and group of the runtime.
    package var uid: UInt32
    package var gid: UInt32
    /// Whether the runtime itself lives in a user namespace other than the first.
    package var isInUserNamespace: Bool
    /// Where a mount of type `cgroup` finds the container's cgroup.
    package var cgroup: CgroupView
    /// The maps of the user namespace that the config joins, where it joins one.
    package var joinedMaps: IdentityMaps?

    /// The maps of the user namespace that the runtime itself is in; nil in the first one, which has all ids.
    package var ownMaps: IdentityMaps?

    /// What a mount of type `cgroup` shows.
    package enum CgroupView: Equatable, Sendable {
        /// No cgroup: the mount is an empty, read-only directory.
        case none
        /// cgroup v1: the directory of the container in each hierarchy, under the name that the hierarchy has
        /// below /sys/fs/cgroup, such as `memory` or `cpu,cpuacct`.
        case legacy([Hierarchy])
        /// cgroup v2: the container's own directory.
        case unified(directory: String)
    }

    /// One v1 hierarchy: its name, the container's directory in it, and the options its filesystem is mounted with.
    package struct Hierarchy: Equatable, Sendable {
        package var name: String
        package var directory: String
        package init(name: String, directory: String) {
            self.name = name
            self.directory = directory
        }
    }

    package init(
        uid: UInt32, gid: UInt32, isInUserNamespace: Bool, cgroup: CgroupView, joinedMaps: IdentityMaps? = nil
    ) {
        self.uid = uid
        self.gid = gid
        self.isInUserNamespace = isInUserNamespace
        self.cgroup = cgroup
        self.joinedMaps = joinedMaps
    }

    /// An ordinary host, seen by root.
    package static let root = HostFacts(uid: 0, gid: 0, isInUserNamespace: false, cgroup: .none)
}
