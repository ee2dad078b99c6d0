// The container's configuration: the top level of config.json.

/// A container's configuration, the whole of `config.json` (runtime-spec, config.md).
public struct Spec: Equatable, Sendable {
    /// Version of the runtime specification that the bundle complies with.
    public var ociVersion: String
    /// The program of the container; absent in a container that is only created.
    public var process: Process?
    /// The root filesystem.
    public var root: Root?
    /// Host name inside the container; an empty one counts as absent.
    public var hostname: String?
    /// NIS domain name inside the container; an empty one counts as absent.
    public var domainname: String?
    /// Further mounts, in the order in which they are mounted.
    public var mounts: [Mount]
    /// Programs that run at points of the container's life cycle.
    public var hooks: Hooks?
    /// Free data about the container.
    public var annotations: TextMap<String>
    /// The Linux part.
    public var linux: Linux?

    /// What is left out is absent, as in the document.
    public init(
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
public struct Root: Equatable, Sendable {
    /// Directory of the root filesystem, relative to the bundle or absolute.
    public var path: String
    /// Whether the root filesystem is read-only.
    public var readonly: Bool

    /// What is left out is absent, as in the document.
    public init(path: String, readonly: Bool = false) {
        self.path = path
        self.readonly = readonly
    }
}
