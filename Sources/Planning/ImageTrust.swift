// How far a restored process may differ from what the config grants.

package import struct Kernel.CapabilitySet
package import enum Kernel.ResourceLimit
internal import OCISpec

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
    package var groups: [UInt32] = []
    package var insideNumber: Int32?
    package init() {}
}

/// Further properties of a process that a config can limit.
package struct ProcessSettings: Equatable, Sendable {
    /// The hard limit for each limit of the config, in its order.
    package var hardLimits: [UInt64] = []
    package var oomScoreAdjustment: Int?
    /// The number of sched(7).
    package var schedulingPolicy: UInt32?
    /// The label of AppArmor or SELinux.
    package var label: String?
    package init() {}
}

extension ProcessPlan {
    /// Whether a program can come by a capability: what is in the bounding set it can get by executing a file.
    func grants(_ capability: CapabilitySet) -> Bool { granted.isSuperset(of: capability) }

    /// Whether a program can make namespaces of its own.
    package var grantsAdministration: Bool { grants(.systemAdministration) }

    private var granted: CapabilitySet {
        capabilities.bounding.union(capabilities.permitted).union(capabilities.inheritable)
    }

    /// In what a process exceeds the limits of this plan, in one sentence; nil where it does not.
    /// - Parameter ignoringLabel: whether the caller has asked for another label.
    package func difference(from settings: ProcessSettings, isInit: Bool, ignoringLabel: Bool) -> String? {
        if !grants(.resources) {
            for (limit, hard) in zip(limits, settings.hardLimits) where hard > limit.hard {
                return "its limit \(limit.resource.name) is \(hard), and \(limit.key).hard is \(limit.hard)"
            }
            if let wanted = oomScoreAdjustment, let found = settings.oomScoreAdjustment, found < wanted {
                return "its oom_score_adj is \(found), and process.oomScoreAdj is \(wanted)"
            }
        }
        let realTime: [UInt32] = [1, 2, 6]  // SCHED_FIFO, SCHED_RR, SCHED_DEADLINE
        if let policy = settings.schedulingPolicy, realTime.contains(policy), !grants(.nice),
            policy != scheduling.attributes?.policy, !limits.contains(where: { $0.resource == .RLIMIT_RTPRIO })
        {
            return "it has scheduling policy \(policy), which process.scheduler does not grant"
        }
        return ignoringLabel ? nil : difference(ofLabel: settings.label ?? "", isInit: isInit)
    }

    private func difference(ofLabel label: String, isInit: Bool) -> String? {
        // `PROFILE (MODE)`, or a profile below it that the program has entered.
        if let profile = apparmorProfile, profile != "unconfined" {
            let name = label.prefix { $0 != " " }
            guard name == profile || name.hasPrefix(profile + "//") else {
                return "its AppArmor profile is \(label), and process.apparmorProfile is \(profile)"
            }
        }
        // Execution may have changed the type of others.
        if let wanted = selinuxLabel, isInit, label != wanted {
            return "its SELinux label is \(label), and process.selinuxLabel is \(wanted)"
        }
        return nil
    }

    /// A sentence about the rights of a process that this plan does not grant; nil if there are none.
    ///
    /// A program may have given up rights, and become others as far as it had the right to: that is no difference.
    /// - Parameters:
    ///   - namespaces: whose ids the config's are; a status has the host's.
    package func difference(
        from status: ProcessStatus, hasFilter: Bool, _ namespaces: NamespacePlan
    ) -> String? {
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
        return noNewPrivileges ? differenceOfUser(from: status, namespaces) : nil
    }

    // Without new privileges only CAP_SETUID and CAP_SETGID make somebody else of a process.
    private func differenceOfUser(from status: ProcessStatus, _ namespaces: NamespacePlan) -> String? {
        let user = namespaces.has(.user) ? namespaces.uidMappings.hostID(of: uid) : uid
        if !grants(.setUser), let other = status.uids.first(where: { $0 != user }) {
            return "it is user \(other), and process.user.uid is \(uid)"
        }
        guard !grants(.setGroup) else { return nil }
        func onHost(_ group: UInt32) -> UInt32? {
            namespaces.has(.user) ? namespaces.gidMappings.hostID(of: group) : group
        }
        if let other = status.gids.first(where: { $0 != onHost(gid) }) {
            return "it is of group \(other), and process.user.gid is \(gid)"
        }
        let granted = [onHost(gid)] + additionalGroups.map(onHost)
        if let other = status.groups.first(where: { !granted.contains($0) }) {
            return "it is of group \(other), which process.user.additionalGids does not have"
        }
        return nil
    }
}

extension ContainerPlan {
    /// What of an image CRIU gives to the whole host before a process can be looked at, in one sentence.
    /// - Parameter names: of the files.
    package func differenceOfHost(from names: [String]) -> String? {
        for name in names where name.hasSuffix(".img") {
            if name.hasPrefix("binfmt-misc"), !process.grants(.systemAdministration),
                !mounts.contains(where: { $0.isOfFormats })
            {
                return
                    "\(name) has formats of programs, which the kernel knows on the whole host, and no entry of mounts"
                    + " has the type binfmt_misc"
            }
            if name == "apparmor.img", !process.grants(.securityModules) {
                return
                    "\(name) has AppArmor profiles to be loaded, and process.capabilities does not grant CAP_MAC_ADMIN"
            }
        }
        return nil
    }
}

extension MountStep {
    fileprivate var isOfFormats: Bool {
        if case .filesystem(let type, _, _) = object { type == "binfmt_misc" } else { false }
    }
}

extension ImageRecord {
    /// A sentence about a setting that the plan does not grant; nil if there is none. ioprio_set(2) wants a capability for the class 1,
    /// which is served before all other processes of the host.
    package func difference(from process: ProcessPlan) -> String? {
        let realTime: Int32 = 1
        func classOf(_ priority: Int32) -> Int32 { priority >> 13 }
        if process.grants(.nice) || process.grants(.systemAdministration) { return nil }
        if let own = process.scheduling.ioPriority, classOf(own) == realTime { return nil }
        guard let thread = threads.first(where: { classOf($0.ioPriority) == realTime }) else { return nil }
        return
            "thread \(thread.tid) has an I/O priority of the class IOPRIO_CLASS_RT, which process.ioPriority does not"
            + " grant"
    }
}

extension CapabilitySet {
    fileprivate static let setGroup = CapabilitySet(rawValue: 1 << 6)  // CAP_SETGID
    fileprivate static let setUser = CapabilitySet(rawValue: 1 << 7)  // CAP_SETUID
    fileprivate static let nice = CapabilitySet(rawValue: 1 << 23)  // CAP_SYS_NICE
    fileprivate static let securityModules = CapabilitySet(rawValue: 1 << 33)  // CAP_MAC_ADMIN
    fileprivate static let resources = CapabilitySet(rawValue: 1 << 24)  // CAP_SYS_RESOURCE
}
