// The part of `info` about cgroups: which limits this caller can set.

internal import CLinux
internal import Cgroups
internal import Glibc
internal import Kernel

extension HostReport {
    mutating func lookAtCgroups() {
        let host: CgroupHost
        do throws(CgroupFailure) { host = try CgroupHost.probe(cgroupsPath: "/") } catch {
            return add("cgroups", false, error.description, ["linux.cgroupsPath", "linux.resources", "pause"])
        }
        let names: [String]
        switch host.hierarchy {
        case .unified:
            names = words("/sys/fs/cgroup/cgroup.controllers")
            add("cgroups", true, "v2", ["linux.cgroupsPath", "linux.resources"])
        default:
            names = host.mounts.flatMap { $0.controllers }
            let kind = host.hierarchy == .hybrid ? "v1, with a v2 tree that limits nothing" : "v1"
            add("cgroups", true, kind, ["linux.cgroupsPath", "linux.resources"])
        }
        let own = hostAsRunFindsIt()
        for (controller, keys) in Self.controllers {
            let spelling = host.hierarchy == .unified ? controller.v2 : controller.v1
            // cgroup v2 freezes and filters devices without a controller.
            guard let spelling else { continue }
            let subject = "controller \(spelling)"
            guard names.contains(spelling) else {
                add(subject, false, "the kernel lacks it, or it is not mounted", keys)
                continue
            }
            guard let own else {
                add(subject, nil, "mounted; whether user \(geteuid()) can use it is unknown", keys)
                continue
            }
            let obstacle = obstacle(to: spelling, own)
            add(subject, obstacle == nil, obstacle.map { "mounted, but \($0)" } ?? "mounted", keys)
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

    /// What `run` finds for a config without a cgroupsPath; nil if that cannot be read.
    private func hostAsRunFindsIt() -> CgroupHost? {
        guard hasProc else { return nil }
        // No container has this name, so nobody has made a cgroup for it.
        do throws(CgroupFailure) {
            return try CgroupHost.probe(containerID: "swiftrun info", toleratesRefusals: true)
        } catch {
            return nil
        }
    }

    /// Why this caller cannot have a limit of a controller that is there.
    private func obstacle(to controller: String, _ host: CgroupHost) -> String? {
        let mount = host.mounts.first { host.hierarchy == .unified || $0.controllers.contains(controller) }
        guard let mount else { return nil }
        let parent = host.parentOfRelativePath(in: mount)
        if let refusal = host.refusals.first(where: { $0.mount == mount.path }) {
            let place = parent == "/" ? mount.path : mount.path + parent
            return "user \(geteuid()) cannot make a cgroup in \(place) (\(refusal.code.message))"
        }
        return host.hierarchy == .unified ? refusalToEnable(controller, mount.path, parent) : nil
    }

    /// A controller has to be enabled at each level above the container, by somebody who may write there.
    private func refusalToEnable(_ controller: String, _ mount: String, _ parent: String) -> String? {
        let effectiveUser: Int32 = 0x200  // AT_EACCESS
        var level = mount
        for part in [Substring("")] + parent.split(at: "/") {
            level += part.isEmpty ? "" : "/\(part)"
            let file = level + "/cgroup.subtree_control"
            if words(file).contains(controller) { continue }
            if clinux_faccessat2(OwnedDescriptor.currentDirectory, file, W_OK, effectiveUser) != 0 {
                return "user \(geteuid()) cannot enable it in \(level) (\(Errno(rawValue: errno).message))"
            }
        }
        return nil
    }

    private func words(_ path: String) -> [String] { (Self.line(path) ?? "").split(at: " ").map(String.init) }
}
