// `ps`: the processes in a container's cgroup.

internal import Cgroups
internal import Glibc
internal import Kernel

/// A line of the process table.
package struct ProcessRow: Equatable, Sendable {
    package var user: String
    package var pid: Int32
    package var parent: Int32
    /// Percent of one CPU over the process's life.
    package var cpuPercent: Int
    /// When it started, in seconds since 1970.
    package var startTime: Int
    package var terminal: String
    /// CPU time used, in seconds.
    package var cpuSeconds: Int
    package var command: String
}

extension Runtime {
    /// The host's numbers of all processes of a container.
    package func processes(id: String) throws(Failure) -> [Int32] {
        let directory = try store.open(id: id)
        let record = try directory.record()
        if try record.isBeingCreated() { throw .isBeingCreated(id) }
        guard !record.cgroup.directories.isEmpty else {
            guard try record.openInit() != nil else { return [] }
            return try processesWithoutCgroup(init: record.pid, ownsPidNamespace: record.creates(.pid))
        }
        do throws(CgroupFailure) { return try group(of: record).processes() } catch {
            // systemd takes a scope away with its last process.
            if error.code == .noSuchFileOrDirectory, try directory.status(of: record) == .stopped { return [] }
            throw error.failure
        }
    }

    /// The lines of `ps -ef`, made here for hosts without ps.
    package func processTable(_ pids: [Int32]) -> [ProcessRow] {
        let bootTime = Self.bootTime()
        let ticks = max(1, sysconf(Int32(_SC_CLK_TCK)))
        var users = HostUsers()
        return pids.sorted().compactMap { row($0, &users, bootTime: bootTime, ticks: ticks) }
    }

    /// The output of the host's ps with the given options: its header, and the lines of the processes.
    package func processTable(_ pids: [Int32], options: [String]) throws(Failure) -> [String] {
        guard let path = findInPath("ps") else {
            throw Failure(.other, "ps not found in $PATH; without options of its own the table needs none")
        }
        let text = try programOutput(path, ["ps"] + options)
        let lines = text.split(separator: "\n").map(String.init)
        guard let header = lines.first, let column = ProcessColumn(header: header) else {
            throw Failure(.other, "ps \(options.joined(separator: " ")): its output has no column PID")
        }
        let known = Set(pids)
        var result = [header]
        for line in lines.dropFirst() {
            guard let pid = column.pid(of: line) else {
                throw Failure(
                    .other, "ps \(options.joined(separator: " ")): unable to parse pid: a column before it may be wider"
                )
            }
            if known.contains(pid) { result.append(line) }
        }
        return result
    }

    private static func bootTime() -> Int {
        do throws(Errno) {
            let line = try readText("/proc/stat").split(separator: "\n").first { $0.hasPrefix("btime ") }
            return line.flatMap { Int($0.dropFirst(6)) } ?? 0
        } catch {
            return 0
        }
    }

    // A process that has gone meanwhile has no row.
    private func row(_ pid: Int32, _ users: inout HostUsers, bootTime: Int, ticks: Int) -> ProcessRow? {
        do throws(Errno) {
            guard let fields = StatFields(try readFile("/proc/\(pid)/stat"), upTo: 22),
                let parent = fields.number(4), let device = fields.number(7), let user = fields.number(14),
                let system = fields.number(15), let start = fields.number(22)
            else { return nil }
            let name = RawText.text(Array(fields.command))
            let line = try readFile("/proc/\(pid)/cmdline").split(separator: 0)
                .map { RawText.text(Array($0)) }
            let owner = try fileStatus(at: "/proc/\(pid)").uid
            let started = bootTime + start / ticks
            let used = (user + system) / ticks
            let lived = max(1, time(nil) - started)
            return ProcessRow(
                user: users.name(of: owner), pid: pid, parent: Int32(truncatingIfNeeded: parent),
                cpuPercent: used * 100 / lived,
                startTime: started, terminal: terminalName(Int32(truncatingIfNeeded: device)), cpuSeconds: used,
                command: line.isEmpty ? "[\(name)]" : line.joined(separator: " "))
        } catch {
            return nil
        }
    }

    private func terminalName(_ device: Int32) -> String {
        let major = device >> 8 & 0xfff
        let minor = device & 0xff | device >> 12 & 0xfff00
        switch major {
        case 136...143: return "pts/\(minor + (major - 136) * 256)"
        case 4: return "tty\(minor)"
        default: return "?"
        }
    }
}
