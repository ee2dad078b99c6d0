// The configuration that `spec` writes for a new bundle.

extension Spec {
    /// The version of the specification that these types describe.
    public static let supportedVersion = "1.3.0"

    /// A configuration for a shell in `rootfs`, as a starting point.
    ///
    /// `cgroupNamespace` should be true if the host has cgroup v2 only.
    public static func defaultConfig(cgroupNamespace: Bool) -> Spec {
        var namespaces = ["pid", "network", "ipc", "uts", "mount"].map { LinuxNamespace(type: $0) }
        if cgroupNamespace { namespaces.append(LinuxNamespace(type: "cgroup")) }
        return Spec(
            ociVersion: supportedVersion,
            process: .defaultShell,
            root: Root(path: "rootfs", readonly: true),
            hostname: "swiftrun",
            mounts: Mount.defaults,
            linux: Linux(
                resources: LinuxResources(devices: [LinuxDeviceCgroup(allow: false, access: "rwm")]),
                namespaces: namespaces,
                maskedPaths: [
                    "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
                    "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi",
                ],
                readonlyPaths: ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
            )
        )
    }

    /// The same for an ordinary user: root in the container is `uid` and `gid` on the host.
    public static func rootlessConfig(uid: UInt32, gid: UInt32, cgroupNamespace: Bool) -> Spec {
        var spec = defaultConfig(cgroupNamespace: cgroupNamespace)
        spec.mounts = spec.mounts.map { $0.rootless }
        spec.linux?.namespaces.removeAll { $0.type == "network" }
        spec.linux?.namespaces.append(LinuxNamespace(type: "user"))
        spec.linux?.uidMappings = [LinuxIDMapping(containerID: 0, hostID: uid, size: 1)]
        spec.linux?.gidMappings = [LinuxIDMapping(containerID: 0, hostID: gid, size: 1)]
        spec.linux?.resources = nil
        return spec
    }
}

extension Process {
    fileprivate static var defaultShell: Process {
        let capabilities = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
        return Process(
            terminal: true,
            args: ["sh"],
            env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
            cwd: "/",
            capabilities: LinuxCapabilities(bounding: capabilities, effective: capabilities, permitted: capabilities),
            rlimits: [POSIXRlimit(type: "RLIMIT_NOFILE", hard: 1024, soft: 1024)],
            noNewPrivileges: true
        )
    }
}

extension Mount {
    fileprivate static var defaults: [Mount] {
        let locked = ["nosuid", "noexec", "nodev"]
        return [
            Mount(destination: "/proc", type: "proc", source: "proc"),
            Mount(
                destination: "/dev", type: "tmpfs", source: "tmpfs",
                options: ["nosuid", "strictatime", "mode=755", "size=65536k"]),
            Mount(
                destination: "/dev/pts", type: "devpts", source: "devpts",
                options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
            Mount(
                destination: "/dev/shm", type: "tmpfs", source: "shm",
                options: locked + ["mode=1777", "size=65536k"]),
            Mount(destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: locked),
            Mount(destination: "/sys", type: "sysfs", source: "sysfs", options: locked + ["ro"]),
            Mount(
                destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup",
                options: locked + ["relatime", "ro"]),
        ]
    }

    /// Adapts a mount to a user namespace without a network namespace of its own: a new sysfs cannot be mounted, and
    /// only one id is mapped.
    fileprivate var rootless: Mount {
        if type == "sysfs" {
            return Mount(
                destination: destination, type: "none", source: "/sys",
                options: ["rbind", "nosuid", "noexec", "nodev", "ro"])
        }
        var mount = self
        mount.options.removeAll { $0.hasPrefix("uid=") || $0.hasPrefix("gid=") }
        return mount
    }
}
