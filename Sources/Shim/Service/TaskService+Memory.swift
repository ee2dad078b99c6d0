// Telling of processes that were killed for want of memory.

internal import Glibc
internal import Kernel
internal import ShimAPI

extension TaskService {
    func watchMemory(of container: Container, _ cgroup: TaskCgroup) -> MemoryWatch? {
        let id = container.id
        let first = container.first
        var logged: MemoryLimitOwner?
        return MemoryWatch(
            cgroup, loop: loop,
            isFirstAlive: { [weak first] in
                guard let first, !first.isCollected else { return false }
                return !Self.isEnding(first.pid)
            }
        ) { [self] kill in
            // Many kills follow one another in some containers; one record for each limit says it.
            if logged != kill.owner { ShimLog.warning("container \(id): a process was killed: \(kill)") }
            logged = kill.owner
            var event = EventTaskOOM()
            event.containerID = id
            event.limitOf = kill.owner.description
            event.limit = kill.limit ?? 0
            events.publish("/tasks/oom", event)
        }
    }

    /// Whether a process has ended or is ending, or has a pending SIGKILL. proc_pid_status(5), proc_pid_stat(5)
    private static func isEnding(_ process: pid_t) -> Bool {
        guard let status = try? readText("/proc/\(process)/status"), let stat = try? readText("/proc/\(process)/stat")
        else { return true }
        let killed: UInt64 = 1 << UInt64(SIGKILL - 1)
        for line in status.split(separator: "\n") {
            let words = line.split(separator: "\t")
            guard words.count == 2 else { continue }
            switch words[0] {
            case "State:": if "ZXx".contains(words[1].prefix(1)) { return true }
            case "SigPnd:", "ShdPnd:": if (UInt64(words[1], radix: 16) ?? 0) & killed != 0 { return true }
            default: continue
            }
        }
        // The ninth field, the seventh after the command's name, which ends with the last parenthesis.
        let fields = stat[(stat.lastIndex(of: ")") ?? stat.startIndex)...].split(separator: " ")
        let exiting: UInt64 = 4  // PF_EXITING
        return fields.count > 7 && (UInt64(fields[7]) ?? 0) & exiting != 0
    }
}
