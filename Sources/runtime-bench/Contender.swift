// One program under test: its command lines, a container's life cycle, and the cost of a single run.

internal import Foundation
internal import Glibc

/// A runtime, or the floor.
struct Contender {
    enum Kind { case runtime, floor }

    let name: String
    let path: String
    let kind: Kind
    private let file: ProgramFile?

    /// Parses `NAME=PATH`, or a name to find in PATH.
    init(argument: String) throws {
        let parts = argument.split(separator: "=", maxSplits: 1).map(String.init)
        name = parts[0]
        path = try parts.count == 2 ? parts[1] : found(in: parts[0])
        kind = .runtime
        file = nil
    }

    init(floor: String) {
        name = "floor"
        path = floor
        kind = .floor
        file = nil
    }

    /// The same runtime, run from a copy of its program in a given state.
    ///
    /// The state of a file in the page cache accounts for up to a fifth of a start. Copies put all contenders in the
    /// same state.
    func copied(into folder: String, state: FileState) throws -> Contender {
        let copy = "\(folder)/\(state)-\(name)"
        _ = try Started([try found(in: "cp"), path, copy]).succeed()
        return Contender(name: name, path: copy, kind: kind, file: try ProgramFile(path: copy, state: state))
    }

    private init(name: String, path: String, kind: Kind, file: ProgramFile) {
        self.name = name
        self.path = path
        self.kind = kind
        self.file = file
    }

    private func running(_ bundle: Bundle, _ id: String) -> [String] {
        kind == .floor ? [path, bundle.rootfs, "/bin/true"] : [path, "run", "--bundle", bundle.path, id]
    }

    /// Starts one command of the runtime.
    func command(_ words: [String]) throws -> Started {
        try file?.prepare()
        return try Started([path] + words)
    }

    /// Starts a container whose program stays.
    func start(_ id: String, _ bundle: Bundle) throws {
        _ = try command(["create", "--bundle", bundle.idle, id]).succeed()
        _ = try command(["start", id]).succeed()
    }

    /// Removes a container in whatever state it is.
    func remove(_ id: String) {
        _ = try? command(["delete", "--force", id]).finish()
        while waitpid(-1, nil, WNOHANG) > 0 {}
    }

    /// The whole life cycle of a container: a `run` of its own, then create, state, start, exec, kill and delete.
    func lifecycle(_ bundle: Bundle) throws -> [(String, Double)] {
        let id = "bench-\(name)-\(getpid())"
        try file?.prepare()
        var times = [("run", try Started(running(bundle, id)).succeed().wall)]
        defer { settle() }
        guard kind == .runtime else { return times }
        settle()
        let pidFile = bundle.path + "/../\(name).pid"
        func timed(_ operation: String, _ words: [String]) throws {
            times.append((operation, try command(words).succeed().wall))
        }
        try timed("create", ["create", "--bundle", bundle.idle, "--pid-file", pidFile, id])
        guard let text = try? String(contentsOfFile: pidFile, encoding: .utf8), let pid = pid_t(text) else {
            throw BenchFailure("\(name): \(pidFile) holds no pid")
        }
        try timed("state", ["state", id])
        try timed("start", ["start", id])
        // On cgroup v1 a write of cgroup.procs takes longer if the last one was some time ago.
        try timed("exec at once", ["exec", id, "/bin/true"])
        settle()
        try timed("exec", ["exec", id, "/bin/true"])
        try timed("kill", ["kill", id, "KILL"])
        reap(pid)
        try timed("delete", ["delete", id])
        let whole = times.filter { ["create", "start", "delete"].contains($0.0) }.reduce(0) { $0 + $1.1 }
        times.append(("create+start+delete", whole))
        return times
    }

    // The kernel destroys network namespaces in the background and creates none meanwhile. The pause keeps this cost
    // out of the next container's measurement.
    private func settle() { usleep(30_000) }

    /// Seconds until all of `count` containers that were started together have ended.
    func runs(atOnce count: Int, _ bundle: Bundle) throws -> Double {
        let since = now()
        let all = try (0..<count).map { try Started(running(bundle, "bench-\(name)-\(getpid())-\($0)")) }
        for one in all { _ = try one.succeed() }
        return now() - since
    }

    /// The largest resident set of the runtime or a child of it, in KiB, and the sum of minor page faults.
    ///
    /// Measured by busybox's time(1): a process inherits the peak of the process that spawns it, and busybox's is
    /// small.
    func usage(ofRunning bundle: Bundle) throws -> (peak: Int, faults: Int) {
        let output = bundle.path + "/../\(name).time"
        let words = [try found(in: "busybox"), "time", "-o", output, "-f", "%M %R"]
        for _ in 0..<2 { _ = try Started(words + running(bundle, "bench-\(name)-\(getpid())")).succeed() }
        let fields = try String(contentsOfFile: output, encoding: .utf8).split(whereSeparator: \.isWhitespace)
        guard fields.count == 2, let pages = Int(fields[0]), let faults = Int(fields[1]) else {
            throw BenchFailure("\(output) does not hold two numbers")
        }
        // busybox treats the kernel's KiB as pages.
        return (pages * 1024 / Int(getpagesize()), faults)
    }

    /// The number of system calls of the runtime and its children, counted by strace(1); 0 without strace.
    func systemCalls(ofRunning bundle: Bundle) throws -> Int {
        guard let strace = try? found(in: "strace") else { return 0 }
        let output = bundle.path + "/../\(name).strace"
        let words = [strace, "-f", "-qq", "-c", "-U", "calls,name", "-o", output]
        _ = try Started(words + running(bundle, "bench-\(name)-\(getpid())")).finish()
        let lines = try String(contentsOfFile: output, encoding: .utf8).split(separator: "\n")
        return lines.last.flatMap { Int($0.split(separator: " ")[0]) } ?? 0
    }

    func size() throws -> Int {
        var facts = stat()
        guard stat(path, &facts) == 0 else { throw BenchFailure("\(path): cannot be examined") }
        return Int(facts.st_size) / 1024
    }

    /// The smallest memory limit, in KiB with a resolution of 32 KiB, under which /bin/true succeeds three times out
    /// of three.
    func leastMemory(_ bundles: Bundles) throws -> Int? {
        let most = 512  // in units of 32 KiB: 16 MiB
        var (fails, works) = (0, most)
        while works - fails > 1 {
            let middle = (fails + works) / 2
            let bundle = try bundles.limited(bytes: middle * 32 * 1024)
            // The messages of a runtime about a low limit are not needed here.
            let quietly = ["/bin/sh", "-c", "exec \"$@\" >/dev/null 2>&1", "sh"]
            let id = "bench-limit-\(name)"
            let succeeded = try (0..<3).allSatisfy { _ in
                try Started(quietly + running(bundle, id)).finish().exitCode == 0
            }
            if succeeded { works = middle } else { fails = middle }
            _ = try Started(quietly + [path, "delete", "--force", id]).finish()
        }
        return works < most ? works * 32 : nil
    }
}

/// The path of a program.
func found(in name: String) throws -> String {
    if name.contains("/") { return name }
    for folder in (getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/usr/sbin").split(separator: ":") {
        let path = "\(folder)/\(name)"
        if access(path, X_OK) == 0 { return path }
    }
    throw BenchFailure("\(name): not found in PATH")
}
