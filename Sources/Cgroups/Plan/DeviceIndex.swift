// Finds device rules that concern the same devices, without comparing each rule with all others.

/// The devices of a rule; a nil number matches every number.
struct DeviceSet: Hashable {
    var kind: DeviceRule.Kind
    var major: UInt32?
    var minor: UInt32?

    /// One of the up to four sets that contain all these devices; the first is the set itself.
    func covering(_ index: Int) -> DeviceSet? {
        let (allMajors, allMinors) = (index & 1 != 0, index & 2 != 0)
        if (allMajors && major == nil) || (allMinors && minor == nil) { return nil }
        return DeviceSet(kind: kind, major: allMajors ? nil : major, minor: allMinors ? nil : minor)
    }

    /// Whether this set contains every device of another set.
    func covers(_ other: DeviceSet) -> Bool {
        kind == other.kind && (major == nil || major == other.major) && (minor == nil || minor == other.minor)
    }

    /// Whether a device exists that both sets contain.
    func meets(_ other: DeviceSet) -> Bool {
        func meet(_ one: UInt32?, _ two: UInt32?) -> Bool { one == nil || two == nil || one == two }
        return kind == other.kind && meet(major, other.major) && meet(minor, other.minor)
    }
}

/// Accesses to sets of devices, indexed by the numbers that the sets share.
struct DeviceIndex {
    private var accesses: [DeviceSet: DeviceAccess] = [:]
    private var groups: [Group: Members] = [:]

    /// The sets that have one number, or its absence, in common.
    private enum Group: Hashable {
        case major(DeviceRule.Kind, UInt32?)
        case minor(DeviceRule.Kind, UInt32?)
        case whole(DeviceRule.Kind)
    }

    private struct Members {
        var sets: [DeviceSet] = []
        /// The number of members with each of the accesses.
        var counts = (mknod: 0, read: 0, write: 0)

        mutating func count(_ access: DeviceAccess, by step: Int) {
            if access.contains(.mknod) { counts.mknod += step }
            if access.contains(.read) { counts.read += step }
            if access.contains(.write) { counts.write += step }
        }

        func have(_ access: DeviceAccess) -> Bool {
            (access.contains(.mknod) && counts.mknod > 0) || (access.contains(.read) && counts.read > 0)
                || (access.contains(.write) && counts.write > 0)
        }
    }

    /// The access to exactly this set.
    subscript(_ set: DeviceSet) -> DeviceAccess { accesses[set] ?? [] }

    mutating func insert(_ set: DeviceSet, _ access: DeviceAccess) {
        let old = accesses[set]
        accesses[set] = (old ?? []).union(access)
        let added = access.subtracting(old ?? [])
        for group in groups(of: set) {
            groups[group, default: Members()].count(added, by: 1)
            if old == nil { groups[group, default: Members()].sets.append(set) }
        }
    }

    mutating func subtract(_ set: DeviceSet, _ access: DeviceAccess) {
        let gone = self[set].intersection(access)
        guard !gone.isEmpty else { return }
        accesses[set]?.subtract(gone)
        for group in groups(of: set) { groups[group]?.count(gone, by: -1) }
    }

    /// Whether one of the accesses applies to a set that shares devices with this one.
    func meets(_ set: DeviceSet, _ access: DeviceAccess) -> Bool {
        switch (set.major, set.minor) {
        case (nil, nil): have(.whole(set.kind), access)
        case (let major?, nil): have(.major(set.kind, major), access) || have(.major(set.kind, nil), access)
        case (nil, let minor?): have(.minor(set.kind, minor), access) || have(.minor(set.kind, nil), access)
        case (_?, _?): (0..<4).contains { holds(set.covering($0), access) }
        }
    }

    /// The same, but only for sets that this one does not contain.
    func meetsBeyond(_ set: DeviceSet, _ access: DeviceAccess) -> Bool {
        switch (set.major, set.minor) {
        case (nil, nil): false
        case (_?, nil): have(.major(set.kind, nil), access)
        case (nil, _?): have(.minor(set.kind, nil), access)
        case (_?, _?): (1..<4).contains { holds(set.covering($0), access) }
        }
    }

    /// The sets that this one contains.
    func sets(within set: DeviceSet) -> [DeviceSet] {
        switch (set.major, set.minor) {
        case (nil, nil): groups[.whole(set.kind)]?.sets ?? []
        case (let major?, nil): groups[.major(set.kind, major)]?.sets ?? []
        case (nil, let minor?): groups[.minor(set.kind, minor)]?.sets ?? []
        case (_?, _?): accesses[set] == nil ? [] : [set]
        }
    }

    private func groups(of set: DeviceSet) -> [Group] {
        [.major(set.kind, set.major), .minor(set.kind, set.minor), .whole(set.kind)]
    }

    private func have(_ group: Group, _ access: DeviceAccess) -> Bool { groups[group]?.have(access) ?? false }

    private func holds(_ set: DeviceSet?, _ access: DeviceAccess) -> Bool {
        set.map { !self[$0].isDisjoint(with: access) } ?? false
    }
}

extension DeviceRule {
    var devices: DeviceSet { DeviceSet(kind: kind, major: major, minor: minor) }
}
