// `mounts[]` to steps: what is mounted where, with which attributes, in the order of the config.

package import struct Kernel.AttributeChange
package import enum Kernel.Propagation
package import func Kernel.cleanPath
internal import OCISpec

/// One mount to be made under the rootfs.
package struct MountStep: Equatable, Sendable {
    /// What is mounted.
    package enum Object: Equatable, Sendable {
        /// A new instance of a filesystem, with the parameters that fsconfig(2) is given.
        case filesystem(type: String, source: String, parameters: [Parameter])
        /// Something of the host, by absolute path.
        case bind(source: String, recursive: Bool)
        /// Nothing new: the attributes of what is there are changed.
        case remount
        /// The container's cgroup v1 directories, one below the other's side, on a tmpfs.
        case legacyCgroup([HostFacts.Hierarchy])
        /// The container's cgroup v2 directory, by a mount of its own where it may, else bound.
        case unifiedCgroup(directory: String)
    }

    /// A parameter of a filesystem: a flag when it has no value.
    package struct Parameter: Equatable, Sendable {
        package var name: String
        package var value: String?
        package init(_ name: String, _ value: String? = nil) {
            self.name = name
            self.value = value
        }
    }

    /// Propagation of the mount, or of the tree of mounts under it too.
    package struct PropagationChange: Equatable, Sendable {
        package var kind: Propagation
        package var recursive: Bool
        package init(kind: Propagation, recursive: Bool) {
            self.kind = kind
            self.recursive = recursive
        }
    }

    /// Where the config asks for it, such as `mounts[3]`.
    package var key: String
    /// Absolute inside the rootfs.
    package var destination: String
    package var object: Object
    package var attributes = AttributeChange()
    package var recursiveAttributes = AttributeChange()
    package var propagation: [PropagationChange] = []
    /// The tmpfs starts as a copy of the directory it covers.
    package var copiesUp = false
    /// A source that is a symbolic link becomes the same link in the container.
    package var copiesLink = false
    package var followsSource = true
    package var followsDestination = true
    /// `/dev` is made read-only only when the devices are in it.
    package var becomesReadOnlyLast = false
    /// Options that are no attributes of mounts, on a bind mount: there is no new filesystem to take them.
    package var ignoredOptions: [String] = []
    /// The mapping of the mount's ids: explicit, or that of the container's user namespace.
    package var idMapping: IDMapping?

    /// How the ids of an idmapped mount are mapped.
    package struct IDMapping: Equatable, Sendable {
        package var recursive: Bool
        /// nil: as the container's user namespace maps.
        package var maps: IdentityMaps?
    }

    package init(key: String, destination: String, object: Object) {
        self.key = key
        self.destination = destination
        self.object = object
    }
}

extension MountStep {
    /// Decides one entry of `mounts[]`.
    /// - Throws: what is wrong with the entry, under its key.
    init(
        _ mount: Mount, index: Int, bundle: String, namespaces: NamespacePlan, host: HostFacts
    ) throws(InvalidSpec) {
        let key = "mounts[\(index)]"
        guard !mount.destination.isEmpty else {
            throw InvalidSpec(keyPath: "\(key).destination", problem: "must not be empty")
        }
        let destination = cleanPath("/" + mount.destination)
        guard destination != "/" else {
            throw InvalidSpec(keyPath: "\(key).destination", problem: "the rootfs itself cannot be mounted over")
        }
        self.init(key: key, destination: destination, object: .remount)
        let options = ParsedOptions(mount.options, type: mount.type)
        attributes = options.attributes
        recursiveAttributes = options.recursiveAttributes
        propagation = options.propagation
        copiesUp = options.copiesUp
        copiesLink = options.copiesLink
        followsSource = options.followsSource
        followsDestination = options.followsDestination
        idMapping = try Self.idMapping(mount, options, key, namespaces, host)
        object = try Self.object(mount, options, key, bundle: bundle, namespaces: namespaces, host: host)
        if options.isBind, let other = options.parameters.first(where: { !ParsedOptions.isHarmless($0) }) {
            throw InvalidSpec(
                keyPath: "\(key).options",
                problem: "\"\(other.text)\" is no option of a bind mount, which would go without what it asks for")
        }
        if isBind {
            attributes.keepAccessTimes()
            ignoredOptions = options.parameters.map(\.name)
        }
        if case .filesystem(let type, _, _) = object, type == "tmpfs", destination == "/dev",
            attributes.set.contains(.readOnly)
        {
            becomesReadOnlyLast = true
            attributes.set.remove(.readOnly)
        }
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
        _ mount: Mount, _ options: ParsedOptions, _ key: String, bundle: String, namespaces: NamespacePlan,
        host: HostFacts
    ) throws(InvalidSpec) -> Object {
        if let recursive = options.bind ?? (mount.type == "bind" ? false : nil) {
            if options.remount { return .remount }
            guard let source = mount.source, !source.isEmpty else {
                throw InvalidSpec(keyPath: "\(key).source", problem: "is required for a bind mount")
            }
            return .bind(
                source: source.hasPrefix("/") ? source : cleanPath(bundle + "/" + source), recursive: recursive)
        }
        if options.remount { return .remount }
        guard let type = mount.type, !type.isEmpty else {
            throw InvalidSpec(keyPath: "\(key).type", problem: "is required unless the options have bind or rbind")
        }
        if type == "cgroup" || type == "cgroup2" {
            switch host.cgroup {
            case .legacy(let hierarchies) where type == "cgroup": return .legacyCgroup(hierarchies)
            case .unified(let directory):
                // Whoever shares the host's cgroup namespace sees the host's hierarchy, at the paths it is told in /proc.
                // Bound: a mount of its own, made from there, would reset the host's options. cgroups(7), nsdelegate.
                guard namespaces.has(.cgroup) || namespaces.has(.user) || host.uid != 0 else {
                    return .bind(source: "/sys/fs/cgroup", recursive: false)
                }
                return .unifiedCgroup(directory: directory)
            default: return .filesystem(type: "tmpfs", source: "cgroup", parameters: [Parameter("mode", "755")])
            }
        }
        return .filesystem(
            type: type, source: mount.source ?? type,
            parameters: options.superblock.map { Parameter($0) }
                + (try ownerParameters(options.parameters, type, key, namespaces, host)))
    }

    // An owner that the user namespace does not have is an error to the kernel. Every config asks for group 5, "tty",
    // in the devpts: without it the terminals belong to whoever opens them, which does for a namespace that small.
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
        _ mount: Mount, _ options: ParsedOptions, _ key: String, _ namespaces: NamespacePlan, _ host: HostFacts
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

extension ContainerPlan {
    /// Mounts of type `cgroup` show what cgroup the container got in the end: less than planned, or none, where an
    /// ordinary user may not make it.
    package mutating func show(_ view: HostFacts.CgroupView) {
        for index in mounts.indices {
            switch mounts[index].object {
            case .legacyCgroup, .unifiedCgroup: mounts[index].show(view)
            default: break
            }
        }
    }
}

extension MountStep {
    // Without a cgroup of its own the container sees none, least of all the runtime's. CVE-2023-25809.
    fileprivate mutating func show(_ view: HostFacts.CgroupView) {
        switch view {
        case .legacy(let hierarchies): object = .legacyCgroup(hierarchies)
        case .unified(let directory): object = .unifiedCgroup(directory: directory)
        case .none:
            object = .filesystem(type: "tmpfs", source: "cgroup", parameters: [Parameter("mode", "755")])
            attributes.merge(AttributeChange(set: .readOnly))
        }
    }
}
