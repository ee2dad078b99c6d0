// The place of a container's cgroup, by its init's /proc/PID/cgroup.

internal import Cgroups
internal import Glibc
internal import Kernel

/// The cgroup of a container.
struct TaskCgroup {
    let cgroup: Cgroup

    /// Nothing when the process is gone, or the host has no cgroups.
    init?(of process: Int32, host: CgroupHost?) {
        guard let host, let text = try? readText("/proc/\(process)/cgroup") else { return nil }
        self.init(memberships: text, host: host)
    }

    /// Reads the content of /proc/PID/cgroup; nothing when it names no mounted hierarchy.
    init?(memberships text: String, host: CgroupHost) {
        let paths = cgroupPaths(text)
        let directories = host.mounts.compactMap { mount in
            mount.controllers.lazy.compactMap { paths[$0] }.first.map { path in
                CgroupDirectory(controllers: mount.controllers, mount: mount.path, path: path)
            }
        }
        if directories.isEmpty { return nil }
        cgroup = Cgroup(CgroupLocation(driver: .cgroupfs, hierarchy: host.hierarchy, directories: directories))
    }

    /// The cgroup of one path in every hierarchy that has it; nothing when none has.
    init?(path: String, host: CgroupHost) {
        let names = path.split(separator: "/")
        if names.isEmpty || names.contains("..") { return nil }
        let path = "/" + names.joined(separator: "/")
        let directories = host.mounts.map { mount in
            CgroupDirectory(controllers: mount.controllers, mount: mount.path, path: path)
        }.filter { access($0.fullPath, F_OK) == 0 }
        if directories.isEmpty { return nil }
        cgroup = Cgroup(CgroupLocation(driver: .cgroupfs, hierarchy: host.hierarchy, directories: directories))
    }

    /// Version 2 alone; a hybrid counts as version 1.
    var isUnified: Bool { cgroup.location.hierarchy == .unified }

    func location(of controller: String) -> CgroupDirectory? { cgroup.location.directory(of: controller) }

    func directory(of controller: String) -> String? { cgroup.location.directory(of: controller)?.fullPath }

    /// All processes of the container, those in cgroups below included.
    var processes: [Int32] { (try? cgroup.processes()) ?? [] }
}
