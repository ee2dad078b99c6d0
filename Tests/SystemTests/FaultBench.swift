// A command of the runtime under the fault injector, and checks of the host afterwards.

import Foundation
import Kernel
import OCISpec
import Testing

/// The fault at a system call.
enum Fault: Hashable, Sendable, CustomStringConvertible {
    /// Kills the process that makes the call, or the command's first process, or all its processes.
    case kill(String)
    case fail(Int32)
    /// Runs another command meanwhile; the call waits this many milliseconds for its end.
    case ask([String], Int)

    var arguments: [String] {
        switch self {
        case .kill(let whom): ["--kill", whom]
        case .fail(let code): ["--fail", "\(code)"]
        case .ask(let words, let milliseconds): ["--ask", "\(milliseconds) \(words.joined(separator: " "))"]
        }
    }
    var description: String { arguments.joined(separator: " ") }
}

/// The place of a fault: processes are numbered from 0, the calls of each from 1.
struct CallPlace: Hashable, Sendable, CustomStringConvertible {
    var process: Int
    var call: Int
    var description: String { "\(process):\(call)" }
}

/// The result of a command with a fault.
struct FaultOutcome: Sendable {
    var status: Int
    var output: String
    var errors: String
    /// The injector's verdict: injected, exempt, missed or hung; then the call's name.
    var verdict: String
    var call: String
    /// All calls, if requested.
    var calls: [(place: CallPlace, name: String)]

    /// The result of the other command: `STATUS MILLISECONDS prompt|late TEXT`.
    var answer: [String] = []

    /// The records of level error.
    var errorRecords: [String] { errors.split(separator: "\n").map(String.init).filter { $0.contains("level=error") } }
}

/// A sandbox whose commands run under the injector.
struct FaultBench: Sendable {
    static let injector = RuntimeUnderTest.checkout + "/.build/dist/fault-injector"
    let sandbox: Sandbox
    /// The files of the sandbox before any command.
    let files: Set<String>

    init(_ sandbox: Sandbox) throws {
        self.sandbox = sandbox
        for name in ["out", "errors", "report", "pid"] { try sandbox.write(sandbox.directory + "/" + name, "") }
        files = Set(try FileManager.default.subpathsOfDirectory(atPath: sandbox.directory))
    }

    /// Runs a command with a fault, or traced only, with files as its streams.
    func run(
        _ arguments: [String], at place: CallPlace? = nil, _ fault: Fault? = nil, global: [String] = [],
        injector: [String] = []
    ) async throws -> FaultOutcome {
        var options = ["--report", sandbox.directory + "/report"] + injector
        if let place, let fault {
            options += ["--at", place.description] + fault.arguments
        } else {
            options += ["--list"]
        }
        let words = (options + [sandbox.runtime.path, "--root", sandbox.state] + global + arguments)
            .map { "'\($0)'" }.joined(separator: " ")
        let place = sandbox.directory
        let outcome = try await shell(
            "exec '\(Self.injector)' \(words) </dev/null >'\(place)/out' 2>'\(place)/errors'", in: sandbox.bundle)
        let report = try text("report").split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        let calls = report.dropLast().compactMap { fields -> (CallPlace, String)? in
            guard fields.count == 3, let process = Int(fields[0]), let call = Int(fields[1]) else { return nil }
            return (CallPlace(process: process, call: call), fields[2])
        }
        let verdict = report.last ?? ["none"]
        return FaultOutcome(
            status: outcome.status, output: try text("out"), errors: try text("errors"), verdict: verdict[0],
            call: verdict.count > 1 ? verdict[1] : "", calls: calls,
            answer: Array(report.first { $0.first == "answer" }?.dropFirst() ?? []))
    }

    private func text(_ name: String) throws -> String {
        String(decoding: try Data(contentsOf: URL(filePath: sandbox.directory + "/" + name)), as: UTF8.self)
    }

    /// Removes the container as an engine does after a crash, and returns remaining traces.
    func cleanUp() async throws -> [String] {
        let outcome = try await sandbox.call("delete", "--force", sandbox.id)
        var left = leftovers()
        if outcome.status != 0 || outcome.errors != "" {
            left.append("delete --force: \(outcome.status) \(outcome.errors)")
        }
        return left
    }

