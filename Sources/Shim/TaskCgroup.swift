// Where a container's cgroup is, as its first process says.

internal import CLinux
internal import Glibc
internal import Kernel

/// A container's directories under /sys/fs/cgroup.
struct TaskCgroup: Equatable {
    private static let root = "/sys/fs/cgroup"

    /// Version 2 alone, at /sys/fs/cgroup; a hybrid counts as version 1.
    let isUnified: Bool
    /// Directory by controller; the one of version 2 under the empty name.
    let directories: [String: String]

    /// Nothing when the process is gone.
    init?(of process: pid_t) {
        guard let text = try? readText("/proc/\(process)/cgroup") else { return nil }
        self.init(memberships: text, isUnified: Self.hostIsUnified)
    }

    /// Reads the content of /proc/PID/cgroup; nothing when it names no directory.
    init?(memberships text: String, isUnified: Bool) {
        var directories: [String: String] = [:]
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            let path = parts[2]
            if parts[1].isEmpty {
                directories[""] = Self.root + (isUnified ? "" : "/unified") + path
            } else {
                for controller in parts[1].split(separator: ",") {
                    let name = controller.hasPrefix("name=") ? controller.dropFirst(5) : controller
                    directories[String(name)] = "\(Self.root)/\(parts[1].hasPrefix("name=") ? name : parts[1])\(path)"
                }
            }
        }
        if directories.isEmpty || (isUnified && directories[""] == nil) { return nil }
        self.isUnified = isUnified
        self.directories = directories
    }

    func directory(of controller: String) -> String? { directories[isUnified ? "" : controller] }

    /// All processes of the container, those in cgroups below included.
    var processes: [pid_t] {
        let candidates = isUnified ? [""] : ["pids", "devices", "memory", "freezer", "systemd", "cpu"]
        let present = candidates.lazy.compactMap { directories[$0] }.first { access($0, F_OK) == 0 }
        guard let present else { return [] }
        return Self.processes(below: present).sorted()
    }

    private static func processes(below directory: String) -> [pid_t] {
        let text = (try? readText(directory + "/cgroup.procs")) ?? ""
        let own = text.split(separator: "\n").compactMap { pid_t($0) }
        let children = directoryEntries(directory).filter { access("\(directory)/\($0)/cgroup.procs", F_OK) == 0 }
        return children.reduce(own) { $0 + processes(below: directory + "/" + $1) }
    }

    private static var hostIsUnified: Bool {
        var type: Int64 = 0
        var flags: Int64 = 0
        let unifiedMagic: Int64 = 0x6367_7270  // CGROUP2_SUPER_MAGIC
        return clinux_statfs(root, &type, &flags) == 0 && type == unifiedMagic
    }
}
