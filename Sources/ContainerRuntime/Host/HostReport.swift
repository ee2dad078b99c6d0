// `info`: what this host can do for a container, and which settings its lacks concern.

internal import CLinux
internal import Cgroups
internal import CSeccomp
internal import Criu
internal import Glibc
internal import Kernel
package import OCISpec
internal import Planning

/// The features that this host offers to containers. Finding them changes nothing.
package struct HostReport: Sendable {
    /// One ability of the host.
    package struct Entry: Sendable, Equatable {
        package let subject: String
        package let isAvailable: Bool
        /// The finding, in a few words.
        package let finding: String
        /// The settings that need it: keys of `config.json`, options, commands.
        package let concerns: [String]
    }

    package private(set) var entries: [Entry] = []

    /// Looks at this host with the rights of the caller.
    package static func probe() -> HostReport {
        var report = HostReport()
        report.lookAtKernel()
        report.lookAtCgroups()
        report.lookAtNamespaces()
        report.lookAtSecurity()
        report.lookAtPrograms()
        return report
    }

    /// The entries as JSON, each with the names of its fields here.
    package var document: JSONValue {
        .array(
            entries.map { entry in
                [
                    "subject": .string(entry.subject), "available": .boolean(entry.isAvailable),
                    "finding": .string(entry.finding), "concerns": .array(entry.concerns.map { .string($0) }),
                ]
            })
    }

    private mutating func add(_ subject: String, _ isAvailable: Bool, _ finding: String, _ concerns: [String] = []) {
        entries.append(Entry(subject: subject, isAvailable: isAvailable, finding: finding, concerns: concerns))
    }

    private static func text(_ path: String) -> String? {
        do throws(Errno) { return try readText(path) } catch { return nil }
    }

    private static func line(_ path: String) -> String? {
        text(path)?.split(at: "\n").first.map(String.init)
    }

    private static func exists(_ path: String) -> Bool { clinux_access(path, F_OK) == 0 }
}

extension HostReport {
    private mutating func lookAtKernel() {
        let release = Self.line("/proc/sys/kernel/osrelease") ?? "not readable"
        let isNew = hasEveryNeededCall()
        add(
            "kernel", isNew, isNew ? release : "\(release): 5.12 or later is needed, for mount_setattr",
            ["every command"])
        let isRoot = geteuid() == 0 && isInInitialUserNamespace()
        add(
            "caller", true,
            isRoot ? "root of the host" : "uid \(geteuid())\(isInInitialUserNamespace() ? "" : " in a user namespace")")
    }

    private mutating func lookAtCgroups() {
        let host: CgroupHost
        do throws(CgroupFailure) { host = try CgroupHost.probe(cgroupsPath: "/") } catch {
            return add("cgroups", false, error.description, ["linux.cgroupsPath", "linux.resources", "pause"])
        }
        let names: [String]
        switch host.hierarchy {
        case .unified:
            names = (Self.line("/sys/fs/cgroup/cgroup.controllers") ?? "").split(at: " ").map(String.init)
            add("cgroups", true, "v2", ["linux.cgroupsPath", "linux.resources"])
        default:
            names = host.mounts.flatMap { $0.controllers }
            let kind = host.hierarchy == .hybrid ? "v1, with a v2 tree that limits nothing" : "v1"
            add("cgroups", true, kind, ["linux.cgroupsPath", "linux.resources"])
        }
        for (controller, keys) in Self.controllers {
            let spelling = host.hierarchy == .unified ? controller.v2 : controller.v1
            // cgroup v2 freezes and filters devices without a controller.
            guard let spelling else { continue }
            let isThere = names.contains(spelling)
            add(
                "controller \(spelling)", isThere, isThere ? "mounted" : "the kernel lacks it, or it is not mounted",
                keys)
        }
        let runsSystemd = Self.exists("/run/systemd/system")
        add(
            "systemd", runsSystemd, runsSystemd ? "manages this host" : "does not manage this host",
            ["--systemd-cgroup"])
    }

