// The container's root: its path, the propagation of its mounts, and the paths in it that are hidden or read-only.

internal import Kernel
internal import OCISpec

/// The rootfs and the steps for it after the mounts.
package struct RootPlan: Equatable, Sendable {
    /// Absolute, on the host.
    package var path: String
    package var isReadOnly: Bool
    /// The `rootfsPropagation` of the config; nil for the default.
    package var propagation: MountStep.PropagationChange?
    package var maskedPaths: [ProtectedPath]
    package var readonlyPaths: [ProtectedPath]
    /// Whether to move the mount and chroot instead of using pivot_root(2): for a rootfs on the initial ramdisk.
    package var withoutPivot: Bool
}

/// A path in the container that is hidden or made read-only.
package struct ProtectedPath: Equatable, Sendable {
    /// The config's key, such as `linux.maskedPaths[2]`.
    package var key: String
    package var path: String
}

extension RootPlan {
    /// Whether the mounts of the container's namespace stay peers of the host's during its creation, so that mounts
    /// that are to be shared are shared with the host.
    package var keepsPeers: Bool { propagation?.kind == .shared }

    /// The change of propagation of all mounts in the namespace, before the first mount or unmount.
    ///
    /// mount_namespaces(7): an unmount below a shared mount also unmounts below its peers, including the host's.
    /// Therefore a mount stays a peer only if that is required, whatever the root's own propagation will be.
    package var isolation: MountStep.PropagationChange {
        guard let propagation else { return MountStep.PropagationChange(kind: .slave, recursive: true) }
        if propagation.kind == .shared { return propagation }
        // An unbindable mount cannot be a volume; the container's mounts become unbindable when they are made.
        let isCut = propagation.recursive && propagation.kind != .slave
        return MountStep.PropagationChange(kind: isCut ? .private : .slave, recursive: true)
    }

    /// The change of propagation of the container's "/" after all of its mounts are made.
    package var finalPropagation: MountStep.PropagationChange? {
        guard let propagation, propagation.kind != .slave, propagation != isolation || keepsPeers else { return nil }
        return propagation
    }

    init(_ spec: Spec, linux: Linux, bundle: String, withoutPivot: Bool) throws(InvalidSpec) {
        guard let root = spec.root else { throw InvalidSpec(keyPath: "root", problem: "is required") }
        guard !root.path.isEmpty else { throw InvalidSpec(keyPath: "root.path", problem: "must not be empty") }
        path = cleanPath(root.path.isAbsolutePath ? root.path : bundle + "/" + root.path)
        guard path != "/" else {
            throw InvalidSpec(keyPath: "root.path", problem: "\"/\" is the host's own root")
        }
        isReadOnly = root.readonly
        propagation = try Self.propagation(linux.rootfsPropagation)
        maskedPaths = try Self.paths(linux.maskedPaths, "linux.maskedPaths", root: "the root itself cannot be hidden")
        readonlyPaths = try Self.paths(
            linux.readonlyPaths, "linux.readonlyPaths", root: "the root itself is made read-only by root.readonly")
        self.withoutPivot = withoutPivot
    }

    private static func propagation(_ name: String?) throws(InvalidSpec) -> MountStep.PropagationChange? {
        guard let name, !name.isEmpty else { return nil }
        guard case .propagation(let kind, let recursive) = mountOption(named: name) else {
            throw InvalidSpec(
                keyPath: "linux.rootfsPropagation",
                problem: "\"\(name)\" is none of shared, slave, private, unbindable and their recursive forms")
        }
        return MountStep.PropagationChange(kind: kind, recursive: recursive)
    }

    // Each path is protected once: a second mask would only cover the first.
    private static func paths(_ paths: [String], _ key: String, root: String) throws(InvalidSpec) -> [ProtectedPath] {
        var seen: Set<String> = []
        var result: [ProtectedPath] = []
        result.reserveCapacity(paths.count)
        for (index, path) in paths.enumerated() {
            guard path.isAbsolutePath else {
                throw InvalidSpec(keyPath: "\(key)[\(index)]", problem: "\"\(path)\" is not an absolute path")
            }
            let clean = cleanPath(path)
            guard clean != "/" else { throw InvalidSpec(keyPath: "\(key)[\(index)]", problem: root) }
            if seen.insert(clean).inserted { result.append(ProtectedPath(key: "\(key)[\(index)]", path: clean)) }
        }
        return result
    }
}
