// Devices of a container: nodes to create, network devices to move, and rules for the cgroup.

/// A device node to create in the container, for mknod(2).
package struct LinuxDevice: Equatable, Sendable {
    /// Path in the container.
    package var path: String
    /// `c` or `u` for character, `b` for block, `p` for a FIFO.
    package var type: String
    /// Major number; a FIFO has none.
    package var major: Int64?
    /// Minor number; a FIFO has none.
    package var minor: Int64?
    /// Permission bits; if absent, the runtime decides.
    package var fileMode: UInt32?
    /// Owner in the container; if absent, the runtime decides.
    package var uid: UInt32?
    /// Group in the container; if absent, the runtime decides.
    package var gid: UInt32?

    package init(
        path: String,
        type: String,
        major: Int64? = nil,
        minor: Int64? = nil,
        fileMode: UInt32? = nil,
        uid: UInt32? = nil,
        gid: UInt32? = nil
    ) {
        self.path = path
        self.type = type
        self.major = major
        self.minor = minor
        self.fileMode = fileMode
        self.uid = uid
        self.gid = gid
    }
}

/// A network device that is moved into the container.
package struct LinuxNetDevice: Equatable, Sendable {
    /// The name in the container; if absent or empty, the name on the host.
    package var name: String?

    package init(name: String? = nil) {
        self.name = name
    }
}

/// One rule of the device list of a cgroup.
package struct LinuxDeviceCgroup: Equatable, Sendable {
    /// Whether the rule allows or denies.
    package var allow: Bool
    /// `a` for all, `c` for character, `b` for block; absent or empty means all.
    package var type: String?
    /// Major number; absent means any.
    package var major: Int64?
    /// Minor number; absent means any.
    package var minor: Int64?
    /// Any of `r`, `w` and `m`; an empty one counts as absent.
    package var access: String?

    package init(
        allow: Bool,
        type: String? = nil,
        major: Int64? = nil,
        minor: Int64? = nil,
        access: String? = nil
    ) {
        self.allow = allow
        self.type = type
        self.major = major
        self.minor = minor
        self.access = access
    }
}
