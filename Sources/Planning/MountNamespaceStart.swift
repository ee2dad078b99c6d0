// How the container's mount namespace begins: with all mounts of the host, or with the rootfs alone.

internal import Kernel
internal import OCISpec

extension ContainerPlan {
    /// Whether the container's mount namespace can begin with the rootfs alone. Then its creation takes as long on a host
    /// with thousands of mounts as on one with ten, and no mount of the host is ever in it.
    ///
    /// runtime-spec, runtime.md, "Lifecycle": hooks before the change of root find the host's files in that namespace. So do
    /// a filesystem whose source or layers are paths, and a volume from inside the rootfs, on which a mount may lie by then.
    package var canBeginWithRootfs: Bool {
        guard namespaces.creates(.mount), !namespaces.has(.user), !root.withoutPivot else { return false }
        guard root.isolation == MountStep.PropagationChange(kind: .slave, recursive: true) else { return false }
        guard hooks.prestart.isEmpty, hooks.createRuntime.isEmpty, hooks.createContainer.isEmpty else { return false }
        return mounts.allSatisfy { !$0.needsHostMounts(rootfs: root.path) }
    }
}

extension MountStep {
    // Filesystems that neither have a device or layers, nor paths among their parameters.
    private static let withoutPaths = ["proc", "sysfs", "tmpfs", "devpts", "mqueue", "cgroup", "cgroup2"]

    fileprivate func needsHostMounts(rootfs: String) -> Bool {
        if replacesRoot { return true }
        switch object {
        case .filesystem(let type, let source, let parameters):
            return !Self.withoutPaths.contains(type) || Self.isLong(source) || parameters.contains { $0.isLong }
        case .bind(let source, _):
            let source = cleanPath(source)
            return copiesLink || idMapping != nil || source.isSame(as: rootfs) || source.path(below: rootfs) != nil
        case .legacyCgroup: return true
        case .remount, .unifiedCgroup: return false
        }
    }
}

extension MountStep {
    /// Whether a source or a parameter is longer than the limit of fsconfig(2): mount(2) takes it, by a path.
    package static func isLong(_ value: String) -> Bool { value.utf8.count > 255 }
}

extension MountStep.Parameter {
    package var isLong: Bool { MountStep.isLong(value ?? "") }
}
