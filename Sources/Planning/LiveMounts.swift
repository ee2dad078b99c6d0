// What `mounts add` may mount in a container that is there already, and who has to open it.

internal import Kernel
package import OCISpec

extension ContainerPlan {
    /// Decides mounts for a container that was made before; all that is decided of `mounts[]` at its making holds, and
    /// what makes no sense later is refused.
    /// - Parameter spec: the config that the container was made from.
    /// - Throws: what is wrong with an entry, under its key.
    package init(
        adding mounts: [Mount], to spec: Spec, id: String, bundle: String, host: HostFacts
    ) throws(InvalidSpec) {
        for (index, mount) in mounts.enumerated() { try Rules.checkLive(mount, "mounts[\(index)]") }
        var spec = spec
        spec.mounts = mounts
        try self.init(spec: spec, id: id, bundle: bundle, host: host)
        for index in self.mounts.indices {
            try Rules.checkLive(self.mounts[index], namespaces, host)
            // Its devices are there since long.
            guard self.mounts[index].becomesReadOnlyLast else { continue }
            self.mounts[index].becomesReadOnlyLast = false
            self.mounts[index].attributes.set.insert(.readOnly)
        }
        warnings = warnings.filter { $0.hasPrefix("mounts[") }
    }
}

extension MountStep {
    // Everything else is, or names, a file of the host's.
    private static let ownTypes = ["devpts", "mqueue", "ramfs", "sysfs", "tmpfs"]

    /// Whether it has to be opened or made among the host's mounts, by whoever has rights there: inside a container
    /// its paths would lead to what the container has put there.
    package var isOfHost: Bool {
        switch object {
        case .bind: true
        case .filesystem(let type, _, _): !Self.ownTypes.contains(type)
        case .remount, .legacyCgroup, .unifiedCgroup: false
        }
    }
}

extension Rules {
    fileprivate static func checkLive(_ mount: Mount, _ key: String) throws(InvalidSpec) {
        let options = ParsedOptions(mount.options, type: mount.type)
        if options.remount {
            throw InvalidSpec(
                keyPath: "\(key).options",
                problem: "remount changes what is mounted already; remove it and add it as it is to be")
        }
        if options.copiesLink {
            throw InvalidSpec(
                keyPath: "\(key).options",
                problem: "copy-symlink makes a link, not a mount; exec can make one in a container that is there")
        }
        if options.copiesUp {
            throw InvalidSpec(
                keyPath: "\(key).options",
                problem: "tmpcopyup copies a directory that the container must not change meanwhile")
        }
        guard options.bind == nil, mount.type != "bind" else { return }
        switch mount.type {
        case "proc":
            throw InvalidSpec(
                keyPath: "\(key).type",
                problem: "a new procfs would show the pid namespace of the runtime, not the container's; bind one")
        case "cgroup", "cgroup2":
            throw InvalidSpec(
                keyPath: "\(key).type",
                problem: "cgroups can be mounted only when the container is made; bind a directory of theirs")
        default: return
        }
    }

    fileprivate static func checkLive(
        _ step: MountStep, _ namespaces: NamespacePlan, _ host: HostFacts
    ) throws(InvalidSpec) {
        guard step.isOfHost else { return }
        guard host.uid == 0 else {
            throw InvalidSpec(
                keyPath: step.key,
                problem: "only root can take something of the host into a container that is there already;"
                    + " a user who is not can add a tmpfs")
        }
        if namespaces.has(.user), case .filesystem(let type, _, _) = step.object {
            throw InvalidSpec(
                keyPath: "\(step.key).type",
                problem: "a filesystem of type \"\(type)\" cannot be made in a user namespace that is there already;"
                    + " mount it on the host and bind it")
        }
    }
}
