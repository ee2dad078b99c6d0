// The error of a document that is not what the specification asks for.

/// What is wrong with a document, and where.
package struct InvalidSpec: Error, Equatable, Sendable, CustomStringConvertible {
    /// The offending property, such as `mounts[3].destination`; empty for the document as a whole.
    package var keyPath: String
    /// What is wrong with it, such as `is required` or `expected an integer, found a string`.
    package var problem: String

    package init(keyPath: String, problem: String) {
        self.keyPath = keyPath
        self.problem = problem
    }

    /// One sentence: the key path, then the problem.
    package var description: String {
        keyPath.isEmpty ? problem : "\(keyPath): \(problem)"
    }
}
