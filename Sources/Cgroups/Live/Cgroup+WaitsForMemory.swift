// Whether processes of a cgroup wait for memory, because the OOM killer is off there or above. cgroups(7), memory.txt.

internal import Kernel

extension Cgroup {
    /// Whether cgroup v1 keeps the processes that need memory waiting until some is released; false on v2.
    package var waitsForMemory: Bool {
        guard let directory = location.directory(of: "memory"), !directory.isUnified else { return false }
        do throws(Errno) {
            let state = FlatKeyed(try readText("\(directory.fullPath)/memory.oom_control"))
            return state["oom_kill_disable"] == 1 && state["under_oom"] == 1
        } catch {
            return false
        }
    }

    /// Whether cgroup v1 has refused memory to processes of the cgroup and ends none for it: a system call that
    /// needs memory fails then (`ENOMEM`, `EFAULT`) and does not wait. False on v2.
    package var refusesMemory: Bool {
        guard let directory = location.directory(of: "memory"), !directory.isUnified else { return false }
        do throws(Errno) {
            let control = FlatKeyed(try readText("\(directory.fullPath)/memory.oom_control"))
            let failures = try readText("\(directory.fullPath)/memory.failcnt")
            return control["oom_kill_disable"] == 1 && (UInt64(trimmed(failures)) ?? 0) > 0
        } catch {
            return false
        }
    }
}