    private static let controllers: [(name: (v1: String?, v2: String?), keys: [String])] = [
        (("memory", "memory"), ["linux.resources.memory"]), (("cpu", "cpu"), ["linux.resources.cpu"]),
        (("cpuset", "cpuset"), ["linux.resources.cpu.cpus", "linux.resources.cpu.mems"]),
        (("pids", "pids"), ["linux.resources.pids"]), (("blkio", "io"), ["linux.resources.blockIO"]),
        (("hugetlb", "hugetlb"), ["linux.resources.hugepageLimits"]), (("rdma", "rdma"), ["linux.resources.rdma"]),
        (("devices", nil), ["linux.resources.devices"]), (("freezer", nil), ["pause", "resume"]),
        (("net_cls", nil), ["linux.resources.network.classID"]),
        (("net_prio", nil), ["linux.resources.network.priorities"]),
    ]

    private mutating func lookAtNamespaces() {
        let missing = NamespaceKind.allCases.filter { !Self.exists("/proc/self/ns/\($0.linkName)") }.map { $0.rawValue }
        add(
            "namespaces", missing.isEmpty,
            missing.isEmpty ? "all eight" : "the kernel lacks \(missing.joined(separator: ", "))",
            missing.isEmpty ? ["linux.namespaces"] : missing.map { "linux.namespaces: \($0)" })
        let limits = [
            ("/proc/sys/user/max_user_namespaces", "0"), ("/proc/sys/kernel/unprivileged_userns_clone", "0"),
            ("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1"),
        ]
        let refusal = limits.first { Self.line($0.0) == $0.1 }
        let isRoot = geteuid() == 0
        add(
            "user namespaces of ordinary users", refusal == nil,
            refusal.map { "\($0.0) is \($0.1)" } ?? "allowed", ["rootless containers"])
        guard !isRoot else { return }
        let ids = SubordinateIDs.probe()
        add(
            "subordinate ids", ids != .none,
            ids == .none ? "none in /etc/subuid and /etc/subgid, or newuidmap and newgidmap cannot map them" : "usable",
            ["linux.uidMappings", "linux.gidMappings"])
    }

    private mutating func lookAtSecurity() {
        let version = seccomp_version().pointee
        let flags = Features.ofThisRuntime.linux?.seccomp
        let missing = (flags?.knownFlags ?? []).filter { !(flags?.supportedFlags ?? []).contains($0) }
        add(
            "seccomp", Self.exists("/proc/sys/kernel/seccomp"),
            "libseccomp \(version.major).\(version.minor).\(version.micro)"
                + (missing.isEmpty ? "" : "; the kernel lacks \(missing.joined(separator: ", "))"), ["linux.seccomp"])
        let (apparmor, selinux) = (SecurityModules.hasAppArmor, SecurityModules.hasSELinux)
        add("AppArmor", apparmor, apparmor ? "enabled" : "not enabled", ["process.apparmorProfile"])
        add("SELinux", selinux, selinux ? "enabled" : "not enabled", ["process.selinuxLabel", "linux.mountLabel"])
        let landlock = landlockVersion()
        add(
            "Landlock", landlock > 0, landlock > 0 ? "version \(landlock)" : "not enabled",
            ["annotations[\"org.swiftrun.landlock\"]"])
        let resctrl = Self.exists("/sys/fs/resctrl/schemata")
        add("resctrl", resctrl, resctrl ? "mounted" : "not mounted, or the processor lacks it", ["linux.intelRdt"])
    }

    private mutating func lookAtPrograms() {
        do throws(Failure) {
            let criu = try CriuProgram.find()
            add("criu", true, criu.program, ["checkpoint", "restore"])
        } catch {
            add("criu", false, error.message, ["checkpoint", "restore"])
        }
    }
}
