// Random commands on a few containers, several at once; sometimes the runtime is killed. Every command ends, reports
// a failure once, reports a valid state, and `delete --force` restores the host.

import Foundation
import Kernel
import OCISpec
import Testing

@Suite(.serialized, .enabled(if: geteuid() == 0, "root is needed"))
struct RandomCommandTests {
    private static let settings = ProcessInfo.processInfo.environment
    /// The duration: a minute, or the requested number of seconds.
    private static let seconds = settings["SWIFTRUN_RANDOM_SECONDS"].flatMap { Double($0) } ?? 60
    private static let seed =
        settings["SWIFTRUN_RANDOM_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 0..<1_000_000)
    private static let workers = 4

    @Test func `random commands in any order end, and nothing is left`() async throws {
        try await withSandbox(.swiftrun) { sandbox in
            let lane = try RandomLane(sandbox)
            print("random commands: seed \(Self.seed), \(Int(Self.seconds)) s")
            var tally = RandomTally()
            let end = Date().addingTimeInterval(Self.seconds)
            var round: UInt64 = 0
            while Date() < end, tally.complaints.count < 20 {
                await lane.throwCommands(seed: Self.seed &+ round &* 1000, workers: Self.workers, each: 40, &tally)
                await lane.cleanUp(&tally)
                round += 1
            }
            print("random commands: \(round) rounds, \(tally.line)")
            for complaint in tally.complaints { print("random commands: \(complaint)") }
            #expect(tally.complaints == [])
        }
    }
}

/// The results of all commands.
struct RandomTally: Sendable {
    var commands = 0
    var refused = 0
    var killed = 0
    var hangs = 0
    /// Commands that a pause or a stop signal delayed.
    var held = 0
    var slowest = 0.0
    var wrongStates = 0
    var leftovers = 0
    var complaints: [String] = []

    mutating func add(_ other: RandomTally) {
        commands += other.commands
        refused += other.refused
        killed += other.killed
        hangs += other.hangs
        held += other.held
        slowest = max(slowest, other.slowest)
        wrongStates += other.wrongStates
        complaints += other.complaints
    }

    var line: String {
        """
        \(commands) commands (\(refused) refused, \(killed) killed, \(held) held up), \(hangs) hangs, \(wrongStates) wrong states, \
        \(leftovers) leftovers, slowest \(String(format: "%.1f", slowest)) s, \(complaints.count) complaints
        """
    }
}

/// Some containers in one state directory, created from bundles of several kinds.
struct RandomLane: Sendable {
    let sandbox: Sandbox
    let ids: [String]
    private let bundles: [String]
    private let runner: CommandRunner

    init(_ sandbox: Sandbox) throws {
        self.sandbox = sandbox
        ids = (0..<5).map { "random-\(sandbox.id)-\($0)" }
        runner = CommandRunner(
            runtime: [sandbox.runtime.path, "--root", sandbox.state], place: sandbox.directory)
        let added = [Mount(destination: "/tmp/added", type: "tmpfs", source: "tmpfs")]
        try sandbox.write(sandbox.directory + "/mounts", String(decoding: added.json(), as: UTF8.self))
        chmod(sandbox.rootfs + "/tmp", 0o1777)
        var made: [String] = []
        for (name, change) in Self.kinds {
            let bundle = sandbox.directory + "/" + name
            try FileManager.default.createDirectory(atPath: bundle, withIntermediateDirectories: true)
            let spec = sandbox.spec { spec in
                spec.root?.path = sandbox.rootfs
                spec.root?.readonly = false
                spec.process?.args = ["/bin/sleep", "4"]
                // Each container has its own cgroup, named after it.
                spec.linux?.cgroupsPath = nil
                change(&spec)
            }
            try sandbox.write(bundle + "/config.json", String(decoding: spec.json(), as: UTF8.self))
            made.append(bundle)
        }
        bundles = made
    }

    private static func hook(_ script: String) -> Hook {
        Hook(path: "/bin/sh", args: ["sh", "-c", script], timeout: 2)
    }

    private static let kinds: [(name: String, change: @Sendable (inout Spec) -> Void)] = [
        ("plain", { _ in }),
        ("short", { $0.process?.args = ["/bin/true"] }),
        (
            "users",
            { spec in
                CrashTests.change(&spec, "user namespace")
            }
        ),
        ("hooks", { CrashTests.change(&$0, "hooks") }),
        (
            "slow",
            {
                $0.hooks = Hooks(
                    createRuntime: [hook("sleep 0.3")], startContainer: [hook("sleep 0.2")],
                    poststart: [hook("sleep 0.4")], poststop: [hook("sleep 0.1")])
            }
        ),
        (
            "failing",
            {
                $0.hooks = Hooks(
                    createRuntime: [hook("test $((`date +%s` % 2)) = 0")], poststart: [hook("exit 3")])
            }
        ),
        ("host", { $0.linux?.namespaces.removeAll { $0.type == "pid" } }),
        ("broken", { $0.process?.args = ["/bin/nonesuch"] }),
        (
            "forking",
            { $0.process?.args = ["/bin/sh", "-c", "sleep 3 & sleep 3 & (sleep 3 & sleep 3) & sleep 4"] }
        ),
    ]

