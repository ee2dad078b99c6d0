// Resource limits by name. getrlimit(2).

internal import CLinux

/// A limited resource.
package enum ResourceLimit: Int32, CaseIterable, Sendable {
    case RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_DATA, RLIMIT_STACK, RLIMIT_CORE, RLIMIT_RSS, RLIMIT_NPROC, RLIMIT_NOFILE
    case RLIMIT_MEMLOCK, RLIMIT_AS, RLIMIT_LOCKS, RLIMIT_SIGPENDING, RLIMIT_MSGQUEUE, RLIMIT_NICE, RLIMIT_RTPRIO
    case RLIMIT_RTTIME

    // In the order of the numbers. Spelled out, because using a case's name links in Swift's reflection, at every
    // start.
    package static let names: [String] = [
        "RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_DATA", "RLIMIT_STACK", "RLIMIT_CORE", "RLIMIT_RSS", "RLIMIT_NPROC",
        "RLIMIT_NOFILE", "RLIMIT_MEMLOCK", "RLIMIT_AS", "RLIMIT_LOCKS", "RLIMIT_SIGPENDING", "RLIMIT_MSGQUEUE",
        "RLIMIT_NICE", "RLIMIT_RTPRIO", "RLIMIT_RTTIME",
    ]

    package init?(name: String) {
        guard let index = Self.names.firstIndex(where: { $0 == name }) else { return nil }
        self.init(rawValue: Int32(index))
    }

    package var name: String { Self.names[Int(rawValue)] }
}

/// The calling process's own limit. prlimit(2).
package func currentLimit(_ limit: ResourceLimit) throws(Errno) -> (soft: UInt64, hard: UInt64) {
    var soft: UInt64 = 0
    var hard: UInt64 = 0
    try checked { unsafe clinux_getrlimit(0, limit.rawValue, &soft, &hard) }
    return (soft, hard)
}

/// Gives a program that is about to be executed the caller's soft limit of open files, if this process has raised it
/// for its own work: a program that calls select(2) relies on a small one. getrlimit(2).
package func restoreDescriptorLimit() { clinux_restore_descriptor_limit() }

/// Raises this process's soft limit of open files to the hard one; false if it is there already. Calls that lack a
/// descriptor do it themselves where they can be repeated.
package func raiseDescriptorLimit() -> Bool { clinux_raise_descriptor_limit() != 0 }

/// Makes the present limit of open files the one that a program gets.
package func keepDescriptorLimit() { clinux_keep_descriptor_limit() }

/// Limits a process. prlimit(2).
package func setLimit(_ limit: ResourceLimit, of pid: Int32, soft: UInt64, hard: UInt64) throws(Errno) {
    try checked { clinux_prlimit(pid, limit.rawValue, soft, hard) }
}
