// Converts `linux.seccomp` to numbers: actions, operators, architectures and flags by table; the rules after a check
// for contradictions.

package import Kernel
package import OCISpec

/// A seccomp profile whose names are known and whose rules are consistent. runtime-spec, config-linux.md, "Seccomp".
package struct SeccompPlan: Equatable, Sendable {
    /// A comparison of one argument of a system call.
    package struct Comparison: Hashable, Sendable {
        package var argument: UInt32
        /// `SCMP_CMP_*` of libseccomp.
        package var operation: UInt32
        package var first: UInt64
        package var second: UInt64
    }

    /// One action for several system calls; all comparisons must hold.
    package struct Rule: Equatable, Sendable {
        package var names: [String]
        package var action: UInt32
        package var comparisons: [Comparison]
    }

    package var defaultAction: UInt32
    /// libseccomp's names; empty for the native one only.
    package var architectures: [String]
    /// nil: the runtime decides.
    package var flags: SeccompFlags?
    package var rules: [Rule]
    /// The socket of the agent that receives the listener, if a rule notifies.
    package var listenerPath: String?
    package var listenerMetadata: String?

    /// Names and values of `SCMP_ACT_*`. The values of `ERRNO` and `TRACE` contain a number in the lower half.
    /// seccomp(2).
    package static let actions: [(name: String, value: UInt32)] = [
        ("SCMP_ACT_ALLOW", 0x7fff_0000), ("SCMP_ACT_ERRNO", 0x0005_0000), ("SCMP_ACT_KILL", 0),
        ("SCMP_ACT_KILL_PROCESS", 0x8000_0000), ("SCMP_ACT_KILL_THREAD", 0), ("SCMP_ACT_LOG", 0x7ffc_0000),
        ("SCMP_ACT_NOTIFY", 0x7fc0_0000), ("SCMP_ACT_TRACE", 0x7ff0_0000), ("SCMP_ACT_TRAP", 0x0003_0000),
    ]
    package static let operators: [(name: String, value: UInt32)] = [
        ("SCMP_CMP_EQ", 4), ("SCMP_CMP_GE", 5), ("SCMP_CMP_GT", 6), ("SCMP_CMP_LE", 3), ("SCMP_CMP_LT", 2),
        ("SCMP_CMP_MASKED_EQ", 7), ("SCMP_CMP_NE", 1),
    ]
    package static let architectureNames = [
        "SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM", "SCMP_ARCH_LOONGARCH64", "SCMP_ARCH_M68K", "SCMP_ARCH_MIPS",
        "SCMP_ARCH_MIPS64", "SCMP_ARCH_MIPS64N32", "SCMP_ARCH_MIPSEL", "SCMP_ARCH_MIPSEL64",
        "SCMP_ARCH_MIPSEL64N32", "SCMP_ARCH_PARISC", "SCMP_ARCH_PARISC64", "SCMP_ARCH_PPC", "SCMP_ARCH_PPC64",
        "SCMP_ARCH_PPC64LE", "SCMP_ARCH_RISCV64", "SCMP_ARCH_S390", "SCMP_ARCH_S390X", "SCMP_ARCH_SH",
        "SCMP_ARCH_SHEB", "SCMP_ARCH_X32", "SCMP_ARCH_X86", "SCMP_ARCH_X86_64",
    ]
    package static let knownFlags: [(name: String, value: SeccompFlags)] = [
        ("SECCOMP_FILTER_FLAG_LOG", .log), ("SECCOMP_FILTER_FLAG_SPEC_ALLOW", .allowSpeculation),
        ("SECCOMP_FILTER_FLAG_TSYNC", .threadSync), ("SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", .waitKillable),
    ]

    package static let errno: UInt32 = 0x0005_0000
    package static let trace: UInt32 = 0x7ff0_0000
    package static let notify: UInt32 = 0x7fc0_0000

    /// Whether an agent decides about any system call.
    package var notifies: Bool { rules.contains { $0.action == Self.notify } }

    /// Whether all of these system calls are allowed, with any arguments.
    package func allows(_ calls: Set<String>) -> Bool {
        let allowing: [UInt32] = [0x7fff_0000, 0x7ffc_0000]
        var open = allowing.contains(defaultAction) ? [] : calls
        for rule in rules {
            let allows = allowing.contains(rule.action)
            if allows, !rule.comparisons.isEmpty { continue }
            for name in rule.names where calls.contains(name) {
                guard allows else { return false }
                open.remove(name)
            }
        }
        return open.isEmpty
    }

    /// The calls among these that are refused, whatever the arguments.
    package func refused(_ calls: [String]) -> [String] {
        // An agent may allow the call.
        let allowing: [UInt32] = [0x7fff_0000, 0x7ffc_0000, Self.notify]
        return calls.filter { name in
            let own = rules.filter { $0.names.contains(name) }
            if own.contains(where: { allowing.contains($0.action) }) { return false }
            return own.contains { $0.comparisons.isEmpty } || !allowing.contains(defaultAction)
        }
    }
}

