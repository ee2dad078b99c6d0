// Errors of the shim's own doing.

internal import Kernel
internal import TTRPC

/// A failure, with a message of one sentence.
package struct ShimFailure: Error, Equatable, Sendable, CustomStringConvertible {
    package var description: String

    package init(_ description: String) { self.description = description }

    /// An operation that the kernel refused: `mount overlay on /x: no such file or directory`.
    init(_ operation: String, _ cause: Errno) { description = "\(operation): \(cause.message)" }
}

/// Runs a step and names it in the error when the kernel refuses it.
@discardableResult
func during<Value: ~Copyable>(
    _ operation: @autoclosure () -> String, _ body: () throws(Errno) -> Value
) throws(ShimFailure) -> Value {
    do { return try body() } catch { throw ShimFailure(operation(), error) }
}

extension Status {
    /// Failures without a code of their own are `unknown`, as containerd's clients expect.
    init(_ failure: ShimFailure) { self.init(.unknown, failure.description) }
}
