// The state of a container, as `state` prints it and as hooks and seccomp listeners read it.

/// The state of a container (runtime.md, State), with what runtimes print beyond the specification.
package struct ContainerState: Equatable, Sendable {
    /// Version of the runtime specification that the state complies with.
    package var ociVersion: String
    /// The container's id.
    package var id: String
    /// Process id of the container's program on the host; 0 when there is none.
    package var pid: Int32
    /// `creating`, `created`, `running`, `paused` or `stopped`.
    package var status: String
    /// Absolute path of the bundle.
    package var bundle: String
    /// Absolute path of the root file system; left out of hooks' input.
    package var rootfs: String?
    /// When the container was created, RFC 3339 in UTC with nanoseconds; left out of hooks' input.
    package var created: String?
    /// Annotations of the configuration; not written when empty.
    package var annotations: [String: String]
    /// Name or `#uid` of the container's owner; left out of hooks' input.
    package var owner: String?

    package init(
        ociVersion: String,
        id: String,
        pid: Int32 = 0,
        status: String,
        bundle: String,
        rootfs: String? = nil,
        created: String? = nil,
        annotations: [String: String] = [:],
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
