// The cost of each command in system calls, page faults and instructions, compared with the recorded numbers in costs.json:
// no change makes a command slower unseen. Times differ from machine to machine and are measured by scripts/bench.
//
// SWIFTRUN_COSTS=write records the numbers of this build.

import Foundation
import Glibc
import Testing

/// The recorded numbers of one command. Instructions are counted only where the command makes no container.
struct Cost: Codable, Equatable {
    var calls: Int
    var faults: Int
    var instructions: Int?
}

/// costs.json: the facts of the host on which the numbers hold, and the numbers by command.
struct CostTable: Codable {
    /// Where hierarchies are mounted; each costs a new container calls of its own.
    var hierarchies: [String]
    /// Kernels differ in what they map at a page fault, and in what is probed for.
    var kernel: String
    var costs: [String: Cost]

    static let path = RuntimeUnderTest.checkout + "/Tests/SystemTests/costs.json"
    static let isWritten = ProcessInfo.processInfo.environment["SWIFTRUN_COSTS"] == "write"
    static var recorded: CostTable? {
        (try? Data(contentsOf: URL(filePath: path))).flatMap { try? JSONDecoder().decode(CostTable.self, from: $0) }
    }
    static let hierarchiesHere = ((try? String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8)) ?? "")
        .split(separator: "\n").filter { $0.contains(" - cgroup ") || $0.contains(" - cgroup2 ") }
        .map { String($0.split(separator: " ")[4]) }.sorted()
    static let kernelHere = (try? String(contentsOfFile: "/proc/sys/kernel/osrelease", encoding: .utf8)) ?? ""
    static var isComparable: Bool {
        // A plain build has no stand-ins for parts of Swift's runtime and of glibc.
        ProcessInfo.processInfo.environment["SWIFTRUN_PLAIN"] != "1"
            && (isWritten || recorded?.hierarchies == hierarchiesHere && recorded?.kernel == kernelHere)
    }
}

@Suite(
    .serialized, .enabled(if: geteuid() == 0, "root is needed"),
    .enabled(
        if: CostTable.isComparable, "the numbers were recorded on another kernel, or with other cgroup hierarchies"))
struct CostTests {
    /// The least of some tries counts: a wait for a process or a cgroup may repeat a call.
    private static let tries = 3
    /// A busy cache adds page faults, and the C library chooses other functions on another processor.
    private static let tolerance = (calls: 1.03, faults: 1.25, instructions: 1.10)

    @Test func `no command costs more than recorded`() async throws {
        var measured = CostTable(
            hierarchies: CostTable.hierarchiesHere, kernel: CostTable.kernelHere, costs: [:])
        try await withSandbox(.swiftrun) { sandbox in
            try CrashTests.configure(sandbox)
            let bench = try FaultBench(sandbox)
            for operation in FaultedOperation.all where operation.start != .stays {
                measured.costs[operation.name] = try await cost(of: operation, bench)
            }
            try await bench.prepare(.exec)
            measured.costs["exec"] = try await cost(of: .exec, bench)
            measured.costs["state"] = try await cost(of: ["state", sandbox.id], bench)
            measured.costs["list"] = try await cost(of: ["list"], bench)
            measured.costs["create --dry-run"] = try await cost(of: ["create", "--dry-run", sandbox.id], bench)
            _ = try await bench.cleanUp()
        }
        if CostTable.isWritten { return try write(measured) }
        let recorded = try #require(CostTable.recorded)
        for (name, cost) in measured.costs.sorted(by: { $0.key < $1.key }) {
            let limit = try #require(recorded.costs[name], "\(name) has no recorded numbers")
            print("cost of \(name): \(cost), recorded \(limit)")
            #expect(Double(cost.calls) <= Double(limit.calls) * Self.tolerance.calls + 2, "\(name): system calls")
            #expect(Double(cost.faults) <= Double(limit.faults) * Self.tolerance.faults + 10, "\(name): page faults")
            guard let instructions = cost.instructions, let most = limit.instructions else { continue }
            #expect(Double(instructions) <= Double(most) * Self.tolerance.instructions, "\(name): instructions")
        }
    }

    private func write(_ table: CostTable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        try encoder.encode(table).write(to: URL(filePath: CostTable.path))
    }

    /// The cost of a command that changes its container.
    private func cost(of operation: FaultedOperation, _ bench: FaultBench) async throws -> Cost {
        let words = operation.command(bench.sandbox.id)
        var least = Cost(calls: .max, faults: .max)
        for _ in 0..<Self.tries {
            least.calls = min(least.calls, try await bench.calls(of: operation).count)
            try await bench.prepare(operation)
            least.faults = min(least.faults, try pageFaults(words, bench))
            #expect(try await bench.end(operation) == [])
        }
        return least
    }

    /// The cost of a command that only reads.
    private func cost(of words: [String], _ bench: FaultBench) async throws -> Cost {
        var least = Cost(calls: .max, faults: .max)
        for _ in 0..<Self.tries {
            least.calls = min(least.calls, try await bench.run(words).calls.count)
            least.faults = min(least.faults, try pageFaults(words, bench))
        }
        least.instructions = try await instructions(words, bench)
        return least
    }

    /// The page faults of the command and of all children that it has waited for (getrusage(2): ru_minflt).
    private func pageFaults(_ words: [String], _ bench: FaultBench) throws -> Int {
        let sandbox = bench.sandbox
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        for stream in [1, 2] as [Int32] {
            posix_spawn_file_actions_addopen(&actions, stream, sandbox.directory + "/out", O_WRONLY | O_TRUNC, 0)
        }
        let bundle = ["run", "create"].contains(words[0]) ? ["--bundle", sandbox.bundle] : []
        let call = [sandbox.runtime.path, "--root", sandbox.state, words[0]] + bundle + words.dropFirst()
        var arguments = call.map { strdup($0) } + [nil]
        defer { arguments.forEach { free($0) } }
        var environment: [UnsafeMutablePointer<CChar>?] = [nil]
        var pid: pid_t = 0
        try #require(posix_spawn(&pid, sandbox.runtime.path, &actions, nil, &arguments, &environment) == 0)
        var status: Int32 = 0
        var usage = rusage()
        while wait4(pid, &status, 0, &usage) != pid { try #require(errno == EINTR) }
        #expect(
            status == 0, "\(words): \((try? String(contentsOfFile: sandbox.directory + "/out", encoding: .utf8)) ?? "")"
        )
        return usage.ru_minflt
    }

    /// The instructions in user mode, as valgrind counts them on its own simulated processor: the same on any machine.
    private func instructions(_ words: [String], _ bench: FaultBench) async throws -> Int? {
        guard FileManager.default.isExecutableFile(atPath: "/usr/bin/valgrind") else {
            print("instructions are not counted: valgrind is not installed")
            return nil
        }
        let sandbox = bench.sandbox
        let call = ([sandbox.runtime.path, "--root", sandbox.state] + words).map { "'\($0)'" }.joined(separator: " ")
        let outcome = try await shell(
            "exec env -i /usr/bin/valgrind --tool=callgrind --callgrind-out-file=/dev/null \(call) </dev/null",
            in: sandbox.bundle)
        let counted = outcome.errors.split(separator: "\n").first { $0.contains("Collected : ") }
        return try #require(counted?.split(separator: " ").last.flatMap { Int($0) }, "\(outcome.errors)")
    }
}
