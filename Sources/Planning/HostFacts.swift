// The properties of the host and of the caller on which decisions depend. The runtime gathers them once and passes them
// in, so that a test can describe any host.

package import struct Kernel.CapabilitySet

/// Facts of the host, as a value.
package struct HostFacts: Equatable, Sendable {
    /// The effective user and group of the runtime.
    package var uid: UInt32
    package var gid: UInt32
    /// Whether the runtime itself runs in a user namespace other than the initial one.
    package var isInUserNamespace: Bool
    /// The cgroup that a mount of type `cgroup` shows.
    package var cgroup: CgroupView
    /// The maps of the user namespace that the config joins, if it joins one.
    package var joinedMaps: IdentityMaps?

    /// The maps of the runtime's own user namespace; nil in the initial one, which has all ids.
    package var ownMaps: IdentityMaps?

    /// Whether the host enforces SELinux labels; false too if the config does not ask for one of mounts.
    package var hasSELinux = false
    /// The version of Landlock in the kernel, 0 for none; nil if the config does not ask for Landlock.
    package var landlockVersion: Int?
    /// The capabilities that the runtime can pass on; nil if that is not known, or all are in a new user namespace.
    package var permittedCapabilities: CapabilitySet?
    /// The number of sockets that a service manager has opened for the container, `LISTEN_FDS`. sd_listen_fds(3).
    package var activationSockets: Int32?
    /// The directory of the socket for the container's readiness message; nil if nobody waits for one. sd_notify(3).
    package var notifyDirectory: String?

    /// The content of a mount of type `cgroup`.
    package enum CgroupView: Equatable, Sendable {
        /// No cgroup: the mount is an empty, read-only directory.
        case none
        /// cgroup v1: the container's directory in each hierarchy, under the hierarchy's name below /sys/fs/cgroup,
        /// such as `memory` or `cpu,cpuacct`.
        case legacy([Hierarchy])
        /// cgroup v2: the container's own directory.
        case unified(directory: String)
    }

    /// One v1 hierarchy: its name, the container's directory in it, and the mount options of its filesystem.
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

    /// An ordinary host, with root as the caller.
    package static let root = HostFacts(uid: 0, gid: 0, isInUserNamespace: false, cgroup: .none)
}