extension SeccompPlan {
    /// Decides `linux.seccomp`.
    package init(_ profile: LinuxSeccomp) throws(InvalidSpec) {
        let key = "linux.seccomp"
        defaultAction = try Self.action(
            profile.defaultAction, profile.defaultErrnoRet, "\(key).defaultAction", "\(key).defaultErrnoRet")
        if defaultAction == Self.notify {
            throw InvalidSpec(keyPath: "\(key).defaultAction", problem: "SCMP_ACT_NOTIFY cannot be the default")
        }
        architectures = []
        for (index, name) in profile.architectures.enumerated() {
            guard Self.architectureNames.contains(name) else {
                let meant = suggestion(for: name, among: Self.architectureNames, prefix: "SCMP_ARCH_")
                throw InvalidSpec(
                    keyPath: "\(key).architectures[\(index)]", problem: "unknown architecture \"\(name)\"\(meant)")
            }
            architectures.append(name.dropFirst("SCMP_ARCH_".count).lowercased())
        }
        flags = try Self.flags(profile.flags)
        rules = []
        rules.reserveCapacity(profile.syscalls.count)
        for (index, rule) in profile.syscalls.enumerated() {
            try addRules(rule, "\(key).syscalls[\(index)]")
        }
        listenerPath = profile.listenerPath.flatMap { $0.isEmpty ? nil : $0 }
        listenerMetadata = profile.listenerMetadata.flatMap { $0.isEmpty ? nil : $0 }
        try checkListener(key)
    }

    private func checkListener(_ key: String) throws(InvalidSpec) {
        if listenerMetadata != nil, listenerPath == nil {
            throw InvalidSpec(keyPath: "\(key).listenerMetadata", problem: "needs a listenerPath")
        }
        if notifies {
            guard let listenerPath else {
                throw InvalidSpec(keyPath: "\(key).listenerPath", problem: "is required by SCMP_ACT_NOTIFY")
            }
            guard listenerPath.isAbsolutePath else {
                throw InvalidSpec(
                    keyPath: "\(key).listenerPath", problem: "\"\(listenerPath)\" is not an absolute path")
            }
        }
        if let flags, flags.contains(.waitKillable), !notifies {
            throw InvalidSpec(
                keyPath: "\(key).flags", problem: "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV needs SCMP_ACT_NOTIFY")
        }
    }

    private static func flags(_ names: [String]?) throws(InvalidSpec) -> SeccompFlags? {
        guard let names else { return nil }
        var flags: SeccompFlags = []
        for (index, name) in names.enumerated() {
            guard let flag = knownFlags.first(where: { $0.name == name }) else {
                let meant = suggestion(for: name, among: knownFlags.map { $0.name }, prefix: "SECCOMP_FILTER_FLAG_")
                throw InvalidSpec(
                    keyPath: "linux.seccomp.flags[\(index)]", problem: "unknown flag \"\(name)\"\(meant)")
            }
            flags.insert(flag.value)
        }
        return flags
    }

    private static func action(
        _ name: String, _ number: UInt32?, _ key: String, _ numberKey: String
    ) throws(InvalidSpec) -> UInt32 {
        guard let action = actions.first(where: { $0.name == name }) else {
            let meant = suggestion(for: name, among: actions.map { $0.name }, prefix: "SCMP_ACT_")
            throw InvalidSpec(keyPath: key, problem: "unknown action \"\(name)\"\(meant)")
        }
        guard action.value == errno || action.value == trace else {
            if number == nil { return action.value }
            throw InvalidSpec(
                keyPath: numberKey, problem: "has a meaning only with SCMP_ACT_ERRNO and SCMP_ACT_TRACE")
        }
        let value = number ?? 1
        guard value <= 0xffff, action.value != errno || value <= 4095 else {
            throw InvalidSpec(keyPath: numberKey, problem: "\(value) is not a valid error number")
        }
        return action.value | value
    }

    private mutating func addRules(_ rule: LinuxSyscall, _ key: String) throws(InvalidSpec) {
        guard !rule.names.isEmpty else { throw InvalidSpec(keyPath: "\(key).names", problem: "must not be empty") }
        let action = try Self.action(rule.action, rule.errnoRet, "\(key).action", "\(key).errnoRet")
        // The runtime passes the listener to the agent with these calls; at that time no agent could answer the
        // notification.
        if action == Self.notify, let name = rule.names.first(where: { $0 == "write" || $0 == "sendmsg" }) {
            throw InvalidSpec(
                keyPath: "\(key).action", problem: "SCMP_ACT_NOTIFY cannot be used for the \(name) syscall")
        }
        var comparisons: [Comparison] = []
        for (index, argument) in rule.args.enumerated() {
            guard let operation = Self.operators.first(where: { $0.name == argument.op }) else {
                let meant = suggestion(for: argument.op, among: Self.operators.map { $0.name }, prefix: "SCMP_CMP_")
                throw InvalidSpec(
                    keyPath: "\(key).args[\(index)].op", problem: "unknown operator \"\(argument.op)\"\(meant)")
            }
            guard argument.index <= 5 else {
                throw InvalidSpec(
                    keyPath: "\(key).args[\(index)].index", problem: "must be from 0 to 5, found \(argument.index)")
            }
            comparisons.append(
                Comparison(
                    argument: argument.index, operation: operation.value, first: argument.value,
                    second: argument.valueTwo))
        }
        // All comparisons must hold. But two comparisons of the same argument become alternatives, because libseccomp
        // accepts only one per argument.
        let repeated = Set(comparisons.map { $0.argument }).count < comparisons.count
        if repeated {
            for comparison in comparisons {
                rules.append(Rule(names: rule.names, action: action, comparisons: [comparison]))
            }
        } else {
            rules.append(Rule(names: rule.names, action: action, comparisons: comparisons))
        }
    }
}
