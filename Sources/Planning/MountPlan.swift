// Converts `mounts[]` to steps: the source, the destination and the attributes of each mount, in the order of the
// config.

internal import Kernel
internal import OCISpec

extension MountStep {
    /// Decides all mounts: `mounts[]` of the config, and the runtime's own.
    static func plan(
        _ spec: Spec, root: RootPlan, bundle: String, namespaces: NamespacePlan, host: HostFacts
    ) throws(InvalidSpec) -> [MountStep] {
        var steps: [MountStep] = []
        steps.reserveCapacity(spec.mounts.count + 1)
        for (index, mount) in spec.mounts.enumerated() {
            var mount = mount
            // The destination may be given as a path on the host, because runc accepts such configs.
            if let inside = mount.destination.path(below: root.path) { mount.destination = inside }
            let step = try MountStep(mount, index: index, bundle: bundle, namespaces: namespaces, host: host)
            if step.replacesRoot { try Rules.checkMountOnRoot(step, root, namespaces) }
            try Rules.check(step)
            steps.append(step)
        }
        if let directory = host.notifyDirectory, namespaces.has(.mount) { steps.append(.notify(source: directory)) }
        return steps
    }

    /// Decides one entry of `mounts[]`.
    /// - Throws: the problem of the entry, under its key.
    init(
        _ mount: Mount, index: Int, bundle: String, namespaces: NamespacePlan, host: HostFacts
    ) throws(InvalidSpec) {
        let key = "mounts[\(index)]"
        guard !mount.destination.isEmpty else {
            throw InvalidSpec(keyPath: "\(key).destination", problem: "must not be empty")
        }
        let destination = cleanPath("/" + mount.destination)
        self.init(key: key, destination: destination, object: .remount)
        let options = ParsedMountOptions(mount.options, type: mount.type)
        attributes = options.attributes
        recursiveAttributes = options.recursiveAttributes
        propagation = options.propagation
        copiesUp = options.copiesUp
        copiesLink = options.copiesLink
        followsSource = options.followsSource
        followsDestination = options.followsDestination
        idMapping = try Self.idMapping(mount, options, key, namespaces, host)
        object = try Self.object(mount, options, key, bundle: bundle, namespaces: namespaces, host: host)
        // A container without a cgroup of its own must not see the runtime's. CVE-2023-25809.
        if options.bind == nil, mount.type == "cgroup" || mount.type == "cgroup2", host.cgroup == .none {
            attributes.merge(AttributeChange(set: .readOnly))
        }
        if options.isBind, let other = options.parameters.first(where: { !ParsedMountOptions.isHarmless($0) }) {
            let isList = other.text.utf8.contains(UInt8(ascii: ","))
            let hint = isList ? " (each option is a string of its own)" : mountOptionMeant(by: other.text)
            throw InvalidSpec(
                keyPath: "\(key).options",
                problem: "\"\(other.text)\" is not an option of a bind mount and would have no effect\(hint)")
        }
        if isBind {
            attributes.keepAccessTimes()
            ignoredOptions = options.parameters.map { $0.name }
        }
        if case .filesystem(let type, _, _) = object, type == "tmpfs", destination == "/dev",
            attributes.set.contains(.readOnly)
        {
            becomesReadOnlyLast = true
            attributes.set.remove(.readOnly)
        }
        try checkCopies()
    }

    private func checkCopies() throws(InvalidSpec) {
        if copiesLink || !followsSource, !isBind {
            throw InvalidSpec(
                keyPath: "\(key).options", problem: "copy-symlink and src-nofollow are options of bind mounts only")
        }
        if copiesUp {
            guard case .filesystem(type: "tmpfs", _, _) = object else {
                throw InvalidSpec(keyPath: "\(key).options", problem: "tmpcopyup is an option of tmpfs only")
            }
        }
    }

