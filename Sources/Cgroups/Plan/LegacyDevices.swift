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
        var exceptions = Exceptions()
        for rule in policy.rules {
            if rule.allow != policy.allowsByDefault { exceptions.insert(rule) } else { try exceptions.remove(rule) }
        }
        self.init(allowsByDefault: policy.allowsByDefault, exceptions: exceptions.rules)
    }

    /// Parses `devices.list`.
    init?(list: String) {
        self.init(allowsByDefault: false, exceptions: [])
        var exceptions = Exceptions()
        for line in list.split(separator: "\n") {
            guard let rule = Self.rule(line) else {
                if line.hasPrefix("a ") {
                    allowsByDefault = true
                    continue
                }
                return nil
            }
            exceptions.insert(rule)
        }
        self.exceptions = exceptions.rules
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
        return Self.transitions(exceptions, beyond: current.exceptions, allow: !allowsByDefault)
            + Self.transitions(current.exceptions, beyond: exceptions, allow: allowsByDefault)
    }

    private static func transitions(
        _ exceptions: [DeviceRule], beyond known: [DeviceRule], allow: Bool
    ) -> [Transition] {
        var others: [DeviceSet: DeviceAccess] = [:]
        for rule in known.reversed() { others[rule.devices] = rule.access }
        return exceptions.compactMap { rule in
            let surplus = rule.access.subtracting(others[rule.devices] ?? [])
            return surplus.isEmpty ? nil : Transition(allow: allow, text: "\(rule.node) \(surplus.letters)")
        }
    }
}

/// The exceptions during the construction.
private struct Exceptions {
    private var index = DeviceIndex()
    private var order: [DeviceRule] = []
    /// The position of a set of devices; a set that is removed and added again moves to the end.
    private var places: [DeviceSet: Int] = [:]

    var rules: [DeviceRule] {
        order.enumerated().compactMap { place, rule in
            guard places[rule.devices] == place else { return nil }
            var rule = rule
            rule.access = index[rule.devices]
            return rule.access.isEmpty ? nil : rule
        }
    }

    mutating func insert(_ rule: DeviceRule) {
        if index[rule.devices].isEmpty {
            places[rule.devices] = order.count
            order.append(rule)
        }
        index.insert(rule.devices, rule.access)
    }

    mutating func remove(_ rule: DeviceRule) throws(CgroupFailure) {
        if index.meetsBeyond(rule.devices, rule.access),
            let wider = rules.first(where: {
                $0.devices.meets(rule.devices) && !rule.devices.covers($0.devices)
                    && !$0.access.isDisjoint(with: rule.access)
            })
        {
            throw CgroupFailure(
                .unavailable,
                "linux.resources.devices: cgroup v1 cannot \(rule.allow ? "allow" : "deny") \(rule.text) after "
                    + "\(rule.allow ? "denying" : "allowing") \(wider.text), which holds it")
        }
        for set in index.sets(within: rule.devices) { index.subtract(set, rule.access) }
    }
}
