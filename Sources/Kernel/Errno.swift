// The kernel's error numbers, under the names that swift-system gives them.

internal import Glibc

/// The error of a system call (errno(3)).
///
/// A type of our own, because swift-system cannot be compiled without Swift's runtime: see docs/benchmarks.md.
package struct Errno: RawRepresentable, Error, Hashable, Sendable {
    package let rawValue: Int32

    package init(rawValue: Int32) { self.rawValue = rawValue }
}

extension Errno {
    package static var notPermitted: Errno { Errno(rawValue: EPERM) }
    package static var noSuchFileOrDirectory: Errno { Errno(rawValue: ENOENT) }
    package static var noSuchProcess: Errno { Errno(rawValue: ESRCH) }
    package static var interrupted: Errno { Errno(rawValue: EINTR) }
    package static var ioError: Errno { Errno(rawValue: EIO) }
    package static var noSuchAddressOrDevice: Errno { Errno(rawValue: ENXIO) }
    package static var badFileDescriptor: Errno { Errno(rawValue: EBADF) }
    package static var noChildProcess: Errno { Errno(rawValue: ECHILD) }
    package static var noMemory: Errno { Errno(rawValue: ENOMEM) }
    package static var permissionDenied: Errno { Errno(rawValue: EACCES) }
    package static var badAddress: Errno { Errno(rawValue: EFAULT) }
    package static var resourceBusy: Errno { Errno(rawValue: EBUSY) }
    package static var fileExists: Errno { Errno(rawValue: EEXIST) }
    package static var noSuchDevice: Errno { Errno(rawValue: ENODEV) }
    package static var notDirectory: Errno { Errno(rawValue: ENOTDIR) }
    package static var isDirectory: Errno { Errno(rawValue: EISDIR) }
    package static var invalidArgument: Errno { Errno(rawValue: EINVAL) }
    package static var tooManyOpenFiles: Errno { Errno(rawValue: EMFILE) }
    package static var noSpace: Errno { Errno(rawValue: ENOSPC) }
    package static var readOnlyFileSystem: Errno { Errno(rawValue: EROFS) }
    package static var brokenPipe: Errno { Errno(rawValue: EPIPE) }
    package static var outOfRange: Errno { Errno(rawValue: ERANGE) }
    package static var resourceTemporarilyUnavailable: Errno { Errno(rawValue: EAGAIN) }
    package static var notSupported: Errno { Errno(rawValue: ENOTSUP) }
    package static var connectionReset: Errno { Errno(rawValue: ECONNRESET) }
    package static var timedOut: Errno { Errno(rawValue: ETIMEDOUT) }
    package static var connectionRefused: Errno { Errno(rawValue: ECONNREFUSED) }
    package static var tooManySymbolicLinkLevels: Errno { Errno(rawValue: ELOOP) }
    package static var staleNFSFileHandle: Errno { Errno(rawValue: ESTALE) }
    package static var noFunction: Errno { Errno(rawValue: ENOSYS) }
    package static var canceled: Errno { Errno(rawValue: ECANCELED) }
    package static var badMessage: Errno { Errno(rawValue: EBADMSG) }
    package static var notSupportedOnSocket: Errno { Errno(rawValue: EOPNOTSUPP) }
    package static var wouldBlock: Errno { resourceTemporarilyUnavailable }
}
