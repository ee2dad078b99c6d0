// The state of a container, as `state` prints it and as hooks and seccomp agents receive it.

/// The state of a container (runtime.md, State), with the extra fields that runtimes print.
public struct ContainerState: Equatable, Sendable {
    /// Version of the runtime specification that the state conforms to.
    public var ociVersion: String
    /// The container's id.
    public var id: String
    /// The pid of the container's init on the host; 0 if there is none.
    public var pid: Int32
    /// `creating`, `created`, `running`, `paused` or `stopped`.
    public var status: String
    /// Absolute path of the bundle.
    public var bundle: String
    /// Absolute path of the root filesystem; omitted in the input of hooks.
    public var rootfs: String?
    /// The time of creation, RFC 3339 in UTC with nanoseconds; omitted in the input of hooks.
    public var created: String?
    /// Annotations of the configuration; not written when empty.
    public var annotations: TextMap<String>
    /// Name or `#uid` of the container's owner; omitted in the input of hooks.
    public var owner: String?

    /// What is left out is absent, as in the document.
    public init(
        ociVersion: String,
        id: String,
        pid: Int32 = 0,
        status: String,
        bundle: String,
        rootfs: String? = nil,
        created: String? = nil,
        annotations: TextMap<String> = [:],
        owner: String? = nil
    ) {
        self.ociVersion = ociVersion
        self.id = id
        self.pid = pid
        self.status = status
        self.bundle = bundle
        self.rootfs = rootfs
        self.created = created
        self.annotations = annotations
        self.owner = owner
    }
}