    private static func object(
        _ mount: Mount, _ options: ParsedMountOptions, _ key: String, bundle: String, namespaces: NamespacePlan,
        host: HostFacts
    ) throws(InvalidSpec) -> Object {
        if let recursive = options.bind ?? (mount.type == "bind" ? false : nil) {
            if options.remount { return .remount }
            guard let source = mount.source, !source.isEmpty else {
                throw InvalidSpec(keyPath: "\(key).source", problem: "is required for a bind mount")
            }
            return .bind(
                source: source.isAbsolutePath ? source : cleanPath(bundle + "/" + source), recursive: recursive)
        }
        if options.remount { return .remount }
        guard let type = mount.type, !type.isEmpty else {
            throw InvalidSpec(keyPath: "\(key).type", problem: "is required unless the options have bind or rbind")
        }
        if type == "cgroup" || type == "cgroup2" {
            switch host.cgroup {
            case .legacy(let hierarchies) where type == "cgroup": return .legacyCgroup(hierarchies)
            // A hierarchy beside those of v1: of it a cgroup namespace shows the container's part.
            case .legacy: break
            case .unified(let directory):
                let known = [
                    "favordynmods", "memory_hugetlb_accounting", "memory_localevents", "memory_recursiveprot",
                    "nsdelegate",
                    "pids_localevents",
                ]
                if let other = options.parameters.first(where: { !known.contains($0.name) }) {
                    throw InvalidSpec(
                        keyPath: "\(key).options",
                        problem: "\"\(other.text)\" is not an option of cgroup v2\(mountOptionMeant(by: other.text))")
                }
                // A container in the host's cgroup namespace gets the host's hierarchy, because the paths in its
                // /proc refer to it. It is bound: a new mount from the host's cgroup namespace would reset the
                // options of the host's mount. cgroups(7), nsdelegate.
                guard namespaces.has(.cgroup) || namespaces.has(.user) || host.uid != 0 else {
                    return .bind(source: "/sys/fs/cgroup", recursive: false)
                }
                return .unifiedCgroup(directory: directory)
            case .none: return .filesystem(type: "tmpfs", source: "cgroup", parameters: [Parameter("mode", "755")])
            }
        }
        return .filesystem(
            type: type, source: mount.source ?? type,
            parameters: options.superblock.map { Parameter($0) }
                + (try ownerParameters(options.parameters, type, key, namespaces, host)))
    }

    // The kernel refuses an owner that the user namespace does not map. Every usual config names group 5, "tty", for
    // devpts. Without the option a terminal belongs to the process that opens it, which suffices in such a small
    // namespace.
    private static func ownerParameters(
        _ parameters: [Parameter], _ type: String, _ key: String, _ namespaces: NamespacePlan,
        _ host: HostFacts
    ) throws(InvalidSpec) -> [Parameter] {
        guard let ids = namespaces.has(.user) ? namespaces.maps : host.ownMaps else { return parameters }
        var result: [Parameter] = []
        for parameter in parameters {
            let maps: [LinuxIDMapping]
            switch parameter.name {
            case "uid": maps = ids.uids
            case "gid": maps = ids.gids
            default: maps = []
            }
            if !maps.isEmpty, let id = parameter.value.flatMap({ UInt32($0) }), !maps.maps(id) {
                if type == "devpts", parameter.name == "gid" { continue }
                throw InvalidSpec(
                    keyPath: "\(key).options",
                    problem:
                        "\(parameter.name)=\(id) is not mapped by \(namespaces.has(.user) ? "linux.\(parameter.name)Mappings" : "the user namespace of the runtime")"
                )
            }
            result.append(parameter)
        }
        return result
    }

    private static func idMapping(
        _ mount: Mount, _ options: ParsedMountOptions, _ key: String, _ namespaces: NamespacePlan, _ host: HostFacts
    ) throws(InvalidSpec) -> IDMapping? {
        let explicit = !mount.uidMappings.isEmpty || !mount.gidMappings.isEmpty
        guard explicit || options.idMapped != nil else { return nil }
        if explicit, mount.uidMappings.isEmpty || mount.gidMappings.isEmpty {
            throw InvalidSpec(keyPath: key, problem: "an idmapped mount needs both uidMappings and gidMappings")
        }
        guard options.bind != nil || mount.type == "bind" else {
            throw InvalidSpec(keyPath: key, problem: "only a bind mount can be idmapped")
        }
        guard host.uid == 0 else {
            throw InvalidSpec(keyPath: key, problem: "only root can make an idmapped mount")
        }
        var result = IDMapping(recursive: options.idMapped ?? false)
        if explicit {
            guard options.inlineMaps == nil else {
                throw InvalidSpec(keyPath: "\(key).options", problem: "idmap= and uidMappings contradict each other")
            }
            try Rules.mappings(mount.uidMappings, "\(key).uidMappings")
            try Rules.mappings(mount.gidMappings, "\(key).gidMappings")
            result.maps = IdentityMaps(uids: mount.uidMappings, gids: mount.gidMappings)
        } else if let inline = options.inlineMaps {
            do throws(InlineMapError) {
                result.maps = try IdentityMaps(inline: inline, container: namespaces.has(.user) ? namespaces.maps : nil)
            } catch {
                throw InvalidSpec(keyPath: "\(key).options", problem: "idmap: \(error.problem)")
            }
        } else if !namespaces.has(.user) {
            throw InvalidSpec(
                keyPath: "\(key).options", problem: "idmap needs uidMappings and gidMappings, or a user namespace")
        }
        return result
    }
}
