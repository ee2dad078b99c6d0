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
                    // CRIU itself restores mounts of the same filesystem, and of filesystems that the container has made.
                    guard inner.device != mount.device, !ownDevices.contains(inner.device) else { continue }
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

    // Of the filesystems that the config has made for the container.
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

extension MountFact {
    fileprivate func isBelow(_ directory: String) -> Bool { path.hasPrefix(directory + "/") }
}
