// Programs that run at points of a container's life cycle.

/// Programs by the point at which they run, each list in its order (config.md, POSIX-platform Hooks).
public struct Hooks: Equatable, Sendable {
    /// Deprecated: like `createRuntime`, before it.
    public var prestart: [Hook]
    /// During create, in the runtime's namespaces, before the root is changed.
    public var createRuntime: [Hook]
    /// During create, in the container's namespaces, before the root is changed.
    public var createContainer: [Hook]
    /// During start, in the container, before its program is executed.
    public var startContainer: [Hook]
    /// After the program was started, in the runtime's namespaces.
    public var poststart: [Hook]
    /// After the container was deleted, in the runtime's namespaces.
    public var poststop: [Hook]

    /// What is left out is absent, as in the document.
    public init(
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
public struct Hook: Equatable, Sendable {
    /// The program, an absolute path.
    public var path: String
    /// The argument vector; the first element is the program's name.
    public var args: [String]
    /// The environment; nil may differ from an empty list.
    public var env: [String]?
    /// The number of seconds after which the hook is killed.
    public var timeout: Int?

    /// What is left out is absent, as in the document.
    public init(path: String, args: [String] = [], env: [String]? = nil, timeout: Int? = nil) {
        self.path = path
        self.args = args
        self.env = env
        self.timeout = timeout
    }
}
