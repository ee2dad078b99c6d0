// Checkpoint and restore with a fault at a system call, of the runtime or of CRIU; where CRIU can run.

import Foundation
import Glibc
import Kernel
import OCISpec
import Testing

/// A kind of container, or of checkpoint.
struct CheckpointVariant: Sendable {
    var name: String
    var options: [String] = []
    /// Whether `restore` is another than that of a plain container.
    var isRestored = false
    var isPaused = false
    /// Whether another process receives the memory.
    var hasPageServer = false
    /// The refusal of a kernel that cannot do it; a container has to outlive that as well.
    var refusal: String?
    var change: @Sendable (inout Spec, Int32) -> Void = { _, _ in }

    static let all = [
        Self(name: "plain", isRestored: true),
        Self(name: "leaves running", options: ["--leave-running"]),
        Self(name: "paused", isPaused: true),
        Self(name: "pre-dump", options: ["--pre-dump"], refusal: "memory tracking missing"),
        Self(name: "parent", options: ["--parent-path", "."], refusal: "memory tracking missing"),
        Self(name: "page server", hasPageServer: true),
        Self(name: "CRIU's cgroups", options: ["--manage-cgroups-mode", "soft"], isRestored: true),
        Self(name: "user namespace", isRestored: true) { spec, _ in CrashTests.change(&spec, "user namespace") },
        Self(name: "namespaces of others", isRestored: true) { spec, keeper in
            spec.hostname = nil
            for (type, file) in [("network", "net"), ("ipc", "ipc"), ("uts", "uts")] {
                guard let index = spec.linux?.namespaces.firstIndex(where: { $0.type == type }) else { continue }
                spec.linux?.namespaces[index].path = "/proc/\(keeper)/ns/\(file)"
            }
        },
    ]
}

/// One command, tried with all faults.
struct CheckpointCell: Sendable, CustomTestStringConvertible {
    var command: String
    var variant: CheckpointVariant
    var testDescription: String { "\(command), \(variant.name)" }

    static let all =
        CheckpointVariant.all.map { Self(command: "checkpoint", variant: $0) }
        + CheckpointVariant.all.filter(\.isRestored).map { Self(command: "restore", variant: $0) }

    static let faultsOfRuntime = [Fault.kill("caller"), .kill("first"), .fail(EPERM), .fail(ENOMEM), .fail(ENOSPC)]
    // What CRIU does when its own calls fail is its own affair.
    static let faultsOfCRIU = [Fault.kill("caller")]

    /// Which calls are tried, with which faults: all with `SWIFTRUN_FAULTS=all`; with a number, each call in so many with
    /// the next fault; else a few.
    func places(_ calls: [(place: CallPlace, name: String)]) -> [(CallPlace, Fault)] {
        // What the runtime's child calls once it is another program is CRIU's.
        let begin = calls.firstIndex { $0.place.process > 0 && $0.name == "execve" }.map { calls[$0].place }
        let isOfCRIU = { (place: CallPlace) in
            begin.map { place.process == $0.process && place.call > $0.call } ?? false
        }
        let few = variant.name == "plain" ? 20 : 4
        return sample(calls.map(\.place).filter { !isOfCRIU($0) }, Self.faultsOfRuntime, few)
            + sample(calls.map(\.place).filter(isOfCRIU), Self.faultsOfCRIU, few / 2)
    }

    private func sample(_ places: [CallPlace], _ faults: [Fault], _ few: Int) -> [(CallPlace, Fault)] {
        if FaultBench.isThorough { return places.flatMap { place in faults.map { (place, $0) } } }
        let step = FaultBench.step ?? 1 + places.count / few
        return stride(from: 0, to: places.count, by: step).enumerated().map { number, index in
            (places[index], faults[number % faults.count])
        }
    }
}

@Suite(.serialized, .enabled(if: CRIU.missing == nil, "\(CRIU.missing ?? "")"))
struct CheckpointFaultTests {
    @Test(arguments: CheckpointCell.all)
    func `a fault at any call leaves a container that runs, or what delete removes`(_ cell: CheckpointCell) async throws
    {
        try await withSandbox(.swiftrun) { sandbox in
            let trial = try await CheckpointTrial(sandbox, cell)
            do {
                try await trial.run()
            } catch {
                trial.end()
                throw error
            }
            trial.end()
        }
    }
}

/// A container that is checkpointed or restored under the fault injector.
private final class CheckpointTrial {
    private let bench: FaultBench
    private let cell: CheckpointCell
    /// Beside the sandbox, in which nothing may be left.
    private let images = "/tmp/images-" + UUID().uuidString.lowercased()
    /// A process whose namespaces a container can join.
    private let keeper: Int32
    private var pageServer: Int32 = 0
    private var port = 0

    init(_ sandbox: Sandbox, _ cell: CheckpointCell) async throws {
        let keeper = try await Self.background("exec unshare --net --ipc --uts sleep 100000")
        try sandbox.configure { spec in
            spec.process?.args = ["sleep", "1000"]
            cell.variant.change(&spec, keeper)
        }
        (self.cell, self.keeper) = (cell, keeper)
        bench = try FaultBench(sandbox)
    }

