// A compiled seccomp filter, and its installation. seccomp(2).

internal import CLinux
internal import Glibc

/// A classic BPF program as exported by libseccomp, and the flags for its installation.
package struct SeccompFilter: Equatable, Sendable {
    /// Instructions of eight bytes each, in the machine's byte order.
    package var program: [UInt8]
    package var flags: SeccompFlags

    package init(program: [UInt8], flags: SeccompFlags) {
        self.program = program
        self.flags = flags
    }
}

/// `SECCOMP_FILTER_FLAG_*`.
package struct SeccompFlags: OptionSet, Hashable, Sendable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }
    package init(arrayLiteral elements: Self...) { self.init(rawValue: elements.reduce(0) { $0 | $1.rawValue }) }
    package static let threadSync = Self(rawValue: 1)  // SECCOMP_FILTER_FLAG_TSYNC
    package static let log = Self(rawValue: 2)  // SECCOMP_FILTER_FLAG_LOG
    package static let allowSpeculation = Self(rawValue: 4)  // SECCOMP_FILTER_FLAG_SPEC_ALLOW
    package static let newListener = Self(rawValue: 8)  // SECCOMP_FILTER_FLAG_NEW_LISTENER
    package static let threadSyncErrno = Self(rawValue: 16)  // SECCOMP_FILTER_FLAG_TSYNC_ESRCH
    package static let waitKillable = Self(rawValue: 32)  // SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
}

/// Installs a filter on the calling thread, for ever.
/// - Returns: the descriptor of the listener if `newListener` is among the flags.
package func installFilter(_ filter: SeccompFilter) throws(Errno) -> Int32 {
    try checked {
        unsafe filter.program.withUnsafeBytes { bytes in
            let instructions = unsafe bytes.assumingMemoryBound(to: clinux_sock_filter.self)
            return unsafe clinux_seccomp_filter(
                filter.flags.rawValue, instructions.baseAddress, UInt16(instructions.count))
        }
    }
}

/// Whether the running kernel accepts a filter flag: a null program fails with `EFAULT` only if the flags are valid.
package func isSeccompFlagAvailable(_ flag: SeccompFlags) -> Bool {
    do throws(Errno) {
        let setFilter: UInt32 = 1  // SECCOMP_SET_MODE_FILTER
        try checked { clinux_seccomp(setFilter, flag.rawValue, nil) }
        return true
    } catch {
        return error == .badAddress
    }
}

/// Whether a filter is on the calling process: its caller's, which it has inherited, or its own.
package func isFiltered() -> Bool {
    let getSeccomp: Int32 = 21  // PR_GET_SECCOMP; 2 is the mode of filters. prctl(2)
    let mode = clinux_prctl(getSeccomp, 0, 0, 0, 0)
    // The filter may refuse this call too.
    return mode == 2 || mode < 0 && (errno == EPERM || errno == ENOSYS)
}
