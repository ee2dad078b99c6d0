// One mount of a container, as a value.

package import Kernel

/// One mount below the rootfs.
package struct MountStep: Equatable, Sendable {
    /// The source of a mount.
    package enum Object: Equatable, Sendable {
        /// A new instance of a filesystem, with parameters for fsconfig(2).
        case filesystem(type: String, source: String, parameters: [Parameter])
        /// A file or directory of the host, by absolute path.
        case bind(source: String, recursive: Bool)
        /// No new mount: the attributes of the existing one are changed.
        case remount
        /// The container's cgroup v1 directories, side by side on a tmpfs.
        case legacyCgroup([HostFacts.Hierarchy])
        /// The container's cgroup v2 directory: a new mount where that is allowed, otherwise bound.
        case unifiedCgroup(directory: String)
    }

    /// A parameter of a filesystem; without a value it is a flag.
    package struct Parameter: Equatable, Sendable {
        package var name: String
        package var value: String?
        package init(_ name: String, _ value: String? = nil) {
            self.name = name
            self.value = value
        }
    }

    /// A change of propagation, of the mount or of all mounts below it too.
    package struct PropagationChange: Equatable, Sendable {
        package var kind: Propagation
        package var recursive: Bool
        package init(kind: Propagation, recursive: Bool) {
            self.kind = kind
            self.recursive = recursive
        }
    }

    /// The config's key, such as `mounts[3]`.
    package var key: String
    /// Absolute, in the rootfs.
    package var destination: String
    package var object: Object
    package var attributes = AttributeChange()
    package var recursiveAttributes = AttributeChange()
    package var propagation: [PropagationChange] = []
    /// Whether the tmpfs starts as a copy of the directory that it covers.
    package var copiesUp = false
    /// Whether a source that is a symbolic link becomes the same link in the container.
    package var copiesLink = false
    package var followsSource = true
    package var followsDestination = true
    /// Whether the mount becomes read-only after the devices are created: `/dev`.
    package var becomesReadOnlyLast = false
    /// Whether what is mounted becomes the root.
    package var replacesRoot: Bool { destination == "/" }
    /// Options on a bind mount that are not mount attributes: no new filesystem exists that could use them.
    package var ignoredOptions: [String] = []
    /// The SELinux label that the root of the new filesystem gets: `mqueue`.
    package var rootLabel: String?
    /// The id mapping of the mount: explicit, or that of the container's user namespace.
    package var idMapping: IDMapping?

    /// The id mapping of an idmapped mount.
    package struct IDMapping: Equatable, Sendable {
        package var recursive: Bool
        /// nil: the maps of the container's user namespace.
        package var maps: IdentityMaps?
    }

    package init(key: String, destination: String, object: Object) {
        self.key = key
        self.destination = destination
        self.object = object
    }
}