    /// All traces of the container on the host: files, cgroups, mounts, processes.
    func leftovers() -> [String] {
        var left = processes(settledAt: 0)
        let manager = FileManager.default
        let now = Set((try? manager.subpathsOfDirectory(atPath: sandbox.directory)) ?? [])
        left += now.subtracting(files).filter { $0 != "state" && !$0.hasPrefix("state/.seccomp-filters") }.sorted()
            .map { "file " + $0 }
        for hierarchy in (try? manager.contentsOfDirectory(atPath: "/sys/fs/cgroup")) ?? [] {
            let path = "/sys/fs/cgroup/" + hierarchy + sandbox.cgroup
            if manager.fileExists(atPath: path) { left.append("cgroup " + path) }
        }
        if manager.fileExists(atPath: "/sys/fs/cgroup" + sandbox.cgroup) { left.append("cgroup " + sandbox.cgroup) }
        let mounts = (try? String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8)) ?? ""
        left += mounts.split(separator: "\n").filter { $0.contains(sandbox.id) }.map { "mount " + $0 }
        return left
    }

    /// The processes, when their number is as expected, or after a second: a process that was just killed may still
    /// be ending; one that stays is a trace.
    private func processes(settledAt count: Int) -> [String] {
        var found = processes()
        for _ in 0..<100 {
            if found.count == count { break }
            usleep(10_000)
            found = processes()
        }
        return found
    }

    /// The living processes of the container, and those of the runtime that work on it.
    func processes() -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { pid in
            guard let number = Int32(pid) else { return nil }
            let command = beginning("/proc/\(pid)/cmdline")
            if !command.contains(sandbox.id) {
                // Kernel threads have no command line and no container.
                guard !command.isEmpty, beginning("/proc/\(pid)/cgroup").contains(sandbox.id) else {
                    return nil
                }
            }
            guard let facts = ProcessStat(stat: Array(beginning("/proc/\(number)/stat").utf8)), !facts.hasEnded else {
                return nil
            }
            return "process \(pid) \(command.split(separator: "\0").joined(separator: " "))"
        }
    }
}

extension FaultBench {
    /// Whether all faults are tried, as in manual runs, not only those that fit into every build.
    static let isThorough = ProcessInfo.processInfo.environment["SWIFTRUN_FAULTS"] == "all"
    /// With a number in place of "all": every so many calls are tried, where that would take a day.
    static let step = ProcessInfo.processInfo.environment["SWIFTRUN_FAULTS"].flatMap { Int($0) }

    /// All calls of a command without a fault.
    func calls(of operation: FaultedOperation) async throws -> [(place: CallPlace, name: String)] {
        try await prepare(operation)
        let outcome = try await run(operation.command(sandbox.id))
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(try await end(operation) == [])
        return outcome.calls
    }

    /// Puts the container into the state in which the command runs.
    func prepare(_ operation: FaultedOperation, keepsConfig: Bool = false) async throws {
        let outcome: Outcome
        switch operation.start {
        case .nothing: return
        case .created: outcome = try await sandbox.detached("create", sandbox.id)
        case .stays where !processes().isEmpty: return
        case .running, .stays: outcome = try await detached(["/bin/sleep", "1000"], keepsConfig)
        case .stopped: outcome = try await detached(["/bin/true"], keepsConfig)
        }
        #expect(outcome.status == 0, "\(outcome.errors)")
        if operation.start == .stopped, !keepsConfig { try await sandbox.wait(for: "stopped") }
    }

    private func detached(_ program: [String], _ keepsConfig: Bool) async throws -> Outcome {
        guard !keepsConfig else { return try await sandbox.startDetached() }
        let path = sandbox.bundle + "/config.json"
        let config = try String(contentsOfFile: path, encoding: .utf8)
        var spec = try Spec(config: Array(config.utf8))
        spec.process?.args = program
        try sandbox.write(path, String(decoding: spec.json(), as: UTF8.self))
        let outcome = try await sandbox.startDetached()
        try sandbox.write(path, config)
        return outcome
    }

    /// Removes the command's results, and returns remaining traces; a container that stays must be intact.
    func end(_ operation: FaultedOperation) async throws -> [String] {
        guard operation.start == .stays else { return try await cleanUp() }
        let found = processes(settledAt: 1)
        return found.count == 1 && found[0].contains("sleep") ? [] : ["not the container alone: \(found)"]
    }

    /// The witness's observation in the container that a successful command has created or entered.
    func sight(of operation: FaultedOperation, _ outcome: FaultOutcome) async throws -> String? {
        guard operation.observes else { return nil }
        if operation.name == "create" {
            let started = try await sandbox.call("start", sandbox.id)
            guard started.status == 0 else { return "start: \(started.errors)" }
        }
        // If `create` ran outside the injector, the witness's output is not captured.
        if operation.start == .created { return try await sandbox.status().map { $0 == "creating" ? $0 : "started" } }
        for _ in 0..<200 {
            let output = try text("out")
            if output.hasSuffix("}\n") { return Self.lasting(output) }
            usleep(10_000)
        }
        return "nothing"
    }

