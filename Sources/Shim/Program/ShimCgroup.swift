// The cgroup of the shim itself, which containerd can choose.

internal import CLinux
internal import Glibc
internal import Kernel
internal import ShimAPI

/// The cgroup that a shim is to live in.
struct ShimCgroup {
    let path: String

    func add(_ process: pid_t) throws(ShimFailure) {
        let root = "/sys/fs/cgroup"
        var type: Int64 = 0
        var flags: Int64 = 0
        let unifiedMagic: Int64 = 0x6367_7270  // CGROUP2_SUPER_MAGIC
        var hierarchies = [root]
        if clinux_statfs(root, &type, &flags) != 0 || type != unifiedMagic {
            hierarchies = names(inDirectory: root).map { root + "/" + $0 }
            hierarchies.removeAll { clinux_access($0 + "/cgroup.procs", F_OK) != 0 }
        }
        for hierarchy in hierarchies {
            var directory = hierarchy
            for name in path.split(at: "/") {
                let parent = directory
                directory += "/" + name
                try makeDirectories(directory, mode: 0o755)
                Self.inheritSets(directory, from: parent)
            }
            let file = directory + "/cgroup.procs"
            try during("write \(file)") { () throws(Errno) in try writeFile(file, String(process)) }
        }
    }

    /// A new cpuset accepts no process before it has its parent's CPUs and memory nodes.
    private static func inheritSets(_ directory: String, from parent: String) {
        for name in ["cpuset.cpus", "cpuset.mems"] {
            guard let own = try? readText("\(directory)/\(name)"), own.allSatisfy(\.isWhitespace),
                let inherited = try? readText("\(parent)/\(name)")
            else { continue }
            try? writeFile("\(directory)/\(name)", inherited)
        }
    }
}
