// Converts a device policy to the writes of cgroup v1.

/// The device rules of one v1 cgroup: a default and its exceptions.
struct LegacyDevices: Equatable {
    /// The exceptions have the opposite meaning.
    var allowsByDefault: Bool
    /// The devices of each exception, and the excepted access; in order of appearance.
    var exceptions: [DeviceRule]

    /// One line for `devices.allow` or `devices.deny`.
    struct Transition: Equatable {
        var allow: Bool
        var text: String
    }

    init(allowsByDefault: Bool, exceptions: [DeviceRule]) {
        self.allowsByDefault = allowsByDefault
        self.exceptions = exceptions
    }

    /// The state that a policy requires.
    /// - Throws: an `unavailable` failure for a rule that removes part of a wider exception, which v1 cannot
    /// represent.
    init(_ policy: DevicePolicy) throws(CgroupFailure) {
        self.init(allowsByDefault: policy.allowsByDefault, exceptions: [])
        for rule in policy.rules {
            if rule.allow != allowsByDefault { insert(rule) } else { try remove(rule) }
        }
    }

    /// Parses `devices.list`.
    init?(list: String) {
        self.init(allowsByDefault: false, exceptions: [])
        for line in list.split(separator: "\n") {
            guard let rule = Self.rule(line) else {
                if line.hasPrefix("a ") {
                    allowsByDefault = true
                    continue
                }
                return nil
            }
            insert(rule)
        }
    }

    private static func rule(_ line: Substring) -> DeviceRule? {
        let words = line.split(separator: " ")
        guard words.count == 3, words[0] == "c" || words[0] == "b" else { return nil }
        let numbers = words[1].split(separator: ":")
        guard numbers.count == 2 else { return nil }
        var access: DeviceAccess = []
        if words[2].contains("r") { access.insert(.read) }
        if words[2].contains("w") { access.insert(.write) }
        if words[2].contains("m") { access.insert(.mknod) }
        return DeviceRule(
            allow: true, words[0] == "b" ? .block : .character, UInt32(numbers[0]), UInt32(numbers[1]), access)
    }

    private mutating func insert(_ rule: DeviceRule) {
        if let same = exceptions.firstIndex(where: { $0.node == rule.node }) {
            exceptions[same].access.formUnion(rule.access)
        } else {
            exceptions.append(rule)
        }
    }

    private mutating func remove(_ rule: DeviceRule) throws(CgroupFailure) {
        for index in exceptions.indices {
            let exception = exceptions[index]
            guard exception.sharesDevices(with: rule), !exception.access.isDisjoint(with: rule.access) else { continue }
            guard rule.coversDevices(of: exception) else {
                throw CgroupFailure(
                    .unavailable,
                    "linux.resources.devices: cgroup v1 cannot \(rule.allow ? "allow" : "deny") \(rule.text) after "
                        + "\(rule.allow ? "denying" : "allowing") \(exception.text), which holds it")
            }
            exceptions[index].access.subtract(rule.access)
        }
        exceptions.removeAll { $0.access.isEmpty }
    }

    /// The smallest list of writes that lead from one state to another, without a moment that forbids an access that
    /// both states allow.
    /// - Parameter current: nil if it is unknown, or in a new cgroup, which is not in use.
    func transitions(from current: LegacyDevices?) -> [Transition] {
        guard let current, current.allowsByDefault == allowsByDefault else {
            return [Transition(allow: allowsByDefault, text: "a")]
                + exceptions.map { Transition(allow: !allowsByDefault, text: $0.text) }
        }
        // Additions first: then an access that both states allow, even by different rules, is never forbidden in
        // between.
        var added: [Transition] = []
        var removed: [Transition] = []
        for wanted in exceptions {
            let present = current.exceptions.first { $0.node == wanted.node }?.access ?? []
            let missing = wanted.access.subtracting(present)
            if !missing.isEmpty {
                added.append(Transition(allow: !allowsByDefault, text: "\(wanted.node) \(missing.letters)"))
            }
        }
        for present in current.exceptions {
            let wanted = exceptions.first { $0.node == present.node }?.access ?? []
            let surplus = present.access.subtracting(wanted)
            if !surplus.isEmpty {
                removed.append(Transition(allow: allowsByDefault, text: "\(present.node) \(surplus.letters)"))
            }
        }
        return added + removed
    }
}
