// A wait for memory that no OOM killer ends. memory.oom_control of cgroup v1, `disableOOMKiller`.

internal import Cgroups

/// Tells a child that waits for memory for ever from one that is slow.
final class MemoryWait {
    private var seen = 0

    /// Asked once for each second of silence. Another process of the container may still release memory: the state has to
    /// last.
    func isEndless(in cgroup: Cgroup) -> Bool {
        seen = cgroup.waitsForMemory ? seen + 1 : 0
        return seen >= 5
    }
}
