// The rules that a config must obey: one small check for each, all made before anything is created.

internal import Kernel
package import OCISpec

/// The checks that need more than one part of the plan.
package enum Rules {
    /// Rules about the config as a whole.
    static func check(_ spec: Spec) throws(InvalidSpec) {
        try version(spec)
        try annotations(spec)
        try hooks(spec)
        try resources(spec)
    }

    /// Rules about namespaces and what needs them.
    static func check(_ namespaces: NamespacePlan, spec: Spec, linux: Linux, host: HostFacts) throws(InvalidSpec) {
        try identityMappings(namespaces, linux)
        try ordinaryUser(namespaces, linux, host)
        try names(namespaces, spec)
        try mountNamespace(namespaces, spec, linux)
    }

    private static func version(_ spec: Spec) throws(InvalidSpec) {
        guard !spec.ociVersion.isEmpty else {
            throw InvalidSpec(keyPath: "ociVersion", problem: "must not be empty")
        }
        guard SpecVersion(spec.ociVersion) != nil else {
            throw InvalidSpec(keyPath: "ociVersion", problem: "\"\(spec.ociVersion)\" is not a semantic version")
        }
    }

    /// The warning for a version with more features than are known here. A later patch version changes no meaning.
    static func warning(ofVersion text: String) -> String? {
        guard let version = SpecVersion(text) else { return nil }
        let supported = SpecVersion.supported
        let isKnown = version.major == supported.major && version.minor <= supported.minor
        return isKnown
            ? nil : "ociVersion: \"\(text)\" is taken as \(Spec.supportedVersion), what is new in it is not known"
    }

    private static func annotations(_ spec: Spec) throws(InvalidSpec) {
        guard spec.annotations[""] == nil else {
            throw InvalidSpec(keyPath: "annotations", problem: "a key must not be empty")
        }
    }

    private static func hooks(_ spec: Spec) throws(InvalidSpec) {
        guard let hooks = spec.hooks else { return }
        for (kind, list) in hooks.kinds {
            for (index, hook) in list.enumerated() {
                let key = "hooks.\(kind)[\(index)]"
                guard hook.path.isAbsolutePath else {
                    throw InvalidSpec(keyPath: "\(key).path", problem: "\"\(hook.path)\" is not an absolute path")
                }
                if let timeout = hook.timeout, timeout <= 0 {
                    throw InvalidSpec(keyPath: "\(key).timeout", problem: "must be more than zero, found \(timeout)")
                }
            }
        }
    }

    private static func resources(_ spec: Spec) throws(InvalidSpec) {
        for (index, rule) in (spec.linux?.resources?.devices ?? []).enumerated() {
            let key = "linux.resources.devices[\(index)]"
            if let type = rule.type, !["a", "b", "c", ""].contains(type) {
                throw InvalidSpec(keyPath: "\(key).type", problem: "\"\(type)\" is none of a, b, c")
            }
            // Some writers use "a"; it has no effect here, as in runc.
            if let access = rule.access, access.contains(where: { !"rwma".contains($0) }) {
                throw InvalidSpec(
                    keyPath: "\(key).access", problem: "\"\(access)\" has letters other than r, w, m")
            }
        }
    }

    private static func identityMappings(_ namespaces: NamespacePlan, _ linux: Linux) throws(InvalidSpec) {
        let mapped = !linux.uidMappings.isEmpty || !linux.gidMappings.isEmpty
        if mapped, !namespaces.has(.user) {
            throw InvalidSpec(
                keyPath: linux.uidMappings.isEmpty ? "linux.gidMappings" : "linux.uidMappings",
                problem: "needs a user namespace in linux.namespaces")
        }
        guard namespaces.creates(.user) else { return }
        guard !linux.uidMappings.isEmpty else {
            throw InvalidSpec(keyPath: "linux.uidMappings", problem: "a new user namespace needs at least one mapping")
        }
        guard !linux.gidMappings.isEmpty else {
            throw InvalidSpec(keyPath: "linux.gidMappings", problem: "a new user namespace needs at least one mapping")
        }
        try mappings(linux.uidMappings, "linux.uidMappings")
        try mappings(linux.gidMappings, "linux.gidMappings")
    }

    // An ordinary user has rights only in a user namespace of its own.
    private static func ordinaryUser(
        _ namespaces: NamespacePlan, _ linux: Linux, _ host: HostFacts
    ) throws(InvalidSpec) {
        guard host.uid != 0 else { return }
        guard namespaces.has(.user) else {
            throw InvalidSpec(
                keyPath: "linux.namespaces",
                problem:
                    "a user who is not root needs a user namespace; `swiftrun spec --rootless` writes a config with one"
            )
        }
        if let name = linux.netDevices.keys.first {
            throw InvalidSpec(keyPath: "linux.netDevices.\(name)", problem: "only root can move network devices")
        }
    }

    /// Refuses ranges that the kernel would refuse, or that have no meaning.
    static func mappings(_ mappings: [LinuxIDMapping], _ key: String) throws(InvalidSpec) {
        guard mappings.count <= 340 else {
            throw InvalidSpec(keyPath: key, problem: "the kernel takes 340 ranges, found \(mappings.count)")
        }
        for (index, mapping) in mappings.enumerated() {
            func overlaps(_ first: UInt32, _ second: UInt32, _ other: LinuxIDMapping) -> Bool {
                UInt64(first) < UInt64(second) + UInt64(other.size)
                    && UInt64(second) < UInt64(first) + UInt64(mapping.size)
            }
            for (earlier, other) in mappings[..<index].enumerated()
            where overlaps(mapping.containerID, other.containerID, other)
                || overlaps(mapping.hostID, other.hostID, other)
            {
                throw InvalidSpec(keyPath: "\(key)[\(index)]", problem: "overlaps with \(key)[\(earlier)]")
            }
            guard mapping.size > 0 else {
                throw InvalidSpec(keyPath: "\(key)[\(index)].size", problem: "must be more than zero")
            }
            let ends = [mapping.containerID, mapping.hostID].map { UInt64($0) + UInt64(mapping.size) }
            guard ends.allSatisfy({ $0 <= 1 << 32 }) else {
                throw InvalidSpec(keyPath: "\(key)[\(index)]", problem: "reaches beyond the last id")
            }
        }
    }

    private static func names(_ namespaces: NamespacePlan, _ spec: Spec) throws(InvalidSpec) {
        for (key, name) in [("hostname", spec.hostname), ("domainname", spec.domainname)] {
            guard let name, !name.isEmpty else { continue }
            guard namespaces.has(.uts) else {
                throw InvalidSpec(keyPath: key, problem: "needs a uts namespace in linux.namespaces")
            }
            guard name.utf8.count <= 64 else {
                throw InvalidSpec(keyPath: key, problem: "is longer than 64 bytes")
            }
        }
    }

    private static func mountNamespace(_ namespaces: NamespacePlan, _ spec: Spec, _ linux: Linux) throws(InvalidSpec) {
        guard !namespaces.has(.mount) else { return }
        // In the runtime's mount namespace, mounts below the rootfs are possible, if the process has rights there.
        // Settings that concern the whole rootfs, or that could be undone from outside, are refused.
        let hasNoRights = namespaces.has(.user)
        for (key, isRefused) in [
            ("linux.maskedPaths", !linux.maskedPaths.isEmpty), ("linux.readonlyPaths", !linux.readonlyPaths.isEmpty),
            ("linux.rootfsPropagation", !(linux.rootfsPropagation ?? "").isEmpty),
            ("mounts", hasNoRights && !spec.mounts.isEmpty),
            ("root.readonly", hasNoRights && spec.root?.readonly ?? false),
            ("linux.devices", hasNoRights && !linux.devices.isEmpty),
            ("process.terminal", hasNoRights && spec.process?.terminal ?? false),
        ] where isRefused {
            throw InvalidSpec(keyPath: key, problem: "needs a mount namespace in linux.namespaces")
        }
    }

    /// The only paths in /proc that may be covered: engines such as lxcfs provide them. CVE-2019-16884,
    /// CVE-2023-28642.
    private static let allowedUnderProc = [
        "/proc/cpuinfo", "/proc/diskstats", "/proc/meminfo", "/proc/stat", "/proc/swaps", "/proc/uptime",
        "/proc/loadavg", "/proc/slabinfo", "/proc/sys/kernel/ns_last_pid", "/proc/sys/crypto/fips_enabled",
    ]

    /// Whether a mount may cover a path of the container that lies in its procfs.
    package static func mayCoverProc(_ destination: String) -> Bool { allowedUnderProc.contains(destination) }

    /// Rules about one mount.
    static func check(_ step: MountStep) throws(InvalidSpec) {
        let destination = step.destination
        if destination == "/proc" {
            switch step.object {
            case .filesystem(type: "proc", _, _), .bind, .remount: return
            default:
                throw InvalidSpec(keyPath: step.key, problem: "only procfs can be mounted at /proc")
            }
        }
        guard destination.path(below: "/proc") != nil, !mayCoverProc(destination) else { return }
        throw InvalidSpec(
            keyPath: "\(step.key).destination",
            problem: "\"\(destination)\" cannot be mounted because it is inside /proc")
    }

    /// What is mounted on "/" becomes the root: of the container's own mount namespace, as volumes and overlays do there.
    static func checkMountOnRoot(
        _ step: MountStep, _ root: RootPlan, _ namespaces: NamespacePlan
    ) throws(InvalidSpec) {
        let isPossible =
            switch step.object {
            case .bind: true
            case .filesystem(let type, _, _): !["proc", "sysfs", "devpts", "mqueue"].contains(type)
            case .remount, .legacyCgroup, .unifiedCgroup: false
            }
        guard isPossible, namespaces.creates(.mount), !root.withoutPivot else {
            throw InvalidSpec(
                keyPath: "\(step.key).destination",
                problem:
                    "on the rootfs itself only a directory or a filesystem with files can be mounted, in a new mount"
                    + " namespace and by pivot_root")
        }
    }

    /// A process cannot take ids that the container's user namespace does not map.
    static func check(_ process: ProcessPlan, _ namespaces: NamespacePlan, _ host: HostFacts) throws(InvalidSpec) {
        let (uids, gids) = (namespaces.uidMappings, namespaces.gidMappings)
        guard namespaces.has(.user), !uids.isEmpty, !gids.isEmpty else { return }
        guard uids.maps(process.uid) else {
            throw InvalidSpec(keyPath: "process.user.uid", problem: "\(process.uid) is not mapped by linux.uidMappings")
        }
        guard gids.maps(process.gid) else {
            throw InvalidSpec(keyPath: "process.user.gid", problem: "\(process.gid) is not mapped by linux.gidMappings")
        }
        for (index, group) in process.additionalGroups.enumerated() where !gids.maps(group) {
            throw InvalidSpec(
                keyPath: "process.user.additionalGids[\(index)]",
                problem: "\(group) is not mapped by linux.gidMappings")
        }
        // CVE-2014-8989: if only the own group is mapped, the kernel requires that setgroups is denied.
        if host.uid != 0, namespaces.creates(.user), namespaces.mapsOwnIDs(host), !process.additionalGroups.isEmpty {
            throw InvalidSpec(
                keyPath: "process.user.additionalGids",
                problem: "a user who is not root and maps only the own group cannot set groups")
        }
    }
}

extension Hooks {
    /// The six lists under their names, in the order of execution.
    package var kinds: [(String, [Hook])] {
        [
            ("prestart", prestart), ("createRuntime", createRuntime), ("createContainer", createContainer),
            ("startContainer", startContainer), ("poststart", poststart), ("poststop", poststop),
        ]
    }
}
