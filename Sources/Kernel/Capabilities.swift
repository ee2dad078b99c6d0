// The capabilities by name and bit, and the calls that change the sets of the calling thread. capabilities(7).

internal import CLinux

/// A set of capabilities, as the kernel's bit mask.
package struct CapabilitySet: OptionSet, Hashable, Sendable {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }
    package init(arrayLiteral elements: Self...) { self.init(rawValue: elements.reduce(0) { $0 | $1.rawValue }) }

    /// The capability with a name such as `CAP_NET_RAW`; nil when there is none.
    package init?(name: String) {
        guard let bit = Self.names.firstIndex(of: name) else { return nil }
        self.init(rawValue: 1 << UInt64(bit))
    }

    package static let tracing = Self(rawValue: 1 << 19)  // CAP_SYS_PTRACE
    package static let systemAdministration = Self(rawValue: 1 << 21)  // CAP_SYS_ADMIN

    /// The names, in the order of the kernel's numbers.
    package static let names = [
        "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID",
        "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST",
        "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO",
        "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE",
        "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE",
        "CAP_AUDIT_CONTROL", "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM",
        "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
    ]

    /// The names of the members.
    package var memberNames: [String] {
        Self.names.enumerated().compactMap { rawValue & 1 << UInt64($0.offset) != 0 ? $0.element : nil }
    }
}

/// The three sets that capset(2) takes.
package struct CapabilitySets: Equatable, Sendable {
    package var effective: CapabilitySet = []
    package var permitted: CapabilitySet = []
    package var inheritable: CapabilitySet = []
    package init(effective: CapabilitySet = [], permitted: CapabilitySet = [], inheritable: CapabilitySet = []) {
        self.effective = effective
        self.permitted = permitted
        self.inheritable = inheritable
    }
}

/// The sets of the calling thread. capget(2).
package func capabilitySets() throws(Errno) -> CapabilitySets {
    var effective: UInt64 = 0
    var permitted: UInt64 = 0
    var inheritable: UInt64 = 0
    try checked { unsafe clinux_capget(&effective, &permitted, &inheritable) }
    return CapabilitySets(
        effective: CapabilitySet(rawValue: effective), permitted: CapabilitySet(rawValue: permitted),
        inheritable: CapabilitySet(rawValue: inheritable))
}

/// Replaces the sets of the calling thread. capset(2).
package func setCapabilities(_ sets: CapabilitySets) throws(Errno) {
    try checked {
        clinux_capset(sets.effective.rawValue, sets.permitted.rawValue, sets.inheritable.rawValue)
    }
}

/// Drops every capability from the bounding set that is not in the given set. The first number that the kernel does
/// not know ends the loop.
package func limitBoundingSet(to kept: CapabilitySet) throws(Errno) {
    var bit: UInt = 0
    while bit < 64 {
        if kept.rawValue & 1 << UInt64(bit) == 0 {
            do throws(Errno) {
                try processControl(.dropFromBoundingSet, bit)
            } catch {
                if error == .invalidArgument { return }
                throw error
            }
        }
        bit += 1
    }
}

/// Replaces the ambient set; each member must be permitted and inheritable.
package func setAmbient(_ set: CapabilitySet) throws(Errno) {
    let clearAll: UInt = 4  // PR_CAP_AMBIENT_CLEAR_ALL
    let raise: UInt = 2  // PR_CAP_AMBIENT_RAISE
    try processControl(.ambientCapability, clearAll)
    var bit: UInt = 0
    while bit < 64 {
        if set.rawValue & 1 << UInt64(bit) != 0 {
            try processControl(.ambientCapability, raise, bit)
        }
        bit += 1
    }
}
