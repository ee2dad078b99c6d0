// How far the mounts of restored processes may differ from what the config has.

internal import struct Kernel.CapabilitySet
internal import struct Kernel.MountAttributes
internal import struct OCISpec.Hooks

/// A directory or file of a filesystem.
package struct MountOrigin: Equatable, Sendable {
    /// Such as `0:42`.
    package var device: String
    package var root: String
    package init(device: String, root: String) { (self.device, self.root) = (device, root) }

    /// Whether another is the same, or below it.
    func holds(_ other: MountFact) -> Bool {
        device == other.device && (root == other.root || root == "/" || other.root.path(below: root) != nil)
    }
}

/// The mounts of a container that is restored and stands still.
package struct MountEvidence: Equatable, Sendable {
    /// The object at a path of the container.
    package enum Place: Equatable, Sendable {
        case missing
        case plain
        case mount(UInt64)

        var mount: UInt64? { if case .mount(let number) = self { number } else { nil } }
    }

    /// Those that the init sees.
    package var mounts: [MountFact] = []
    /// Those that CRIU sees, with what was staged for it.
    package var outside: [MountFact] = []
    /// The container's cgroup directories.
    package var cgroups: [MountOrigin] = []
    /// For each mount of the plan the number of the mount at its destination.
    package var places: [UInt64?] = []
    /// For each mount of the plan the device of its source, if that is a block device.
    package var blockDevices: [String?] = []
    /// The object at each masked, and at each read-only path.
    package var masked: [Place] = []
    package var readOnly: [Place] = []
    package init() {}
}

extension ContainerPlan {
    /// In what the mounts of an image differ from this plan's, in one sentence; nil where they do not.
    ///
    /// A program with CAP_SYS_ADMIN mounts, unmounts and changes what it likes, as long as it is no part of the host.
    package func difference(from evidence: MountEvidence, _ stage: Stage) -> String? {
        MountComparison(plan: self, evidence: evidence, stage: stage).difference()
    }
}

private struct MountComparison {
    let plan: ContainerPlan
    let evidence: MountEvidence
    let stage: Stage

    func difference() -> String? {
        guard let root = evidence.mounts.first(where: { $0.path == "/" }),
            let staged = evidence.outside.first(where: { $0.path == stage.root }), root.isSame(as: staged)
        else { return "root.path is \(plan.root.path), and the restored root is another directory" }
        if !mayMount {
            if plan.root.isReadOnly, !root.attributes.contains(.readOnly) {
                return "root.readonly is set, and the restored root can be written to"
            }
            if let text = differenceOfSteps() ?? differenceOfProtection() { return text }
        }
        return evidence.mounts.lazy.compactMap(differenceOfOrigin).first
    }

    private var mayMount: Bool { plan.process.grants(.systemAdministration) }

    // MARK: what the config has

    private func differenceOfSteps() -> String? {
        for (index, step) in plan.mounts.enumerated() where isLast(index) && evidence.places.indices.contains(index) {
            guard let mount = mount(evidence.places[index]) else {
                // NOTIFY_SOCKET's has no place in the config, and depends on the caller.
                guard step.key.hasPrefix("mounts["), step.isAlwaysMounted else { continue }
                return "\(step.key) is at \(step.destination), where the restored processes have no mount"
            }
            if let text = difference(step, index, mount) { return "\(step.key).\(text)" }
        }
        return nil
    }

    private func difference(_ step: MountStep, _ index: Int, _ mount: MountFact) -> String? {
        let here = "and \(mount.path) of the restored processes"
        switch step.object {
        case .bind(let source, _):
            let staged = evidence.outside.first { $0.path == stage.mount(index) }
            guard let staged, mount.isSame(as: staged) else { return "source is \(source), \(here) is something else" }
        case .filesystem(let type, let source, _):
            guard mount.type == type || !isOfKernel(mount.type) && !isOfKernel(type) else {
                return "type is \(type), \(here) is of the type \(mount.type)"
            }
            if evidence.blockDevices.indices.contains(index), let device = evidence.blockDevices[index],
                device != mount.device
            {
                return "source is \(source), \(here) is on another device"
            }
        case .remount, .legacyCgroup, .unifiedCgroup: break
        }
        let wanted = step.attributes.set.union(step.recursiveAttributes.set).intersection(.restrictions)
        let missing = wanted.subtracting(mount.attributes)
        guard let name = missing.restrictionName else { return nil }
        return "options have \(name), \(here) is without"
    }

    // Whether no later mount covers it, or changes it.
    private func isLast(_ index: Int) -> Bool {
        let own = plan.mounts[index].destination
        return !plan.mounts[(index + 1)...].contains {
            $0.destination == own || own.path(below: $0.destination) != nil
        }
    }

    private func differenceOfProtection() -> String? {
        for (path, place) in zip(plan.root.maskedPaths, evidence.masked) where place != .missing {
            guard let mount = mount(place.mount), ["tmpfs", "devtmpfs"].contains(mount.type) else {
                return "\(path.key) is \(path.path), which the restored processes can read"
            }
        }
        for (path, place) in zip(plan.root.readonlyPaths, evidence.readOnly) where place != .missing {
            guard let mount = mount(place.mount), mount.attributes.contains(.readOnly) else {
                return "\(path.key) is \(path.path), which the restored processes can write to"
            }
        }
        return nil
    }

    // MARK: what a mount is of

