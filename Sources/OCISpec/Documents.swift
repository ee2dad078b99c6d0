// The documents that are read as a whole: a configuration, a process to execute, resources to update.

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
    package init(config bytes: [UInt8]) throws(InvalidSpec) { try self.init(json: bytes) }
}

extension Process {
    /// Reads the process document of `exec`; throws `InvalidSpec`.
    package init(process bytes: [UInt8]) throws(InvalidSpec) { try self.init(json: bytes) }

    /// Reads only the process of a `config.json`; nil if it has none; throws `InvalidSpec`.
    package init?(ofConfig bytes: [UInt8]) throws(InvalidSpec) {
        guard let process = try OnlyProcess(json: bytes).process else { return nil }
        self = process
    }

    private struct OnlyProcess: JSONDecodable {
        let process: Process?
        init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) { process = try cursor.optional("process") }
    }
}

extension LinuxResources {
    /// Reads the resources document of `update`; throws `InvalidSpec`.
    package init(bytes: [UInt8]) throws(InvalidSpec) { try self.init(bytes: bytes) { _ in } }
}
