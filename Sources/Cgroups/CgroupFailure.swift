// The one error of this module.

internal import Kernel
package import SystemPackage

/// Why something about a container's cgroup could not be decided, done or read.
package struct CgroupFailure: Error, Equatable, Sendable, CustomStringConvertible {
    /// What a caller may want to tell apart.
    package enum Kind: Equatable, Sendable {
        /// The configuration asks for something that has no meaning.
        case invalid
        /// The host lacks a controller, a file or a bus that the configuration needs.
        case unavailable
        /// The cgroup already holds processes, or is frozen.
        case occupied
        /// The kernel (or systemd) refused.
        case refused
    }

    /// What happened, for the caller's decisions.
    package let kind: Kind
    /// The whole story in one sentence: key, operation, file, value, and the kernel's word last.
    package let description: String
    /// The kernel's error, where there was one.
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
            default: ""
            }
        self.init(.refused, "\(what): \(code.word)\(hint)", code: code)
    }

    /// The same failure, told from further away.
    package func during(_ what: String) -> CgroupFailure {
        CgroupFailure(kind, "\(what): \(description)", code: code)
    }
}

/// Names what a system call was for, when it fails.
func naming<Value: ~Copyable>(
    _ what: @autoclosure () -> String, _ body: () throws(Errno) -> Value
) throws(CgroupFailure) -> Value {
    do throws(Errno) { return try body() } catch { throw CgroupFailure(what(), error) }
}
