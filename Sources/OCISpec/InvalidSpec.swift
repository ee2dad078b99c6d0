// The error for a document that violates the specification.

/// A problem of a document, and its place.
public struct InvalidSpec: Error, Equatable, Sendable, CustomStringConvertible {
    /// The property, such as `mounts[3].destination`; empty for the whole document.
    public var keyPath: String
    /// The problem, such as `is required` or `expected an integer, found a string`.
    public var problem: String

    /// An error at a place of a document.
    public init(keyPath: String, problem: String) {
        self.keyPath = keyPath
        self.problem = problem
    }

    /// One sentence: the key path, then the problem.
    public var description: String {
        keyPath.isEmpty ? problem : "\(keyPath): \(problem)"
    }

    /// The same error with a path that begins at the object that has the property.
    package func inside(property name: String) -> InvalidSpec {
        let isPlain = !name.isEmpty && name.utf8.allSatisfy(Self.isPlain)
        return inside(step: isPlain ? name : "[\"\(name)\"]")
    }

    /// The same error with a path that begins at the array that has the element.
    package func inside(element index: Int) -> InvalidSpec {
        inside(step: "[\(index)]")
    }

    private func inside(step: String) -> InvalidSpec {
        let separator = keyPath.isEmpty || keyPath.utf8.first == UInt8(ascii: "[") ? "" : "."
        return InvalidSpec(keyPath: step + separator + keyPath, problem: problem)
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"): true
        default: false
        }
    }
}
