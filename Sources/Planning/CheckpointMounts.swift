// Which mounts of a container are from outside: CRIU can make all others itself.

internal import enum Kernel.NamespaceKind
internal import OCISpec

extension CheckpointPlan {
    /// The mounts that a restore is given from outside. Read off what the init sees, where links are followed.
    static func externals(_ plan: ContainerPlan, _ facts: CheckpointFacts) -> [ImageRecord.External] {
        let ofConfig = Set(facts.places.compactMap { $0 }).union(facts.protected)
        var result: [ImageRecord.External] = []
        for (step, place) in zip(plan.mounts, facts.places) {
            guard let place, let mount = facts.mounts.first(where: { $0.number == place }) else { continue }
            switch step.object {
            case .bind(_, let recursive):
                result.append(ImageRecord.External(path: mount.path, destination: step.destination))
                guard recursive else { continue }
                let ownDevices = devices(of: plan, facts)
                for inner in facts.mounts where inner.isBelow(mount.path) && !ofConfig.contains(inner.number) {
                    // CRIU itself restores mounts of the same directory, and of filesystems that the container has made.
                    guard !MountOrigin(mount).holds(inner), !ownDevices.contains(inner.device) else { continue }
                    result.append(
                        ImageRecord.External(
                            path: inner.path, destination: step.destination,
                            below: String(inner.path.dropFirst(mount.path.count))))
                }
            case .unifiedCgroup:
                // Without a cgroup namespace of its own it is a part of the host's mount.
                guard !plan.namespaces.creates(.cgroup) else { continue }
                result.append(ImageRecord.External(path: mount.path, destination: step.destination))
            case .legacyCgroup:
                for inner in facts.mounts where inner.isBelow(mount.path) && inner.type.hasPrefix("cgroup") {
                    result.append(
                        ImageRecord.External(
                            path: inner.path, destination: step.destination,
                            below: String(inner.path.dropFirst(mount.path.count))))
                }
            default: break
            }
        }
        for node in plan.devices.nodes {
            let isBound = facts.mounts.contains { $0.path == node.path && $0.type != "tmpfs" && $0.type != "devpts" }
            if isBound { result.append(ImageRecord.External(path: node.path, destination: node.path)) }
        }
        return result
    }

    /// Refuses mounts of the host that only a running container has, as those of `mounts add`: a restore would be without
    /// them, or with a copy.
    static func checkMounts(_ facts: CheckpointFacts, _ externals: [ImageRecord.External]) throws(InvalidSpec) {
        let known = Set(facts.places.compactMap { $0 }).union(facts.protected)
        let origins = facts.mounts.filter { $0.path == "/" || known.contains($0.number) }.map(MountOrigin.init)
        for mount in facts.mounts where mount.path != "/" && !known.contains(mount.number) {
            // Every container has parts of its own of these.
            if ["proc", "sysfs", "mqueue", "devpts", "cgroup", "cgroup2"].contains(mount.type) { continue }
            if externals.contains(where: { $0.path == mount.path }) { continue }
            guard facts.devicesOfHost.contains(mount.device), !origins.contains(where: { $0.holds(mount) }) else {
                continue
            }
            throw InvalidSpec(
                keyPath: "",
                problem:
                    "the mount at \(mount.path) is of the host, and config.json does not have it: a checkpoint would"
                    + " lose it (mounts remove takes it away)")
        }
    }

    // The devices of the filesystems that the config has made for the container.
    private static func devices(of plan: ContainerPlan, _ facts: CheckpointFacts) -> Set<String> {
        var result: Set<String> = []
        for (step, place) in zip(plan.mounts, facts.places) {
            if case .bind = step.object { continue }
            if let mount = facts.mounts.first(where: { $0.number == place }) { result.insert(mount.device) }
        }
        if let root = facts.mounts.first(where: { $0.path == "/" }) { result.insert(root.device) }
        return result
    }
}

extension MountOrigin {
    init(_ mount: MountFact) { self.init(device: mount.device, root: mount.root) }
}

extension MountFact {
    fileprivate func isBelow(_ directory: String) -> Bool { path.hasPrefix(directory + "/") }
}