    private func differenceOfOrigin(_ mount: MountFact) -> String? {
        let sentence = "config.json does not account for the mount at \(mount.path) (\(mount.type), \(mount.root))"
        if mount.type == "cgroup" || mount.type == "cgroup2" {
            // Without a cgroup of its own there is nothing to compare it with.
            guard evidence.cgroups.isEmpty || evidence.cgroups.contains(where: { $0.holds(mount) }) || isStaged(mount)
            else { return sentence + ": it has cgroups of others" }
        } else if !isOfKernel(mount.type), !isStaged(mount), !isDevice(mount), !isOfFilesystemStep(mount) {
            return sentence + ": it has files of the host"
        }
        // Hooks may have mounted something as well.
        guard !mayMount, !plan.hooks.mayMount, !isKnown(mount) else { return nil }
        return sentence
    }

    private func isStaged(_ mount: MountFact) -> Bool {
        evidence.outside.contains {
            ($0.path == stage.root || $0.path.path(below: stage.directory) != nil)
                && MountOrigin(device: $0.device, root: $0.root).holds(mount)
        }
    }

    // Devices of the host are bound where they cannot be made; older runtimes mask files with the host's null device.
    private func isDevice(_ mount: MountFact) -> Bool {
        let paths = plan.devices.nodes.map { $0.path } + ["/dev/null"]
        return paths.contains { evidence.origin(ofHostPath: $0)?.isSame(as: mount) == true }
    }

    private func isOfFilesystemStep(_ mount: MountFact) -> Bool {
        zip(plan.mounts, evidence.places).contains { step, place in
            guard case .filesystem = step.object else { return false }
            return self.mount(place)?.isSame(as: mount) == true
        }
    }

    private func isKnown(_ mount: MountFact) -> Bool {
        let protected = (evidence.masked + evidence.readOnly).compactMap { $0.mount }
        let numbers = Set(evidence.places.compactMap { $0 } + protected)
        if mount.path == "/" || numbers.contains(mount.number) { return true }
        // A mount that another one at the same path covers.
        if evidence.mounts.contains(where: { numbers.contains($0.number) && $0.path == mount.path }) { return true }
        if plan.mounts.contains(where: { $0.destination == mount.path }) { return true }
        if plan.devices.nodes.contains(where: { $0.path == mount.path }) { return true }
        if plan.process.hasTerminal, mount.path == "/dev/console", mount.type == "devpts" { return true }
        return isInner(mount)
    }

    // Whether it came with a bind mount, the root or a cgroup mount.
    private func isInner(_ mount: MountFact) -> Bool {
        func isStaged(at path: String) -> Bool {
            evidence.outside.contains { $0.path == path && $0.isSame(as: mount) }
        }
        if isStaged(at: stage.root + mount.path) { return true }
        for (index, step) in plan.mounts.enumerated() where evidence.places.indices.contains(index) {
            guard let place = self.mount(evidence.places[index]), let rest = mount.path.path(below: place.path) else {
                continue
            }
            switch step.object {
            case .bind(_, recursive: true): if isStaged(at: stage.mount(index) + rest) { return true }
            case .legacyCgroup: if mount.type.hasPrefix("cgroup") { return true }
            default: break
            }
        }
        return false
    }

    private func mount(_ number: UInt64?) -> MountFact? {
        number.flatMap { number in evidence.mounts.first { $0.number == number } }
    }
}

extension MountEvidence {
    /// A file of the host, by the mount that it is on.
    fileprivate func origin(ofHostPath path: String) -> MountOrigin? {
        let holders = outside.filter { $0.path == "/" || path == $0.path || path.path(below: $0.path) != nil }
        // The last of several at the same place covers the others.
        guard let last = holders.max(by: { $0.path.utf8.count < $1.path.utf8.count }),
            let mount = holders.last(where: { $0.path == last.path })
        else { return nil }
        let rest = mount.path == "/" ? path : path.path(below: mount.path) ?? ""
        return MountOrigin(device: mount.device, root: mount.root == "/" ? rest : mount.root + rest)
    }
}

// Filesystems of which every container has instances of its own, or parts that are the container's.
private func isOfKernel(_ type: String) -> Bool {
    ["proc", "sysfs", "tmpfs", "devpts", "mqueue", "cgroup", "cgroup2"].contains(type)
}

extension MountFact {
    fileprivate func isSame(as other: MountFact) -> Bool { device == other.device && root == other.root }
}

extension MountOrigin {
    fileprivate func isSame(as other: MountFact) -> Bool { device == other.device && root == other.root }
}

extension MountStep {
    fileprivate var isAlwaysMounted: Bool {
        guard !copiesLink, followsDestination else { return false }
        switch object {
        case .filesystem, .bind: return true
        case .remount, .legacyCgroup, .unifiedCgroup: return false
        }
    }
}

extension MountAttributes {
    fileprivate static let restrictions: Self = [.readOnly, .noSuid, .noDev, .noExec, .noSymlinkFollow]

    /// The first of them, by its name.
    fileprivate var restrictionName: String? {
        let names: [(Self, String)] = [
            (.readOnly, "ro"), (.noSuid, "nosuid"), (.noDev, "nodev"), (.noExec, "noexec"),
            (.noSymlinkFollow, "nosymfollow"),
        ]
        return names.first { contains($0.0) }?.1
    }
}

extension Hooks {
    fileprivate var mayMount: Bool {
        !prestart.isEmpty || !createRuntime.isEmpty || !createContainer.isEmpty || !startContainer.isEmpty
    }
}
