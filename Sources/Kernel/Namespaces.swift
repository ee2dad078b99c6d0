// The kinds of namespaces, and the calls that create and join them.

internal import CLinux

/// A kind of namespace: its name in config.json, its link under /proc/PID/ns and its clone flag. namespaces(7).
package enum NamespaceKind: String, CaseIterable, Sendable {
    case cgroup, ipc, mount, network, pid, time, user, uts

    package var cloneFlag: UInt64 {
        switch self {
        case .cgroup: 0x0200_0000  // CLONE_NEWCGROUP
        case .ipc: 0x0800_0000  // CLONE_NEWIPC
        case .mount: 0x0002_0000  // CLONE_NEWNS
        case .network: 0x4000_0000  // CLONE_NEWNET
        case .pid: 0x2000_0000  // CLONE_NEWPID
        case .time: 0x80  // CLONE_NEWTIME
        case .user: 0x1000_0000  // CLONE_NEWUSER
        case .uts: 0x0400_0000  // CLONE_NEWUTS
        }
    }

    package static var names: [String] { allCases.map { $0.rawValue } }

    /// The name of the link under /proc/PID/ns.
    package var linkName: String {
        switch self {
        case .mount: "mnt"
        case .network: "net"
        default: rawValue
        }
    }
}

/// A set of namespace kinds.
package struct NamespaceSet: OptionSet, Hashable, Sendable {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }
    package init(arrayLiteral elements: Self...) { self.init(rawValue: elements.reduce(0) { $0 | $1.rawValue }) }
    package init(_ kind: NamespaceKind) { rawValue = kind.cloneFlag }

    package func contains(_ kind: NamespaceKind) -> Bool { rawValue & kind.cloneFlag != 0 }
    package var kinds: [NamespaceKind] { NamespaceKind.allCases.filter { contains($0) } }
}

/// Moves the caller into namespaces: into one by its nsfs descriptor, or into several of a process by its pidfd.
/// setns(2).
package func joinNamespaces(_ descriptor: Int32, _ kinds: NamespaceSet) throws(Errno) {
    try checked { clinux_setns(descriptor, Int32(truncatingIfNeeded: kinds.rawValue)) }
}

/// Moves the caller (for `pid` and `time`: its children) into new namespaces. unshare(2).
package func unshareNamespaces(_ kinds: NamespaceSet) throws(Errno) { try checked { clinux_unshare(kinds.rawValue) } }

/// Whether the caller is in the initial user namespace, the only one whose root has rights over the host.
///
/// Its inode number is fixed: `PROC_USER_INIT_INO` of include/linux/proc_ns.h. Without a procfs the answer is true,
/// because engines that start a runtime in a user namespace mount one.
package func isInInitialUserNamespace() -> Bool {
    let initialInode: UInt64 = 0xefff_fffd
    do throws(Errno) { return try unsafe fileStatus(at: "/proc/self/ns/user").inode == initialInode } catch {
        return true
    }
}

/// The kind of the namespace of an nsfs descriptor. ioctl_ns(2), `NS_GET_NSTYPE`.
package func namespaceKind(of descriptor: Int32) throws(Errno) -> NamespaceKind? {
    let flag = try checked { clinux_ioctl_value(descriptor, UInt(CLINUX_NS_GET_NSTYPE), 0) }
    return NamespaceKind.allCases.first { $0.cloneFlag == UInt64(flag) }
}
