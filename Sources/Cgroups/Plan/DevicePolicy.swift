// The container's access to devices: `linux.resources.devices` combined with the devices that every container has,
// and reduced.

package import OCISpec

/// The container's access to devices: a default, and rules of which the last match applies.
package struct DevicePolicy: Equatable, Sendable {
    /// Whether devices that match no rule are allowed.
    package var allowsByDefault: Bool
    /// The rules, without those that have no effect.
    package var rules: [DeviceRule]
    /// Whether the kernel may refuse the rules because the rights are missing, as in a user namespace.
    package var mayBeRefused: Bool

    package init(allowsByDefault: Bool, rules: [DeviceRule], mayBeRefused: Bool = false) {
        self.allowsByDefault = allowsByDefault
        self.rules = rules
        self.mayBeRefused = mayBeRefused
        reduce()
    }

    /// Reads the configuration's rules and adds the devices that every container has, so that these always work.
    /// - Throws: an `invalid` failure for an invalid type, number or access.
    package init(_ configured: [LinuxDeviceCgroup], mayBeRefused: Bool = false) throws(CgroupFailure) {
        allowsByDefault = false
        rules = []
        self.mayBeRefused = mayBeRefused
        for (index, rule) in configured.enumerated() {
            try add(rule, key: "linux.resources.devices[\(index)]")
        }
        rules += Self.always
        reduce()
    }

    /// Every node may be created (opening it is another access); null, zero, full, random, urandom, tty;
    /// pseudo-terminals; tun.
    static let always: [DeviceRule] = [
        DeviceRule(allow: true, .character, nil, nil, .mknod), DeviceRule(allow: true, .block, nil, nil, .mknod),
        DeviceRule(allow: true, .character, 1, 3, .all), DeviceRule(allow: true, .character, 1, 5, .all),
        DeviceRule(allow: true, .character, 1, 7, .all), DeviceRule(allow: true, .character, 1, 8, .all),
        DeviceRule(allow: true, .character, 1, 9, .all), DeviceRule(allow: true, .character, 5, 0, .all),
        DeviceRule(allow: true, .character, 136, nil, .all), DeviceRule(allow: true, .character, 5, 2, .all),
        DeviceRule(allow: true, .character, 10, 200, .all),
    ]

    private mutating func add(_ rule: LinuxDeviceCgroup, key: String) throws(CgroupFailure) {
        let access = try Self.access(rule.access ?? "", key: key)
        let major = try Self.number(rule.major, key: "\(key).major")
        let minor = try Self.number(rule.minor, key: "\(key).minor")
        let kinds: [DeviceRule.Kind]
        switch rule.type ?? "" {
        case "b": kinds = [.block]
        case "c": kinds = [.character]
        case "", "a": kinds = [.character, .block]
        case let other:
            throw CgroupFailure(.invalid, "\(key).type: expected \"a\", \"b\" or \"c\", found \"\(other)\"")
        }
        // A rule for everything replaces all earlier rules, like the kernel's own rule `a`.
        if kinds.count == 2, access == .all, major == nil, minor == nil {
            allowsByDefault = rule.allow
            rules = []
            return
        }
        rules += kinds.map { DeviceRule(allow: rule.allow, $0, major, minor, access) }
    }

    private static func access(_ letters: String, key: String) throws(CgroupFailure) -> DeviceAccess {
        var access: DeviceAccess = []
        for letter in letters {
            switch letter {
            case "r": access.insert(.read)
            case "w": access.insert(.write)
            case "m": access.insert(.mknod)
            // The type for all devices, which some writers put here too; it has no effect, as in runc.
            case "a": break
            default:
                throw CgroupFailure(.invalid, "\(key).access: expected some of \"rwm\", found \"\(letters)\"")
            }
        }
        guard !access.isEmpty else {
            throw CgroupFailure(
                .invalid,
                "\(key).access: expected some of \"rwm\", found \(letters.isEmpty ? "nothing" : "\"\(letters)\"")")
        }
        return access
    }

    /// Engines write -1 for "any number".
    private static func number(_ value: Int64?, key: String) throws(CgroupFailure) -> UInt32? {
        guard let value, value != -1 else { return nil }
        guard let number = UInt32(exactly: value) else {
            throw CgroupFailure(.invalid, "\(key): \(value) is not a device number")
        }
        return number
    }

    /// Drops the rules that have no effect: those that a later rule covers, and those that repeat the default.
    ///
    /// A rule is looked up by its devices, not compared with every other: a list may be long.
    private mutating func reduce() {
        var later: [DeviceSet: UInt8] = [:]
        var isCovered = [Bool](repeating: false, count: rules.count)
        for (index, rule) in rules.enumerated().reversed() {
            isCovered[index] = (0..<4).contains { wider in
                rule.devices.covering(wider).flatMap { later[$0] }.map(rule.access.isPart(ofOneIn:)) ?? false
            }
            later[rule.devices, default: 0] |= 1 << UInt8(rule.access.rawValue)
        }
        let hasSameAsDefault = rules.contains { $0.allow == allowsByDefault }
        var kept: [DeviceRule] = []
        var exceptions = DeviceIndex()
        for (index, rule) in rules.enumerated() where !isCovered[index] {
            if rule.allow == allowsByDefault {
                guard exceptions.meets(rule.devices, rule.access) else { continue }
            } else if hasSameAsDefault {
                exceptions.insert(rule.devices, rule.access)
            }
            kept.append(rule)
        }
        rules = kept
    }

    /// Whether every access is allowed.
    package var allowsEverything: Bool { allowsByDefault && rules.isEmpty }

    /// The lines in a dry run.
    package var summary: [String] {
        let start = allowsByDefault ? "allow all devices" : "deny all devices"
        return [start] + rules.map { "\($0.allow ? "allow" : "deny") device \($0.text)" }
    }
}