    // Removes the parts that differ between two containers of the same config.
    private static func lasting(_ output: String) -> String {
        guard let seen = try? JSONSerialization.jsonObject(with: Data(output.utf8)),
            let text = try? JSONSerialization.data(withJSONObject: lasting(seen), options: .sortedKeys)
        else { return output }
        return String(decoding: text, as: UTF8.self)
    }

    private static let passing: Set<String> = [
        "pid", "ppid", "sid", "pgid", "inode", "serial", "device", "clocks", "namespaces",
        // If the image's users cannot be read, the image counts as one without users.
        "HOME", "environment",
    ]

    private static func lasting(_ value: Any) -> Any {
        if let members = value as? [String: Any] {
            return members.filter { !passing.contains($0.key) }.mapValues { lasting($0) }
        }
        if let elements = value as? [Any] { return elements.map { lasting($0) } }
        return value
    }

    /// Whether a refusal is a valid answer, so that the container is created in another way.
    static func maySeeOtherwise(_ call: String, _ code: Int32) -> Bool {
        switch call {
        // Without keyrings there is none to isolate. A host that refuses mknod has its nodes bound, and one that
        // refuses a new sysfs in a user namespace has the host's bound.
        case "keyctl", "mknodat", "fsopen", "fsconfig", "fsmount": code == EPERM
        // The gate of a created container closes, and start reports that it has stopped.
        case "accept4": true
        default: false
        }
    }

    // Calls of the C library and of Swift before the program begins, and for memory: if these fail, they end the
    // program.
    private static let vital: Set<String> = [
        "arch_prctl", "readlink", "brk", "mmap", "munmap", "mprotect", "mremap", "madvise", "rt_sigprocmask",
    ]

    /// A command that fails reports the reason once, and removes at once what it has created.
    func checkAnswer(
        _ operation: FaultedOperation, _ place: CallPlace, _ fault: Fault, _ outcome: FaultOutcome,
        _ table: inout FaultTable
    ) {
        if Self.vital.contains(outcome.call) { return }
        // The program's own end is reported only by its status.
        if outcome.output.hasSuffix("}\n") { return }
        // The init belongs to the container as soon as it waits at the gate.
        if outcome.status == 0, operation.name == "create" { return }
        if outcome.status == 137, operation.name == "run" || operation.name == "exec", outcome.errors.isEmpty { return }
        if outcome.errorRecords.count != 1 { table.complain(place, fault, outcome, "not one error") }
        if outcome.status == 0 || outcome.status > 128 && outcome.status != 255 {
            table.complain(place, fault, outcome, "not a failure's status")
        }
        if operation.start == .nothing {
            let left = leftovers()
            if !left.isEmpty { table.complain(place, fault, outcome, "left at once \(left)") }
        }
    }
}

/// The first page of a file, or an empty text; read thousands of times.
private func beginning(_ path: String) -> String {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return "" }
    defer { close(file) }
    return String(unsafeUninitializedCapacity: 4096) { max(0, read(file, $0.baseAddress, $0.count)) }
}

/// The results of all runs of one command.
struct FaultTable {
    let command: String
    let fault: String
    private(set) var tried = 0
    private(set) var exempt = 0
    /// The number of runs that succeeded despite the fault, and of those that reported the failure.
    var tolerated = 0
    var refused = 0
    private(set) var complaints: [String] = []

    init(_ command: String, _ fault: String) {
        self.command = command
        self.fault = fault
    }

    mutating func count(_ outcome: FaultOutcome) {
        if outcome.verdict == "exempt" { exempt += 1 } else { tried += 1 }
    }

    mutating func complain(_ place: CallPlace, _ fault: Fault, _ outcome: FaultOutcome, _ what: String) {
        complaints.append(
            "\(command) \(place) \(outcome.call) \(fault): \(what) [status \(outcome.status), \(outcome.errors.prefix(400))]"
        )
    }

    /// Prints one line; the complaints fail the test.
    func conclude(_ sourceLocation: SourceLocation = #_sourceLocation) {
        var line =
            "crash safety: \(command), \(fault): \(tried) calls tried, \(complaints.count) with something left or wrong"
        if tolerated + refused > 0 { line += " (\(refused) refused, \(tolerated) tolerated)" }
        print(line)
        #expect(complaints == [], sourceLocation: sourceLocation)
        #expect(tried > 0, sourceLocation: sourceLocation)
    }
}
