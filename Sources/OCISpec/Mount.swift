// One mount of a container, and the id mapping that mounts and user namespaces share.

/// One mount of the container (config.md, Mounts).
public struct Mount: Equatable, Sendable {
    /// The mount point, a path in the container.
    public var destination: String
    /// Type of the filesystem; an empty one counts as absent.
    public var type: String?
    /// Device, name or path to mount; an empty one counts as absent.
    public var source: String?
    /// Options as in fstab(5).
    public var options: [String]
    /// User ids of an id-mapped mount.
    public var uidMappings: [LinuxIDMapping]
    /// Group ids of an id-mapped mount.
    public var gidMappings: [LinuxIDMapping]

    /// What is left out is absent, as in the document.
    public init(
        destination: String,
        type: String? = nil,
        source: String? = nil,
        options: [String] = [],
        uidMappings: [LinuxIDMapping] = [],
        gidMappings: [LinuxIDMapping] = []
    ) {
        self.destination = destination
        self.type = type
        self.source = source
        self.options = options
        self.uidMappings = uidMappings
        self.gidMappings = gidMappings
    }
}

/// One range of ids, as a line of `uid_map` in user_namespaces(7).
public struct LinuxIDMapping: Equatable, Sendable {
    /// First id in the container.
    public var containerID: UInt32
    /// First id on the host.
    public var hostID: UInt32
    /// Number of ids.
    public var size: UInt32

    /// All of it is required.
    public init(containerID: UInt32, hostID: UInt32, size: UInt32) {
        self.containerID = containerID
        self.hostID = hostID
        self.size = size
    }
}
