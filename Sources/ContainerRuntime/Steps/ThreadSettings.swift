// Settings of threads that CRIU does not restore: their CPUs, the priority of their I/O, and, before CRIU 3.19,
// no_new_privs.

internal import Cgroups
internal import CLinux
internal import Glibc
internal import Kernel
internal import Planning

enum ThreadSettings {
    /// Records the settings of the threads of a container that differ from the default.
    /// - Parameter pid: the init.
    static func read(of pid: Int32, _ group: Cgroup, into record: inout ImageRecord) throws(Failure) {
        let every = try everyCPU()
        let all = try threads(of: pid, group)
        let withoutNew = all.count(where: { $0.hasNoNewPrivileges })
        record.noNewPrivileges = withoutNew == 0 ? .absent : withoutNew == all.count ? .onAll : .onSome
        record.threads = all.compactMap { thread in
            guard let cpus = try? affinity(of: thread.host) else { return nil }
            let priority = clinux_ioprio_get(ofOneThread, thread.host)
            // A class of 0 is none: the nice value decides. ioprio_set(2).
            let hasPriority = priority > 0 && priority >> 13 != 0
            guard cpus != every || hasPriority else { return nil }
            return ImageRecord.Thread(
                tid: thread.inside, cpus: cpus == every ? "" : cpus.map(String.init).joined(separator: ","),
                ioPriority: hasPriority ? priority : 0)
        }
    }

    /// Gives threads that are restored and stand still yet what they had.
    /// - Returns: what could not be given, a sentence each.
    static func apply(_ settings: [ImageRecord.Thread], to pid: Int32, _ group: Cgroup) throws(Failure) -> [String] {
        guard !settings.isEmpty else { return [] }
        var refusals: [String] = []
        let present = try threads(of: pid, group)
        for setting in settings {
            guard let thread = present.first(where: { $0.inside == setting.tid }) else { continue }
            let cpus = numbers(inList: setting.cpus, below: 65536)
            do throws(Errno) {
                if !cpus.isEmpty { try setAffinity(cpus, of: thread.host) }
                if setting.ioPriority > 0 {
                    try checked { clinux_ioprio_set(ofOneThread, thread.host, setting.ioPriority) }
                }
            } catch {
                refusals.append("thread \(setting.tid): its CPUs and I/O priority cannot be restored: \(error.message)")
            }
        }
        return refusals
    }

    private static let ofOneThread: Int32 = 1  // IOPRIO_WHO_PROCESS

    private struct Thread {
        var host: Int32
        var inside: Int32
        var hasNoNewPrivileges: Bool
    }

    /// The threads in the pid namespace of an init, by both of their numbers.
    private static func threads(of pid: Int32, _ group: Cgroup) throws(Failure) -> [Thread] {
        let namespace = try during("look at /proc/\(pid)/ns/pid") { () throws(Errno) in
            FileIdentity(try fileStatus(at: "/proc/\(pid)/ns/pid"))
        }
        let pids = try cgroup { () throws(CgroupFailure) in try group.processes() }
        var result: [Thread] = []
        for process in Set(pids + [pid]) {
            guard let other = try? fileStatus(at: "/proc/\(process)/ns/pid"), FileIdentity(other) == namespace,
                let directory = try? OwnedDescriptor.open("/proc/\(process)/task", .directory),
                let entries = try? directoryEntries(directory.rawValue)
            else { continue }
            for entry in entries {
                guard let host = Int32(entry.name),
                    let text = try? readText("\(host)/status", at: directory.rawValue)
                else { continue }
                let status = ProcessStatus(text)
                guard let inside = status.insideNumber else { continue }
                result.append(Thread(host: host, inside: inside, hasNoNewPrivileges: status.hasNoNewPrivileges))
            }
        }
        return result.sorted { $0.inside < $1.inside }
    }

    private static func everyCPU() throws(Failure) -> [Int] {
        try during("read the CPUs") { () throws(Errno) in
            numbers(inList: try readText("/sys/devices/system/cpu/online"), below: 65536)
        }
    }

    private static func affinity(of thread: Int32) throws(Errno) -> [Int] {
        var mask = [UInt8](repeating: 0, count: 1024)
        let length = try checked {
            mask.withUnsafeMutableBytes { clinux_sched_getaffinity(thread, $0.count, $0.baseAddress) }
        }
        return (0..<(length * 8)).filter { mask[$0 / 8] & 1 << UInt8($0 % 8) != 0 }
    }
}
