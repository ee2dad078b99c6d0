// Events about OOM kills.

internal import Glibc
internal import Kernel
internal import ShimAPI

extension TaskService {
    func watchMemory(of container: Container, _ cgroup: TaskCgroup) -> MemoryWatch? {
        let id = container.id
        let initProcess = container.initProcess
        var logged: MemoryLimitOwner?
        return MemoryWatch(
            cgroup, loop: loop,
            isInitAlive: { [weak initProcess] in
                guard let initProcess, !initProcess.isCollected else { return false }
                return !Self.isEnding(initProcess.pid)
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
        guard let status = try? readText("/proc/\(process)/status"), let stat = try? readFile("/proc/\(process)/stat")
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
        return StatFields(stat, upTo: 9)?.isExiting ?? false
    }
}
