// The mounts that `mounts add` may make in an existing container, and which process must open their sources.

internal import Kernel
package import OCISpec

extension ContainerPlan {
    /// Decides mounts for an existing container. The rules for `mounts[]` apply as at its creation; in addition,
    /// mounts that make no sense later are refused.
    /// - Parameter spec: the config that the container was created from.
    /// - Throws: the problem of an entry, under its key.
    package init(
        adding mounts: [Mount], to spec: Spec, id: String, bundle: String, host: HostFacts
    ) throws(InvalidSpec) {
        for (index, mount) in mounts.enumerated() { try Rules.checkLive(mount, "mounts[\(index)]") }
        var spec = spec
        spec.mounts = mounts
        try self.init(spec: spec, id: id, bundle: bundle, host: host)
        for index in self.mounts.indices {
            try Rules.checkLive(self.mounts[index], namespaces, host)
            // A read-only /dev need not wait for its devices, because they exist.
            guard self.mounts[index].becomesReadOnlyLast else { continue }
            self.mounts[index].becomesReadOnlyLast = false
            self.mounts[index].attributes.set.insert(.readOnly)
        }
        warnings = warnings.filter { $0.hasPrefix("mounts[") }
    }
}

extension MountStep {
    // Every other type is, or names, a file of the host.
    private static let containerTypes = ["devpts", "mqueue", "ramfs", "sysfs", "tmpfs"]

    /// Whether the runtime must open or create it in the host's mount namespace: inside the container its paths would
    /// lead to files that the container chose.
    package var isOpenedByRuntime: Bool {
        switch object {
        case .bind: true
        case .filesystem(let type, _, _): !Self.containerTypes.contains(type)
        case .remount, .legacyCgroup, .unifiedCgroup: false
        }
    }
}

extension Rules {
    fileprivate static func checkLive(_ mount: Mount, _ key: String) throws(InvalidSpec) {
        let options = ParsedMountOptions(mount.options, type: mount.type)
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
        guard !step.replacesRoot else {
            throw InvalidSpec(keyPath: "\(step.key).destination", problem: "the rootfs itself cannot be mounted over")
        }
        guard step.isOpenedByRuntime else { return }
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
