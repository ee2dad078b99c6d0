// The SELinux context of the filesystems that are made for a container: `linux.mountLabel`.

internal import OCISpec

/// The context that new filesystems of a container get, as the option that carries it.
package struct MountLabel: Equatable, Sendable {
    /// `context=…`, or another option that the annotation names.
    package var parameter: MountStep.Parameter

    // crun(1): as systemd in a container relabels files of its own, which `context=` rules out, podman asks for `rootcontext`.
    private static let annotation = "run.oci.mount_context_type"
    fileprivate static let optionNames = ["context", "fscontext", "defcontext", "rootcontext"]

    /// Nil if the config has none, or if the host does not enforce labels: the kernel would refuse the option.
    init?(_ linux: Linux, annotations: TextMap<String>, _ host: HostFacts) throws(InvalidSpec) {
        guard let label = linux.mountLabel, !label.isEmpty else { return nil }
        let name = annotations[Self.annotation] ?? "context"
        guard Self.optionNames.contains(name) else {
            throw InvalidSpec(
                keyPath: "annotations.\(Self.annotation)",
                problem: "\"\(name)\" is none of context, fscontext, defcontext and rootcontext")
        }
        guard host.hasSELinux else { return nil }
        parameter = MountStep.Parameter(name, label)
    }
}

extension MountStep {
    // One superblock for all mounts of the kind, or of the namespace: the kernel refuses another context than the first
    // mount's, which is the host's. Proc and sysfs keep the policy's own contexts for their files.
    private static let withSharedSuperblock = [
        "proc", "sysfs", "cgroup", "cgroup2", "binfmt_misc", "configfs", "debugfs", "devtmpfs", "efivarfs", "pstore",
        "securityfs", "selinuxfs", "tracefs",
    ]
    // Those to which selinux_set_mnt_opts allows a context of a user namespace's own; for others it answers EACCES.
    private static let labelledInUserNamespace = ["devpts", "overlay", "ramfs", "tmpfs"]

    /// Gives the filesystem the container's context, if it takes one and the engine has not chosen another.
    mutating func apply(_ label: MountLabel, inUserNamespace: Bool) {
        guard case .filesystem(let type, let source, let parameters) = object else { return }
        guard !parameters.contains(where: { MountLabel.optionNames.contains($0.name) }) else { return }
        // The kernel has made the superblock together with the namespace: only its root can have a label of the container.
        if type == "mqueue" {
            rootLabel = label.parameter.value
            return
        }
        guard !Self.withSharedSuperblock.contains(type) else { return }
        guard !inUserNamespace || Self.labelledInUserNamespace.contains(type) else { return }
        object = .filesystem(type: type, source: source, parameters: parameters + [label.parameter])
    }
}
