// Examines the system whenever a command is stopped at a system call: the access of a container to the command's
// processes, the results of other commands, and changes of the host.

internal import CLinux
internal import Glibc
internal import Kernel

/// The settings of the observer.
struct ObserverRequest {
    /// `NAME:SOCKET` of hostile witnesses.
    var peers: [String] = []
    /// Existing processes that belong to the command, such as a waiting init.
    var followed: [Int32] = []
    /// The container's id, and the runtime with its global options, for the concurrent commands.
    var id = ""
    var runtime: [String] = []
    /// A file of the host that no container has, in a directory whose path appears in no container.
    var secret = ""
    /// A file to which each hook before `created` appends a line when it ends, and the number of these hooks.
    var hookLog = ""
    var hooks = 0
    /// The interval of concurrent commands: 1 for every entry into a call, 2 for every second…; 0 for none.
    var every = 0
    /// Whether the container was created before the command.
    var isMade = false
    /// Whether a process of the command may be stronger than a witness that has the right to trace it.
    var sparesStronger = false
}

/// The place where the command is stopped.
struct Stop {
    var pid: Int32
    var process: Int
    var call: Int
    var name: String
    var isEntry: Bool
}

final class Observer {
    let request: ObserverRequest
    private let host: HostBaseline
    private let peers: [HostilePeer]
    private(set) var stops = 0
    private(set) var checks = 0
    private var entries = 0
    /// Whether the last state allows another process to enter the container.
    private var isReady = false
    /// The violations, each with its first place and its count.
    private var found: [String: (place: String, order: Int, count: Int)] = [:]

    init(_ request: ObserverRequest) throws(Errno) {
        self.request = request
        host = try HostBaseline(id: request.id)
        let mounts = host.mounts.map { "\($0)" }.joined(separator: ",")
        var facts = "mounts \(mounts)\n"
        if let secret = text(request.secret) { facts += "text \(secret.prefix { $0 != "\n" })\n" }
        facts += "file \(request.secret)\n"
        let directory = request.secret.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 }
        if !directory.isEmpty { facts += "text \(directory)\n" }
        for owner in ["self"] + request.followed.map(String.init) {
            for number in 0...2 {
                var status = stat()
                guard stat("/proc/\(owner)/fd/\(number)", &status) == 0 else { continue }
                facts += "stream \(status.st_dev):\(status.st_ino)\n"
            }
        }
        var peers: [HostilePeer] = []
        for peer in request.peers {
            peers.append(try HostilePeer(peer[...], facts: facts, sparesStronger: request.sparesStronger))
        }
        self.peers = peers
    }

    /// Examines the command's processes from all peers and from the host.
    /// - Parameter isOurs: whether a process still executes the program; a process that is not stopped may have
    /// executed another.
    func look(
        at stop: Stop, _ processes: [(pid: Int32, index: Int)], isOurs: (Int32) -> Bool
    ) throws(Errno) {
        stops += 1
        for peer in peers {
            checks += 1
            let holes = try peer.look(at: processes.map(\.pid))
            for process in processes where holes.contains(where: { $0.pid == process.pid }) && isOurs(process.pid) {
                for (pid, hole) in holes where pid == process.pid {
                    add("\(peer.name) sees of process \(process.index): \(hole)", stop)
                }
            }
        }
        checks += 1
        for change in host.changedMounts() { add(change, stop) }
        for process in processes where stop.isEntry && isOurs(process.pid) {
            for cgroup in host.foreignCgroups(of: process.pid) { add("process \(process.index) \(cgroup)", stop) }
        }
    }

    /// The concurrent commands at this stop, in order.
    func commands(at stop: Stop) -> [[String]] {
        guard stop.isEntry, request.every > 0 else { return [] }
        entries += 1
        guard entries % request.every == 0 else { return [] }
        let others = [["ps", request.id], ["events", "--stats", request.id], ["list"]]
        let look = "cat '\(request.secret)' 2>/dev/null; echo entered"
        return [
            ["state", request.id], ["exec", request.id, "/bin/sh", "-c", look],
            others[entries / request.every % others.count],
        ].map { request.runtime + $0 }
    }

    /// Compares a result with the rules.
    func judge(_ answer: CommandResult, at stop: Stop) {
        checks += 1
        let command = answer.words[request.runtime.count]
        if !answer.isPrompt { add("\(command) does not answer: \(answer.milliseconds) ms", stop) }
        if answer.isCrash { add("\(command) ended with status \(answer.status)", stop) }
        switch command {
        case "state": judgeState(answer, stop)
        case "exec": judgeExec(answer, stop)
        default: break
        }
        // An exec process that was killed with its container has a signal's status, and prints no error record.
        let hasEntered =
            command == "exec" && (answer.output.contains("entered\n") || (129...254).contains(answer.status))
        if answer.isPrompt, answer.status != 0, !hasEntered, answer.errorRecords != 1 {
            add("\(command) has \(answer.errorRecords) error records for status \(answer.status)", stop)
        }
    }

    private func judgeState(_ answer: CommandResult, _ stop: Stop) {
        isReady = false
        guard answer.status == 0, let status = answer.member("status") else { return }
        let pid = answer.member("pid").flatMap { Int32($0) } ?? 0
        guard status == "created" || status == "running" || status == "paused" else { return }
        var lacks = host.hostReferences(of: pid).map { "its init has the host's \($0)" }
        let hooks = (text(request.hookLog) ?? "").split(separator: "\n").count
        if !request.isMade, hooks < request.hooks { lacks.append("\(hooks) of \(request.hooks) hooks have run") }
        isReady = lacks.isEmpty
        for lack in lacks { add("state says \(status), but \(lack)", stop) }
    }

    private func judgeExec(_ answer: CommandResult, _ stop: Stop) {
        if let secret = text(request.secret), !secret.isEmpty, answer.output.contains(secret) {
            add("exec runs in the host's root", stop)
        } else if answer.output.contains("entered\n"), !isReady {
            add("exec enters a container that is not there yet", stop)
        }
    }

    func add(_ what: String, _ stop: Stop) {
        // All descriptors count as one violation.
        var (what, detail) = (what, "")
        if let slash = what.firstIndex(of: "/"), what[..<slash].hasSuffix("fd") {
            detail = ": " + what[slash...]
            what = String(what[...slash]) + "N is the host's"
        }
        let place = "\(stop.process):\(stop.call) \(stop.isEntry ? "before" : "after") \(stop.name)\(detail)"
        found[what, default: (place, found.count, 0)].count += 1
    }

    /// The violations in the order of their first occurrence, and the totals.
    var report: [String] {
        found.sorted { $0.value.order < $1.value.order }
            .map { "violation: \($0.key) [\($0.value.count) times, first \($0.value.place)]" }
            + ["observer: \(stops) calls stopped, \(checks) checks made, \(found.count) violations"]
    }
}
