// Restricts a container's process by Landlock. landlock(7).

internal import CLinux
internal import Glibc
internal import Kernel
internal import Planning

extension ProcessSteps {
    /// Restricts the process, and all that it will start, to what the rules allow.
    ///
    /// Takes no_new_privs, or the CAP_SYS_ADMIN that it has until it becomes its user. Paths are the container's.
    /// - Parameter isInit: whether the objects of the rules are reported to the runtime, so that each `exec` uses the same.
    func restrictFiles(isInit: Bool) throws(StepReport) {
        guard let landlock = plan.landlock, landlock.handled != 0 else { return }
        // struct landlock_ruleset_attr, of which the kernel takes as much as there is.
        var handled = landlock.handled
        let ruleset = OwnedDescriptor(
            adopting: try call(.landlock) { () throws(Errno) in
                try checked { clinux_landlock_create_ruleset(&handled, 8, 0) }
            })
        let number = ruleset.rawValue
        var leftOut: [UInt8] = []
        for (index, rule) in landlock.rules.enumerated() {
            let place = try step(.landlock, index + 1) { () throws(ActionFailure) in try open(rule) }
            guard let place else {
                leftOut += messageBytes(Int32(index))
                continue
            }
            let status = try step(.landlock, index + 1) { () throws(ActionFailure) in
                let status = try part(.openSource) { () throws(Errno) in try fileStatus(place.rawValue) }
                try allow(rule, status, place, in: number)
                return status
            }
            if isInit { try channel.ask(.rulePlace, bytes: FileIdentity(status).bytes) }
        }
        // One message, however many rules: the runtime may be suspended until this process has cloned another.
        if !leftOut.isEmpty { try channel.send(.rulesLeftOut, bytes: Array(leftOut.prefix(4000))) }
        try call(.landlock) { () throws(Errno) in try checked { clinux_landlock_restrict_self(number, 0) } }
    }

    // The container may have moved or removed what the init's rule is for, and put something else or a link in its place.
    // An exec process does not get a right to that. The init's Landlock domain keeps the inode in use while it lives, so
    // that no other file can have its number.
    private func open(_ rule: LandlockPlan.Rule) throws(ActionFailure) -> OwnedDescriptor? {
        do throws(Errno) {
            let root = RootDirectory(try OwnedDescriptor.open("/", .path | .directory))
            let place = try root.open(rule.path)
            guard let known = rule.place else { return place }
            if FileIdentity(try fileStatus(place.rawValue)) == known { return place }
            return nil
        } catch {
            if rule.place != nil { return nil }
            throw ActionFailure(action: .openSource, code: error)
        }
    }

    private func allow(
        _ rule: LandlockPlan.Rule, _ status: FileStatus, _ place: borrowing OwnedDescriptor, in ruleset: Int32
    ) throws(ActionFailure) {
        let beneath: Int32 = 1  // LANDLOCK_RULE_PATH_BENEATH
        let allowed = status.isDirectory ? rule.allowed : rule.allowed & LandlockPlan.rightsOfFiles
        guard allowed != 0 else { throw ActionFailure(action: .notDirectory, code: .notDirectory) }
        // struct landlock_path_beneath_attr, which is packed.
        var attributes: (allowed: UInt64, parent: Int32) = (allowed, place.rawValue)
        try part(.whole) { () throws(Errno) in
            try checked { clinux_landlock_add_rule(ruleset, beneath, &attributes, 0) }
        }
    }
}
