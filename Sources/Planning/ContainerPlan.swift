// All decisions about a container that follow from its config and the host, taken before any step is executed.

package import Kernel
package import OCISpec

/// The steps that create a container.
package struct ContainerPlan: Equatable, Sendable {
    package var id: String
    /// Absolute.
    package var bundle: String
    package var ociVersion: String
    package var namespaces: NamespacePlan
    package var root: RootPlan
    package var mounts: [MountStep]
    package var devices: DevicePlan
    package var networkDevices: [NetworkDeviceStep]
    package var resctrl: ResctrlPlan?
    package var hostname: String?
    package var domainname: String?
    package var sysctls: [Sysctl]
    package var process: ProcessPlan
    package var hooks: Hooks
    package var seccomp: SeccompPlan?
    package var annotations: TextMap<String>
    package var warnings: [String]
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
        mounts = []
        mounts.reserveCapacity(spec.mounts.count)
        for (index, mount) in spec.mounts.enumerated() {
            var mount = mount
            // The destination may be given as a path on the host, because runc accepts such configs.
            if let inside = mount.destination.path(below: root.path) { mount.destination = inside }
            let step = try MountStep(mount, index: index, bundle: bundle, namespaces: namespaces, host: host)
            try Rules.check(step)
            mounts.append(step)
        }
        devices = try DevicePlan(
            linux, mounts: mounts, inUserNamespace: namespaces.has(.user) || host.isInUserNamespace)
        networkDevices = try NetworkDeviceStep.plan(linux.netDevices, namespaces)
        resctrl = try ResctrlPlan(linux.intelRdt, id: id)
        hostname = spec.hostname.flatMap { $0.isEmpty ? nil : $0 }
        domainname = spec.domainname.flatMap { $0.isEmpty ? nil : $0 }
        sysctls = try Sysctl.plan(linux.sysctl, namespaces)
        self.process = try ProcessPlan(process, personality: linux.personality, memoryPolicy: linux.memoryPolicy)
        self.process.landlock = try LandlockPlan(annotations: spec.annotations)
        try Rules.check(self.process, namespaces, host)
        hooks = spec.hooks ?? Hooks()
        seccomp = try linux.seccomp.map { profile throws(InvalidSpec) in try SeccompPlan(profile) }
        annotations = spec.annotations
        warnings = self.process.warnings
        if let text = Rules.warning(ofVersion: ociVersion) { warnings.append(text) }
        for mount in mounts {
            for name in mount.ignoredOptions {
                warnings.append("\(mount.key).options: ignoring \"\(name)\", which is not an option of a bind mount")
            }
        }
        for (index, mount) in spec.mounts.enumerated() where !mount.destination.isAbsolutePath {
            warnings.append(
                "mounts[\(index)].destination: taking \"\(mount.destination)\" as relative to \"/\"; it should be absolute"
            )
        }
    }
}