    func throwCommands(seed: UInt64, workers: Int, each: Int, _ tally: inout RandomTally) async {
        await withTaskGroup(of: RandomTally.self) { group in
            for worker in 0..<workers {
                group.addTask { await self.work(seed: seed &+ UInt64(worker), worker, each) }
            }
            for await one in group { tally.add(one) }
        }
    }

    private func work(seed: UInt64, _ worker: Int, _ count: Int) async -> RandomTally {
        var numbers = SeededGenerator(seed: seed)
        var tally = RandomTally()
        for number in 0..<count {
            let command = RandomCommand.random(
                ids: ids, bundles: bundles, place: sandbox.directory, using: &numbers)
            let ended = await runner.run(command, "worker\(worker)")
            tally.commands += 1
            tally.slowest = max(tally.slowest, ended.seconds)
            if ended.isHung { tally.hangs += 1 }
            if ended.isHeld {
                tally.held += 1
                print("random commands: held up by a pause or a stop: \(command.text), \(Int(ended.seconds)) s")
            }
            if command.killedAfter != nil, ended.signal == SIGKILL { tally.killed += 1 }
            if ended.status != 0 { tally.refused += 1 }
            if let complaint = command.complaint(ended) ?? wrongState(command, ended, &tally) {
                tally.complaints.append(
                    "seed \(seed), number \(number), \(command.text): \(complaint) [\(ended.errors)]")
            }
        }
        return tally
    }

    private func wrongState(_ command: RandomCommand, _ ended: EndedCommand, _ tally: inout RandomTally) -> String? {
        guard command.words[0] == "state", ended.status == 0, ended.signal == 0 else { return nil }
        let object = try? JSONSerialization.jsonObject(with: Data(ended.output.utf8)) as? [String: Any]
        let status = object?["status"] as? String ?? "none"
        let pid = object?["pid"] as? Int ?? 0
        let hasProcess = ["created", "running", "paused"].contains(status)
        if hasProcess == (pid > 0), hasProcess || status == "stopped" || status == "creating" { return nil }
        // A container in creation has a process or none.
        if status == "creating" { return nil }
        tally.wrongStates += 1
        return "status \(status) with pid \(pid)"
    }

    /// Removes all containers, and checks for traces.
    func cleanUp(_ tally: inout RandomTally) async {
        for id in ids {
            let command = RandomCommand(
                words: ["delete", "--force", id], id: id, killedAfter: nil, runsProgram: false)
            let ended = await runner.run(command, "cleanup")
            tally.commands += 1
            tally.slowest = max(tally.slowest, ended.seconds)
            if ended.isHung { tally.hangs += 1 }
            if let complaint = command.complaint(ended) ?? (ended.status == 0 ? nil : "failed") {
                tally.complaints.append("in the end \(command.text): \(complaint) [\(ended.errors)]")
            }
        }
        // Killed processes may still be ending.
        var left: [String] = []
        for _ in 0..<200 {
            left = leftovers()
            if left.isEmpty { return }
            try? await Task.sleep(for: .milliseconds(20))
        }
        tally.leftovers += left.count
        tally.complaints.append("left after delete --force: \(left)")
        for process in left where process.hasPrefix("process ") {
            if let pid = process.split(separator: " ").dropFirst().first.flatMap({ Int32($0) }) { kill(pid, SIGKILL) }
        }
    }

    private func leftovers() -> [String] {
        let manager = FileManager.default
        var left = ((try? manager.contentsOfDirectory(atPath: sandbox.state)) ?? [])
            .filter { !$0.hasPrefix(".") }.map { "state \($0)" }
        for hierarchy in (try? manager.contentsOfDirectory(atPath: "/sys/fs/cgroup")) ?? [] {
            for id in ids {
                for name in [id, "swiftrun-\(id)"]
                where manager.fileExists(atPath: "/sys/fs/cgroup/\(hierarchy)/\(name)") {
                    left.append("cgroup \(hierarchy)/\(name)")
                }
            }
        }
        let mounts = (try? String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8)) ?? ""
        left += mounts.split(separator: "\n").filter { $0.contains(sandbox.id) }.map { "mount \($0)" }
        for pid in (try? manager.contentsOfDirectory(atPath: "/proc")) ?? [] {
            guard let number = Int32(pid), number != getpid(), let facts = try? processStat(number), !facts.hasEnded
            else { continue }
            let read = { (name: String) in (try? String(contentsOfFile: "/proc/\(pid)/\(name)", encoding: .utf8)) ?? ""
            }
            let command = read("cmdline").replacingOccurrences(of: "\0", with: " ")
            if command.contains(sandbox.id) || read("cgroup").contains(sandbox.id) {
                left.append("process \(pid) \(command)")
            }
        }
        return left
    }
}
