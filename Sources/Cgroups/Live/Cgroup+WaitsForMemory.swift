// Processes that need more memory than their limit while the OOM killer of cgroup v1 is off: they wait in user mode, and
// their system calls fail. cgroups(7), memory.txt.

internal import Kernel

extension Cgroup {
    /// Whether cgroup v1 keeps the processes that need memory waiting until some is released; false on v2.
    package var waitsForMemory: Bool {
        do throws(Errno) {
            return try directoryWithoutOOMKiller()?.control["under_oom"] == 1
        } catch {
            return false
        }
    }

    /// Whether cgroup v1 has refused memory to processes of the cgroup and ends none for it: a system call that
    /// needs memory fails then (`ENOMEM`, `EFAULT`) and does not wait. False on v2.
    package var refusesMemory: Bool {
        do throws(Errno) {
            guard let directory = try directoryWithoutOOMKiller() else { return false }
            let failures = try readText("\(directory.path)/memory.failcnt")
            return (UInt64(trimmed(failures)) ?? 0) > 0
        } catch {
            return false
        }
    }

    // Its path, and its memory.oom_control; nil where the kernel kills.
    private func directoryWithoutOOMKiller() throws(Errno) -> (path: String, control: FlatKeyed)? {
        guard let directory = location.directory(of: "memory"), !directory.isUnified else { return nil }
        let control = FlatKeyed(try readText("\(directory.fullPath)/memory.oom_control"))
        return control["oom_kill_disable"] == 1 ? (directory.fullPath, control) : nil
    }
}
