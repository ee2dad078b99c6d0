// Looks around whenever a command is held at a system call: what a container sees of it, what other commands say, and
// whether the host is as it was.

internal import CLinux
internal import Glibc
internal import Kernel
internal import SystemPackage

/// What is asked of the observer.
struct ObserverRequest {
    /// `NAME:SOCKET` of witnesses that mean ill.
    var peers: [String] = []
    /// Processes that are there already and are the command's, such as an init that waits.
    var followed: [Int32] = []
    /// The container's id, and the runtime with its global options, for the commands that are given beside.
    var id = ""
    var runtime: [String] = []
    /// A file of the host that no container has, in a directory that names itself nowhere in one.
    var secret = ""
    /// A file into which each hook that precedes `created` writes a line when it has ended, and how many there will be.
    var hookLog = ""
    var hooks = 0
    /// At which entries into a call commands are given: at every one, every second…; 0 for none.
    var every = 0
    /// Whether the container was made before the command.
    var isMade = false
}

/// A moment of the command's life.
struct Stop {
    var pid: Int32
    var process: Int
    var call: Int
    var name: String
    var isEntry: Bool
}

final class Observer {
    let request: ObserverRequest
    private let host: HostLook
    private let peers: [HostilePeer]
    private(set) var stops = 0
    private(set) var checks = 0
    private var entries = 0
    /// Of the state that was told at this stop: whether a process may enter.
    private var mayEnter = false
    /// What was found, with where it was seen first and how often.
    private var found: [String: (place: String, order: Int, count: Int)] = [:]

    init(_ request: ObserverRequest) throws(Errno) {
        self.request = request
        host = try HostLook(id: request.id)
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
        for peer in request.peers { peers.append(try HostilePeer(peer[...], facts: facts)) }
        self.peers = peers
    }

    /// Looks at the command's processes from everywhere.
    /// - Parameter isOurs: whether a process is no other program yet; one that does not stand still may have become it.
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
            for cgroup in host.strangeCgroups(of: process.pid) { add("process \(process.index) \(cgroup)", stop) }
        }
    }

    /// The commands that are given at this stop, in this order.
    func questions(at stop: Stop) -> [[String]] {
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

    /// Compares an answer with the rule.
    func judge(_ answer: Answer, at stop: Stop) {
        checks += 1
        let command = answer.words[request.runtime.count]
        if !answer.isPrompt { add("\(command) does not answer: \(answer.milliseconds) ms", stop) }
        if answer.isCrash { add("\(command) ended with status \(answer.status)", stop) }
        switch command {
        case "state": judgeState(answer, stop)
        case "exec": judgeEntry(answer, stop)
        default: break
        }
        // A process that joined and was killed with its container has its own status, and no record.
        let hasEntered =
            command == "exec" && (answer.output.contains("entered\n") || (129...254).contains(answer.status))
        if answer.isPrompt, answer.status != 0, !hasEntered, answer.errorRecords != 1 {
            add("\(command) has \(answer.errorRecords) error records for status \(answer.status)", stop)
        }
    }

    private func judgeState(_ answer: Answer, _ stop: Stop) {
        mayEnter = false
        guard answer.status == 0, let status = answer.member("status") else { return }
        let pid = answer.member("pid").flatMap { Int32($0) } ?? 0
        guard status == "created" || status == "running" || status == "paused" else { return }
        var lacks = host.possessions(of: pid).map { "its init has the host's \($0)" }
        let hooks = (text(request.hookLog) ?? "").split(separator: "\n").count
        if !request.isMade, hooks < request.hooks { lacks.append("\(hooks) of \(request.hooks) hooks have run") }
        mayEnter = lacks.isEmpty
        for lack in lacks { add("state says \(status), but \(lack)", stop) }
    }

    private func judgeEntry(_ answer: Answer, _ stop: Stop) {
        if let secret = text(request.secret), !secret.isEmpty, answer.output.contains(secret) {
            add("exec runs in the host's root", stop)
        } else if answer.output.contains("entered\n"), !mayEnter {
            add("exec enters a container that is not there yet", stop)
        }
    }

    func add(_ what: String, _ stop: Stop) {
        // One line for all descriptors of a kind.
        var (what, detail) = (what, "")
        if let slash = what.firstIndex(of: "/"), what[..<slash].hasSuffix("fd") {
            detail = ": " + what[slash...]
            what = String(what[...slash]) + "N is the host's"
        }
        let place = "\(stop.process):\(stop.call) \(stop.isEntry ? "before" : "after") \(stop.name)\(detail)"
        found[what, default: (place, found.count, 0)].count += 1
    }

    /// What was found, in the order in which it was seen, and the sum.
    var report: [String] {
        found.sorted { $0.value.order < $1.value.order }
            .map { "violation: \($0.key) [\($0.value.count) times, first \($0.value.place)]" }
            + ["observer: \(stops) calls stopped, \(checks) checks made, \(found.count) violations"]
    }
}
