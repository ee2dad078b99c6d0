// Restricts a container's process by Landlock. landlock(7).

internal import CLinux
internal import Glibc
internal import Kernel
internal import Planning
internal import SystemPackage

extension ProcessSteps {
    /// Restricts the process, and all that it will start, to what the rules allow.
    ///
    /// Takes no_new_privs, or the CAP_SYS_ADMIN that it has until it becomes its user. Paths are the container's.
    func restrictFiles() throws(StepReport) {
        guard let landlock = plan.landlock, landlock.handled != 0 else { return }
        // struct landlock_ruleset_attr, of which the kernel takes as much as there is.
        var handled = landlock.handled
        let ruleset = OwnedDescriptor(
            adopting: try call(.landlock) { () throws(Errno) in
                try checked { clinux_landlock_create_ruleset(&handled, 8, 0) }
            })
        let number = ruleset.rawValue
        for (index, rule) in landlock.rules.enumerated() {
            try step(.landlock, index + 1) { () throws(ActionFailure) in try allow(rule, in: number) }
        }
        try call(.landlock) { () throws(Errno) in try checked { clinux_landlock_restrict_self(number, 0) } }
    }

    private func allow(_ rule: LandlockPlan.Rule, in ruleset: Int32) throws(ActionFailure) {
        let beneath: Int32 = 1  // LANDLOCK_RULE_PATH_BENEATH
        let place = try part(.openSource) { () throws(Errno) in
            let root = RootDirectory(try OwnedDescriptor.open("/", .path | .directory))
            return try root.open(rule.path)
        }
        let status = try part(.openSource) { () throws(Errno) in try fileStatus(place.rawValue) }
        let allowed = status.isDirectory ? rule.allowed : rule.allowed & LandlockPlan.rightsOfFiles
        guard allowed != 0 else { throw ActionFailure(action: .notDirectory, code: .notDirectory) }
        // struct landlock_path_beneath_attr, which is packed.
        var attributes: (allowed: UInt64, parent: Int32) = (allowed, place.rawValue)
        try part(.whole) { () throws(Errno) in
            try checked { clinux_landlock_add_rule(ruleset, beneath, &attributes, 0) }
        }
    }
}
