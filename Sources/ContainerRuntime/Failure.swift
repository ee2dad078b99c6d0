// The one error of this module: what failed, on what, and why, in the order in which a person reads it.

internal import CLinux
package import Kernel

/// Why an operation on a container failed.
package struct Failure: Error, Equatable, Sendable, CustomStringConvertible {
    /// The kinds that callers distinguish.
    package enum Kind: Equatable, Sendable {
        /// The command line or the config asks for something that has no meaning.
        case invalid
        /// The container does not exist.
        case notFound
        /// The container's id is taken.
        case exists
        /// The container's record cannot be read.
        case damaged
        /// The container is in a state in which the operation is refused.
        case wrongState
        /// The kernel refused.
        case system(Errno)
        /// Another program did not do its part: a hook, a console socket, criu.
        case other
    }

    package let kind: Kind
    package private(set) var message: String
    /// The operation, in a few words without its object: `open`, `linux.maskedPaths: mask`.
    package private(set) var operation: String?
    /// The file it was done to.
    package private(set) var path: String?

    /// The step of a plan, if it was one.
    private(set) var step: FailedStep?

    package init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    /// A refused operation with its operand, such as `open /run/swiftrun/web/state.json`.
    package init(_ operation: String, _ code: Errno) {
        self.init(.system(code), "\(operation): \(code.message)")
        note(operation)
    }

    /// Remembers an operation such as `open /run/swiftrun/web/state.json` in its parts.
    mutating func note(_ operation: String) {
        let words = operation.split(separator: " ")
        let index = words.firstIndex { $0.hasPrefix("/") || $0.hasPrefix("\"/") }
        path = index.map { words[$0].filter { $0 != "\"" } }
        self.operation = words[..<(index ?? words.endIndex)].joined(separator: " ")
    }

    func at(_ step: FailedStep?) -> Failure {
        var further = self
        further.step = step
        return further
    }

    /// Remembers an operation and its object, where the message has them in other words.
    mutating func note(_ operation: String, path: String?) {
        self.operation = operation
        self.path = path
    }

    package var description: String { message }

    /// The same failure, with the operation around it.
    package func during(_ what: String) -> Failure {
        var further = self
        further.message = "\(what): \(message)"
        return further
    }

    /// The failure of a command that was asked to end: what it was doing at that moment says little.
    package var orRequestToEnd: Failure {
        switch RequestToEnd.current {
        case nil: self
        case .ofDeletion: .deletedMeanwhile
        case .bySignal(let signal): Failure(.other, "\(message) (\(signal.name) has ended the command)")
        }
    }

    /// The failure of a command whose container `delete --force` has taken away.
    static let deletedMeanwhile = Failure(.wrongState, "the container was deleted meanwhile")

    /// The same failure, with a hint at the end.
    func appending(_ hint: String) -> Failure {
        var further = self
        further.message = "\(message) (\(hint))"
        return further
    }

    /// The kind in one stable word, for programs.
    package var code: StaticString {
        switch kind {
        case .invalid: "invalid"
        case .notFound: "not-found"
        case .damaged: "damaged"
        case .exists: "exists"
        case .wrongState: "wrong-state"
        case .system: "system"
        case .other: "other"
        }
    }

    /// The kernel's name for the error: `ENOENT`.
    package var errnoName: String? {
        guard case .system(let code) = kind, let name = clinux_errno_name(code.rawValue) else { return nil }
        return String(cString: name)
    }
}

/// Runs something, and turns its error into another.
@inline(__always)
func mapping<Value: ~Copyable, From: Error, To: Error>(
    _ body: () throws(From) -> Value, _ failure: (From) -> To
) throws(To) -> Value {
    do throws(From) { return try body() } catch { throw failure(error) }
}

/// Runs a system call; what it was for is said only if it fails.
@inline(__always)
@discardableResult
package func during<Value: ~Copyable>(
    _ what: @autoclosure () -> String, _ body: () throws(Errno) -> Value
) throws(Failure) -> Value {
    do throws(Errno) { return try body() } catch { throw Failure(what(), error) }
}
