// The only error of this module.

package import Kernel

/// The reason why a decision, a change or a read of a container's cgroup failed.
package struct CgroupFailure: Error, Equatable, Sendable, CustomStringConvertible {
    /// The kinds that a caller may need to distinguish.
    package enum Kind: Equatable, Sendable {
        /// The configuration contains a value without meaning.
        case invalid
        /// The host lacks a controller, a file or a bus that the configuration needs.
        case unavailable
        /// The cgroup already holds processes, or is frozen.
        case occupied
        /// The kernel (or systemd) refused.
        case refused
    }

    /// The kind, for the caller's decisions.
    package let kind: Kind
    /// The whole error in one sentence: key, operation, file, value, and the kernel's message last.
    package let description: String
    /// The kernel's error, if there was one.
    package let code: Errno?

    package init(_ kind: Kind, _ description: String, code: Errno? = nil) {
        self.kind = kind
        self.description = description
        self.code = code
    }

    /// A failed operation on a file or directory of the hierarchy.
    /// - Parameter what: the operation with its object, such as `make cgroup /sys/fs/cgroup/cpu/web`.
    package init(_ what: String, _ code: Errno) {
        let hint =
            switch code {
            case .readOnlyFileSystem: " (is the cgroup hierarchy mounted read-only?)"
            // The kernel says that of any number beyond the largest that it has room for.
            case .outOfRange where what.hasSuffix(".cpus") || what.hasSuffix(".mems"):
                " (the host has no CPU or memory node of this number)"
            default: ""
            }
        self.init(.refused, "\(what): \(code.message)\(hint)", code: code)
    }

    /// The same failure with the operation that it interrupted.
    package func during(_ what: String) -> CgroupFailure {
        CgroupFailure(kind, "\(what): \(description)", code: code)
    }
}

/// Adds the operation to the failure of a system call.
func during<Value: ~Copyable>(
    _ what: @autoclosure () -> String, _ body: () throws(Errno) -> Value
) throws(CgroupFailure) -> Value {
    do throws(Errno) { return try body() } catch { throw CgroupFailure(what(), error) }
}
