// The container's configuration: the top level of config.json.

/// A container's configuration, the whole of `config.json` (runtime-spec, config.md).
package struct Spec: Equatable, Sendable {
    /// Version of the runtime specification that the bundle complies with.
    package var ociVersion: String
    /// The program of the container; absent in a container that is only created.
    package var process: Process?
    /// The root filesystem.
    package var root: Root?
    /// Host name inside the container; an empty one counts as absent.
    package var hostname: String?
    /// NIS domain name inside the container; an empty one counts as absent.
    package var domainname: String?
    /// Further mounts, in the order in which they are mounted.
    package var mounts: [Mount]
    /// Programs that run at points of the container's life cycle.
    package var hooks: Hooks?
    /// Free data about the container.
    package var annotations: TextMap<String>
    /// The Linux part.
    package var linux: Linux?

    package init(
        ociVersion: String,
        process: Process? = nil,
        root: Root? = nil,
        hostname: String? = nil,
        domainname: String? = nil,
        mounts: [Mount] = [],
        hooks: Hooks? = nil,
        annotations: TextMap<String> = [:],
        linux: Linux? = nil
    ) {
        self.ociVersion = ociVersion
        self.process = process
        self.root = root
        self.hostname = hostname
        self.domainname = domainname
        self.mounts = mounts
        self.hooks = hooks
        self.annotations = annotations
        self.linux = linux
    }
}

/// The container's root filesystem (config.md, Root).
package struct Root: Equatable, Sendable {
    /// Directory of the root filesystem, relative to the bundle or absolute.
    package var path: String
    /// Whether the root filesystem is read-only.
    package var readonly: Bool

    package init(path: String, readonly: Bool = false) {
        self.path = path
        self.readonly = readonly
    }
}
