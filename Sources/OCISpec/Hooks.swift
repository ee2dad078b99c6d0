// Programs that run at points of a container's life cycle.

/// Programs by the point at which they run, each list in its order (config.md, POSIX-platform Hooks).
package struct Hooks: Equatable, Sendable {
    /// Deprecated: like `createRuntime`, before it.
    package var prestart: [Hook]
    /// During create, in the runtime's namespaces, before the root is changed.
    package var createRuntime: [Hook]
    /// During create, in the container's namespaces, before the root is changed.
    package var createContainer: [Hook]
    /// During start, in the container, before its program is executed.
    package var startContainer: [Hook]
    /// After the program was started, in the runtime's namespaces.
    package var poststart: [Hook]
    /// After the container was deleted, in the runtime's namespaces.
    package var poststop: [Hook]

    package init(
        prestart: [Hook] = [],
        createRuntime: [Hook] = [],
        createContainer: [Hook] = [],
        startContainer: [Hook] = [],
        poststart: [Hook] = [],
        poststop: [Hook] = []
    ) {
        self.prestart = prestart
        self.createRuntime = createRuntime
        self.createContainer = createContainer
        self.startContainer = startContainer
        self.poststart = poststart
        self.poststop = poststop
    }
}

/// One program that runs at a point of the container's life cycle.
package struct Hook: Equatable, Sendable {
    /// The program, an absolute path.
    package var path: String
    /// The argument vector; the first element is the program's name.
    package var args: [String]
    /// The environment; nil may differ from an empty list.
    package var env: [String]?
    /// The number of seconds after which the hook is killed.
    package var timeout: Int?

    package init(path: String, args: [String] = [], env: [String]? = nil, timeout: Int? = nil) {
        self.path = path
        self.args = args
        self.env = env
        self.timeout = timeout
    }
}
