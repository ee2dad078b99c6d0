// The unit to request from systemd, with all properties except the process, which does not exist yet.

internal import OCISpec

/// The transient unit of a container.
package struct SystemdUnitRequest: Equatable, Sendable {
    /// The unit.
    package var unit: SystemdUnit
    /// Its properties, in order.
    package var properties: [SystemdProperty]

    init(
        cgroupsPath: String?, containerID: String, resources: LinuxResources?, annotations: TextMap<String>,
        host: CgroupHost
    ) throws(CgroupFailure) {
        unit = try SystemdUnit(
            cgroupsPath: cgroupsPath, containerID: containerID, isRootless: !host.userManagerPath.isEmpty)
        properties = [SystemdProperty("Description", .string("swiftrun container \(containerID)"))]
        if unit.isSlice {
            properties.append(SystemdProperty("Wants", .strings([unit.slice])))
        } else {
            properties.append(SystemdProperty("Slice", .string(unit.slice)))
            properties.append(SystemdProperty("Delegate", .boolean(true)))
        }
        let io = host.hierarchy == .unified ? "IOAccounting" : "BlockIOAccounting"
        for name in ["MemoryAccounting", "CPUAccounting", "TasksAccounting", io] {
            properties.append(SystemdProperty(name, .boolean(true)))
        }
        properties.append(SystemdProperty("DefaultDependencies", .boolean(false)))
        // Otherwise systemd would keep every unit that failed, one per container.
        if !unit.isSlice {
            properties.append(SystemdProperty("CollectMode", .string("inactive-or-failed"), since: 236))
        }
        try add(annotations)
        properties += try SystemdLimits(resources, hierarchy: host.hierarchy).properties
        if let devices = try Self.devices(resources) { properties += devices }
    }

    /// The device rules as far as systemd can express them. The kernel's own rules, which apply as well, enforce the
    /// others.
    private static func devices(_ resources: LinuxResources?) throws(CgroupFailure) -> [SystemdProperty]? {
        let policy = try DevicePolicy(resources?.devices ?? [])
        guard !policy.allowsByDefault else { return [SystemdProperty("DevicePolicy", .string("auto"))] }
        let rules = policy.rules.filter { $0.allow }.map { rule in
            DBusValue.structure([.string(device(rule)), .string(rule.access.letters)])
        }
        return [
            SystemdProperty("DevicePolicy", .string("strict")), SystemdProperty("DeviceAllow", .array("(ss)", rules)),
        ]
    }

    /// systemd's name for the devices of a rule. It has no name for a minor number alone: then all devices of the
    /// kind pass.
    private static func device(_ rule: DeviceRule) -> String {
        let kind = rule.kind == .block ? "block" : "char"
        guard let major = rule.major else { return "\(kind)-*" }
        if let minor = rule.minor { return "/dev/\(kind)/\(major):\(minor)" }
        return rule.kind == .character && major == 136 ? "char-pts" : "\(kind)-\(major)"
    }

    private mutating func add(_ annotations: TextMap<String>) throws(CgroupFailure) {
        let prefix = "org.systemd.property."
        var given: [SystemdProperty] = []
        var places: [String: Int] = [:]
        for (key, text) in annotations where key.hasPrefix(prefix) {
            let property = try SystemdAnnotation.property(String(key.dropFirst(prefix.count)), text, key: key)
            // Two spellings of one property: the later counts.
            if let place = places[property.name] {
                given[place] = property
            } else {
                places[property.name] = given.count
                given.append(property)
            }
        }
        guard !given.isEmpty else { return }
        properties.removeAll { places[$0.name] != nil }
        properties += given
    }
}
