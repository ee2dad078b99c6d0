// All decisions about a container that follow from its config and the host, taken before any step is executed.

package import Kernel
package import OCISpec

/// The steps that create a container. Nothing outside of this target can change a plan that has been decided.
package struct ContainerPlan: Equatable, Sendable {
    package internal(set) var id: String
    /// Absolute.
    package internal(set) var bundle: String
    package internal(set) var ociVersion: String
    package internal(set) var namespaces: NamespacePlan
    package internal(set) var root: RootPlan
    package internal(set) var mounts: [MountStep]
    /// The SELinux context of filesystems that the runtime adds: masks, and the tmpfs of cgroup v1.
    package internal(set) var mountLabel: MountLabel?
    package internal(set) var devices: DevicePlan
    package internal(set) var networkDevices: [NetworkDeviceStep]
    package internal(set) var resctrl: ResctrlPlan?
    package internal(set) var hostname: String?
    package internal(set) var domainname: String?
    package internal(set) var sysctls: [Sysctl]
    package internal(set) var process: ProcessPlan
    package internal(set) var hooks: Hooks
    package internal(set) var seccomp: SeccompPlan?
    package internal(set) var annotations: TextMap<String>
    package internal(set) var warnings: [String]
}

extension ContainerPlan {
    /// Whether the container's mounts are made in the runtime's own mount namespace, on top of the rootfs.
    package var mountsOnHost: Bool {
        !namespaces.has(.mount) && (!mounts.isEmpty || root.isReadOnly || process.hasTerminal || !devices.nodes.isEmpty)
    }

    /// The change that the plan would make to the host if a namespace that it joins were the runtime's own.
    package func harm(toOwn kind: NamespaceKind) -> String? {
        switch kind {
        case .mount: return "the container's root would be the host's"
        case .uts where hostname != nil: return "hostname would be the host's"
        case .uts where domainname != nil: return "domainname would be the host's"
        case .network where !networkDevices.isEmpty: return "linux.netDevices would have nowhere to go"
        default: break
        }
        guard let parameter = sysctls.first(where: { $0.namespace == kind }) else { return nil }
        return "sysctl \"\(parameter.name)\" would be the host's"
    }

    /// Options that the command line adds to the config.
    package struct Options: Equatable, Sendable {
        package var withoutPivot = false
        package init(withoutPivot: Bool = false) { self.withoutPivot = withoutPivot }
    }

    /// Decides the plan. Reads no file and makes no system call.
    /// - Throws: the first rule that the config breaks, under its key.
    package init(
        spec: Spec, id: String, bundle: String, host: HostFacts, options: Options = Options()
    ) throws(InvalidSpec) {
        let linux = spec.linux ?? Linux()
        try Rules.check(spec)
        guard let process = spec.process else {
            throw InvalidSpec(keyPath: "process", problem: "process property must not be empty")
        }
        self.id = id
        self.bundle = bundle
        ociVersion = spec.ociVersion
        namespaces = try NamespacePlan(linux, joinedMaps: host.joinedMaps)
        try Rules.check(namespaces, spec: spec, linux: linux, host: host)
        root = try RootPlan(spec, linux: linux, bundle: bundle, withoutPivot: options.withoutPivot)
        mounts = try MountStep.plan(spec, root: root, bundle: bundle, namespaces: namespaces, host: host)
        let inUserNamespace = namespaces.has(.user) || host.isInUserNamespace
        mountLabel = try MountLabel(linux, annotations: spec.annotations, host)
        if let mountLabel {
            for index in mounts.indices { mounts[index].apply(mountLabel, inUserNamespace: inUserNamespace) }
        }
        devices = try DevicePlan(linux, mounts: mounts, inUserNamespace: inUserNamespace)
        networkDevices = try NetworkDeviceStep.plan(linux.netDevices, namespaces)
        resctrl = try ResctrlPlan(linux.intelRdt, id: id)
        hostname = spec.hostname.flatMap { $0.isEmpty ? nil : $0 }
        domainname = spec.domainname.flatMap { $0.isEmpty ? nil : $0 }
        sysctls = try Sysctl.plan(linux.sysctl, namespaces)
        self.process = try ProcessPlan(process, personality: linux.personality, memoryPolicy: linux.memoryPolicy)
        self.process.landlock = try LandlockPlan(annotations: spec.annotations, version: host.landlockVersion)
        try Rules.check(self.process, namespaces, host)
        self.process.addServiceSockets(host, hasNotifyMount: mounts.contains(where: { $0.isNotify }))
        hooks = spec.hooks ?? Hooks()
        seccomp = try linux.seccomp.map { profile throws(InvalidSpec) in try SeccompPlan(profile) }
        annotations = spec.annotations
        warnings = []
        warnings = warnings(of: spec, host)
    }

    /// Sentences about requests of the config that have no effect, or not the expected one.
    private func warnings(of spec: Spec, _ host: HostFacts) -> [String] {
        var result = process.warnings + (process.landlock?.warnings ?? [])
        if let text = Rules.warning(ofVersion: ociVersion) { result.append(text) }
        for mount in mounts {
            for name in mount.ignoredOptions {
                result.append("\(mount.key).options: ignoring \"\(name)\", which is not an option of a bind mount")
            }
        }
        for (index, mount) in spec.mounts.enumerated() where !mount.destination.isAbsolutePath {
            result.append(
                "mounts[\(index)].destination: taking \"\(mount.destination)\" as relative to \"/\"; it should be absolute"
            )
        }
        if let own = host.permittedCapabilities { result += process.warnings(grantedBy: own) }
        return result
    }
}
