// The cgroups of a process, as the kernel lists them. cgroups(7), /proc/PID/cgroup.

internal import Kernel

/// Parses the content of /proc/PID/cgroup: paths by controller, `name=systemd` as `systemd`; the path in cgroup v2 under
/// `unified`.
package func cgroupPaths(_ text: String) -> [String: String] {
    var paths: [String: String] = [:]
    for line in text.split(at: "\n") {
        let fields = line.split(at: ":", maxSplits: 2, omittingEmptySubsequences: false)
        guard fields.count == 3 else { continue }
        let path = String(fields[2])
        if fields[1].isEmpty { paths["unified"] = path }
        for name in fields[1].split(at: ",") {
            paths[name == "name=systemd" ? "systemd" : String(name)] = path
        }
    }
    return paths
}

/// The paths of a process's cgroups by controller.
/// - Parameter pid: nil for the calling process.
func cgroupPaths(ofProcess pid: Int32?) throws(CgroupFailure) -> [String: String] {
    let file = "/proc/\(pid.map(String.init) ?? "self")/cgroup"
    return cgroupPaths(try during("read \(file)") { () throws(Errno) in try readText(file) })
}
