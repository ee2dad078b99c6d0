// One mount of a container, and the id mapping that mounts and user namespaces share.

/// One mount of the container (config.md, Mounts).
package struct Mount: Equatable, Sendable {
    /// The mount point, a path in the container.
    package var destination: String
    /// Type of the filesystem; an empty one counts as absent.
    package var type: String?
    /// Device, name or path to mount; an empty one counts as absent.
    package var source: String?
    /// Options as in fstab(5).
    package var options: [String]
    /// User ids of an id-mapped mount.
    package var uidMappings: [LinuxIDMapping]
    /// Group ids of an id-mapped mount.
    package var gidMappings: [LinuxIDMapping]

    package init(
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
package struct LinuxIDMapping: Equatable, Sendable {
    /// First id in the container.
    package var containerID: UInt32
    /// First id on the host.
    package var hostID: UInt32
    /// Number of ids.
    package var size: UInt32

    package init(containerID: UInt32, hostID: UInt32, size: UInt32) {
        self.containerID = containerID
        self.hostID = hostID
        self.size = size
    }
}
