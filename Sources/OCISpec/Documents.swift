// The documents that are read and written as a whole: a configuration, a process to execute, resources to update, the state of
// a container, the features of a runtime.

extension JSONDecodable {
    /// Reads a whole document, UTF-8 text.
    ///
    /// Throws `InvalidSpec`: with line and column if the text is not JSON, with a key path if a value does not fit.
    package init(json bytes: [UInt8]) throws(InvalidSpec) {
        self = try JSONDocument(bytes).decode()
    }
}

extension Spec {
    /// Reads the text of a `config.json`; throws `InvalidSpec`.
    public init(config bytes: [UInt8]) throws(InvalidSpec) { try self.init(json: bytes) }

    /// The text of a `config.json`: compact if `indent` is nil, otherwise with one line per element.
    public func encoded(indent: StaticString? = nil) -> [UInt8] { json(indent: indent) }
}

extension Process {
    /// Reads the process document of `exec`; throws `InvalidSpec`.
    public init(process bytes: [UInt8]) throws(InvalidSpec) { try self.init(json: bytes) }

    /// Reads only the process of a `config.json`; nil if it has none; throws `InvalidSpec`.
    public init?(ofConfig bytes: [UInt8]) throws(InvalidSpec) {
        guard let process = try OnlyProcess(json: bytes).process else { return nil }
        self = process
    }

    /// The process document of `exec`: compact if `indent` is nil, otherwise with one line per element.
    public func encoded(indent: StaticString? = nil) -> [UInt8] { json(indent: indent) }

    private struct OnlyProcess: JSONDecodable {
        let process: Process?
        init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) { process = try cursor.optional("process") }
    }
}

extension LinuxResources {
    /// Reads the resources document of `update`; throws `InvalidSpec`.
    public init(bytes: [UInt8]) throws(InvalidSpec) { try self.init(bytes: bytes) { _ in } }

    /// The resources document of `update`: compact if `indent` is nil, otherwise with one line per element.
    public func encoded(indent: StaticString? = nil) -> [UInt8] { json(indent: indent) }
}

extension ContainerState {
    /// Reads the state that a runtime prints, or gives to a hook; throws `InvalidSpec`.
    public init(state bytes: [UInt8]) throws(InvalidSpec) { try self.init(json: bytes) }

    /// The state as `state` prints it: compact if `indent` is nil, otherwise with one line per element.
    public func encoded(indent: StaticString? = nil) -> [UInt8] { json(indent: indent) }
}

extension Features {
    /// Reads the document that a runtime's `features` prints; throws `InvalidSpec`.
    public init(features bytes: [UInt8]) throws(InvalidSpec) { try self.init(json: bytes) }

    /// The document of `features`: compact if `indent` is nil, otherwise with one line per element.
    public func encoded(indent: StaticString? = nil) -> [UInt8] { json(indent: indent) }
}
