// How far a restored process may differ from what the config grants.

package import struct Kernel.CapabilitySet

/// The fields of /proc/PID/status that are used.
package struct ProcessStatus: Equatable, Sendable {
    package var inheritable: CapabilitySet = []
    package var permitted: CapabilitySet = []
    package var effective: CapabilitySet = []
    package var bounding: CapabilitySet = []
    package var ambient: CapabilitySet = []
    package var hasNoNewPrivileges = false
    package var isFiltered = false
    /// Real, effective, saved, of the file system.
    package var uids: [UInt32] = []
    package var gids: [UInt32] = []
    package var insideNumber: Int32?
    package init() {}
}

extension ProcessPlan {
    /// A sentence about the rights of a process that this plan does not grant; nil if there are none.
    ///
    /// A program may have given up rights, and become others as far as it had the right to: that is no difference.
    /// - Parameters:
    ///   - isInit: whether it is the program of the config; others may have been added by `exec`.
    ///   - namespaces: whose ids the config's are; a status has the host's.
    package func difference(
        from status: ProcessStatus, hasFilter: Bool, isInit: Bool, _ namespaces: NamespacePlan
    ) -> String? {
        // By executing a file a program can get the capabilities of the bounding set, and with no_new_privs not even these.
        let granted = capabilities.bounding.union(capabilities.permitted).union(capabilities.inheritable)
        let sets: [(String, CapabilitySet)] = [
            ("effective", status.effective), ("permitted", status.permitted), ("inheritable", status.inheritable),
            ("ambient", status.ambient), ("bounding", status.bounding),
        ]
        for (name, found) in sets {
            let more = found.subtracting(granted)
            guard !more.isEmpty else { continue }
            return "its \(name) capabilities have \(more.memberNames.joined(separator: ", ")),"
                + " which process.capabilities does not grant"
        }
        if noNewPrivileges, !status.hasNoNewPrivileges { return "process.noNewPrivileges is set, and it is without" }
        if hasFilter, !status.isFiltered { return "linux.seccomp is set, and it is without a filter" }
        guard isInit, noNewPrivileges else { return nil }
        // Without new privileges only CAP_SETUID and CAP_SETGID make somebody else of it.
        let user = namespaces.has(.user) ? namespaces.uidMappings.hostID(of: uid) : uid
        let group = namespaces.has(.user) ? namespaces.gidMappings.hostID(of: gid) : gid
        if !granted.isSuperset(of: .setUser), let other = status.uids.first(where: { $0 != user }) {
            return "it is user \(other), and process.user.uid is \(uid)"
        }
        if !granted.isSuperset(of: .setGroup), let other = status.gids.first(where: { $0 != group }) {
            return "it is of group \(other), and process.user.gid is \(gid)"
        }
        return nil
    }
}

extension CapabilitySet {
    fileprivate static let setGroup = CapabilitySet(rawValue: 1 << 6)  // CAP_SETGID
    fileprivate static let setUser = CapabilitySet(rawValue: 1 << 7)  // CAP_SETUID
}