    private static func background(_ command: String) async throws -> Int32 {
        let outcome = try await shell("\(command) </dev/null >/dev/null 2>&1 & echo $!")
        return try #require(Int32(outcome.output.trimmingCharacters(in: .newlines)))
    }

    func end() {
        kill(keeper, SIGKILL)
        endPageServer()
        try? FileManager.default.removeItem(atPath: images)
    }

    private func endPageServer() {
        if pageServer > 0 { kill(pageServer, SIGKILL) }
        pageServer = 0
    }

    private var words: [String] {
        var words = [cell.command, "--image-path", images]
        if cell.command == "restore" {
            words.append("--detach")
            if cell.variant.options.first == "--manage-cgroups-mode" { words += cell.variant.options }
        } else {
            words += cell.variant.options
            if cell.variant.hasPageServer { words += ["--page-server", "127.0.0.1:\(port)"] }
        }
        return words + [bench.sandbox.id]
    }

    /// Without a fault, and then with each.
    func run() async throws {
        try await prepare()
        let plain = try await bench.run(words, injector: injector)
        if plain.status != 0 {
            let refusal = try #require(cell.variant.refusal, "\(plain.errors)")
            #expect(plain.errors.contains(refusal), "\(plain.errors)")
        }
        #expect(try await bench.cleanUp() == [])
        var table = FaultTable("\(cell.command), \(cell.variant.name)", "killed or failing")
        for (place, fault) in cell.places(plain.calls) {
            try await prepare()
            let outcome = try await bench.run(words, at: place, fault, injector: injector)
            table.count(outcome)
            try await judge(outcome, at: place, fault, &table)
        }
        table.conclude()
    }

    private var injector: [String] { ["--programs", "all", "--seconds", "60"] }

    /// Makes what the command needs: a running container, or images.
    private func prepare() async throws {
        let sandbox = bench.sandbox
        if cell.command == "restore", access(images, F_OK) == 0 { return }
        try? FileManager.default.removeItem(atPath: images)
        // With the streams that a restore will have: CRIU opens files of the host again.
        let started = try await bench.run(["run", "--detach", sandbox.id])
        #expect(started.status == 0, "\(started.errors)")
        if cell.command == "restore" {
            let written = try await bench.run(
                ["checkpoint", "--image-path", images] + cell.variant.options + [sandbox.id])
            #expect(written.status == 0, "\(written.errors)")
            return
        }
        if cell.variant.isPaused { #expect(try await sandbox.call("pause", sandbox.id).status == 0) }
        if cell.variant.hasPageServer { try await startPageServer() }
    }

    private func startPageServer() async throws {
        endPageServer()
        mkdir(images, 0o700)
        port = 20_000 + Int(getpid()) % 20_000
        pageServer = try await Self.background(
            "exec criu page-server --images-dir \(images) --address 127.0.0.1 --port \(port)")
        let listening = ":" + String(port, radix: 16, uppercase: true) + " 00000000:0000 0A"
        try await eventually("the page server listens") {
            try String(contentsOfFile: "/proc/net/tcp", encoding: .utf8).contains(listening)
        }
    }

    private func judge(
        _ outcome: FaultOutcome, at place: CallPlace, _ fault: Fault, _ table: inout FaultTable
    ) async throws {
        let what = "\(cell.testDescription) \(place) \(outcome.call) \(fault)"
        if outcome.verdict == "hung" { table.complain(place, fault, outcome, "hung") }
        if case .fail = fault, outcome.verdict == "injected", outcome.status != 0 {
            let operation = FaultedOperation(
                name: cell.command, start: cell.command == "restore" ? .nothing : .running, arguments: words)
            bench.checkAnswer(operation, place, fault, outcome, &table)
        }
        // CRIU whose runtime is gone takes back what it has begun; until then the container stands still.
        try await eventually("\(what): the container runs, or has ended") { try await self.goesOn() }
        let left = try await bench.cleanUp()
        if !left.isEmpty { table.complain(place, fault, outcome, "left \(left)") }
        try await eventually("\(what): no CRIU is left") { self.criu() == [] }
        let rules = try await shell("! command -v iptables-save || nsenter -t \(keeper) -n iptables-save | grep DROP")
        if rules.output.contains("DROP") { table.complain(place, fault, outcome, "left \(rules.output)") }
        endPageServer()
    }

    private func goesOn() async throws -> Bool {
        let sandbox = bench.sandbox
        switch try await sandbox.status() {
        case "paused":
            if !cell.variant.isPaused { return false }
            guard try await sandbox.call("resume", sandbox.id).status == 0 else { return false }
            return try await sandbox.call("exec", sandbox.id, "/bin/true").status == 0
        case "running": return try await sandbox.call("exec", sandbox.id, "/bin/true").status == 0
        default: return true
        }
    }

    /// The processes that have the images open.
    private func criu() -> [String] {
        let files = FileManager.default
        return ((try? files.contentsOfDirectory(atPath: "/proc")) ?? []).filter { pid in
            guard let number = Int32(pid), number != pageServer else { return false }
            let descriptors = (try? files.contentsOfDirectory(atPath: "/proc/\(pid)/fd")) ?? []
            return descriptors.contains { name in
                (try? files.destinationOfSymbolicLink(atPath: "/proc/\(pid)/fd/\(name)"))?.hasPrefix(images) ?? false
            }
        }
    }
}
