// Devices of a container: nodes to create, network devices to move, and rules for the cgroup.

/// A device node to create in the container, for mknod(2).
public struct LinuxDevice: Equatable, Sendable {
    /// Path in the container.
    public var path: String
    /// `c` or `u` for character, `b` for block, `p` for a FIFO.
    public var type: String
    /// Major number; a FIFO has none.
    public var major: Int64?
    /// Minor number; a FIFO has none.
    public var minor: Int64?
    /// Permission bits; if absent, the runtime decides.
    public var fileMode: UInt32?
    /// Owner in the container; if absent, the runtime decides.
    public var uid: UInt32?
    /// Group in the container; if absent, the runtime decides.
    public var gid: UInt32?

    /// What is left out is absent, as in the document.
    public init(
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
public struct LinuxNetDevice: Equatable, Sendable {
    /// The name in the container; if absent or empty, the name on the host.
    public var name: String?

    /// What is left out is absent, as in the document.
    public init(name: String? = nil) {
        self.name = name
    }
}

/// One rule of the device list of a cgroup.
public struct LinuxDeviceCgroup: Equatable, Sendable {
    /// Whether the rule allows or denies.
    public var allow: Bool
    /// `a` for all, `c` for character, `b` for block; absent or empty means all.
    public var type: String?
    /// Major number; absent means any.
    public var major: Int64?
    /// Minor number; absent means any.
    public var minor: Int64?
    /// Any of `r`, `w` and `m`; an empty one counts as absent.
    public var access: String?

    /// What is left out is absent, as in the document.
    public init(
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
