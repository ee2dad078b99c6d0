// The one error of this module: what failed, on what, and why, in the order in which a person reads it.

package import SystemPackage

internal import Kernel

/// Why an operation on a container failed.
package struct Failure: Error, Equatable, Sendable, CustomStringConvertible {
    /// What callers tell apart.
    package enum Kind: Equatable, Sendable {
        /// The command line or the config asks for something that has no meaning.
        case invalid
        /// There is no such container.
        case notFound
        /// The container's id is taken.
        case exists
        /// The container is in a state in which the operation is refused.
        case wrongState
        /// The kernel refused.
        case system(Errno)
        /// Another program did not do its part: a hook, a console socket, criu.
        case other
    }

    package let kind: Kind
    package private(set) var message: String

    package init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    /// A refused operation with its operand, such as `open /run/swiftrun/web/state.json`.
    package init(_ operation: String, _ code: Errno) {
        kind = .system(code)
        message = "\(operation): \(code.word)"
    }

    package var description: String { message }

    /// The same failure, told from further away.
    package func during(_ what: String) -> Failure { Failure(kind, "\(what): \(message)") }
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
