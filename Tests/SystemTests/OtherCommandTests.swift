// Every command is stopped at its system calls in turn, and another command on the same container runs at that time:
// it gets an answer, `delete --force` wins in any case, and nothing is left.

import Foundation
import OCISpec
import Testing

@Suite(.serialized, .enabled(if: geteuid() == 0, "root is needed"))
struct OtherCommandTests {
    /// The longest time that the command stays stopped, in milliseconds, unless the other one ends before.
    private static let patience = 4000

    /// The other commands. `delete --force` does not wait for other commands; the others may report that the
    /// container is busy.
    private static let others: [[String]] = [
        ["delete", "--force", "ID"], ["kill", "ID", "KILL"], ["delete", "--force", "ID"], ["start", "ID"],
        ["delete", "--force", "ID"], ["update", "--pids-limit", "100", "ID"], ["delete", "ID"],
        ["delete", "--force", "ID"], ["create", "ID"], ["mounts", "add", "ID", "MOUNTS"], ["resume", "ID"],
        ["pause", "ID"], ["pause", "ID"],
    ]

    private static let kinds = ["default", "hooks", "user namespace"]

    @Test(arguments: FaultedOperation.all, kinds)
    func `another command at any call gets an answer, and delete wins`(
        _ operation: FaultedOperation, _ kind: String
    ) async throws {
        if kind != "default", operation.name != "create", operation.name != "start" { return }
        try await withSandbox(.swiftrun) { sandbox in
            try CrashTests.configure(sandbox, kind)
            let mounts = [Mount(destination: "/tmp", type: "tmpfs", source: "tmpfs")]
            try sandbox.write(sandbox.directory + "/mounts", String(decoding: mounts.json(), as: UTF8.self))
            let bench = try FaultBench(sandbox)
            let calls = try await bench.calls(of: operation)
            var table = FaultTable(operation.name + (kind == "default" ? "" : ", \(kind)"), "another command")
            let step = FaultBench.isObservedThoroughly ? 1 : 1 + calls.count / 24
            for (number, (place, _)) in calls.enumerated() where number % step == 0 {
                let turns =
                    FaultBench.isObservedThoroughly
                    ? Array(Set(Self.others)) : [Self.others[number / step % Self.others.count]]
                for other in turns { try await give(other, during: operation, place, bench, &table) }
            }
            _ = try await bench.cleanUp()
            table.conclude()
        }
    }

    private func give(
        _ other: [String], during operation: FaultedOperation, _ place: CallPlace, _ bench: FaultBench,
        _ table: inout FaultTable
    ) async throws {
        let sandbox = bench.sandbox
        let words = other.map { $0 == "ID" ? sandbox.id : $0 == "MOUNTS" ? sandbox.directory + "/mounts" : $0 }
        let fault = Fault.ask([sandbox.runtime.path, "--root", sandbox.state] + words, Self.patience)
        try await bench.prepare(operation)
        // A paused program continues on `resume`, and a command in the foreground waits for its program.
        let resuming = Task {
            guard other[0] == "pause", operation.name == "exec" || operation.name == "run" else { return }
            try await Task.sleep(for: .seconds(5))
            try await sandbox.call("resume", sandbox.id)
        }
        let outcome = try await bench.run(operation.command(sandbox.id), at: place, fault)
        resuming.cancel()
        table.count(outcome)
        let complain = { (table: inout FaultTable, what: String) in
            table.complain(place, .ask(words, Self.patience), outcome, what)
        }
        if outcome.verdict == "hung" { complain(&table, "hung") }
        if outcome.verdict == "injected" {
            // A pid namespace ends when all of its processes are reaped, including exec processes. pid_namespaces(7).
            let isPrompt = other.contains("--force") && operation.name != "exec"
            for problem in Self.problems(outcome, isPrompt: isPrompt) { complain(&table, problem) }
        }
        // The other command may have ended a container that stays between runs.
        let left = try await bench.cleanUp()
        if !left.isEmpty { complain(&table, "left \(left)") }
    }

    private static func problems(_ outcome: FaultOutcome, isPrompt: Bool) -> [String] {
        guard outcome.answer.count > 2, let status = Int(outcome.answer[0]) else { return ["no answer"] }
        let text = outcome.answer.dropFirst(3).joined(separator: " ")
        var found: [String] = []
        if isPrompt, status != 0 || outcome.answer[2] != "prompt" {
            found.append("delete --force: \(outcome.answer.joined(separator: " "))")
        }
        let records = text.components(separatedBy: "level=error").count - 1
        if status == 137, !isPrompt {
            found.append("never answered")
        } else if status > 128, status != 255 {
            found.append("the other command ended with \(status)")
        } else if records != (status == 0 ? 0 : 1) {
            found.append("the other command's \(records) errors for status \(status): \(text)")
        }
        // A process that is killed with its container reports nothing.
        if outcome.status != 0, outcome.status < 128, outcome.errorRecords.count != 1 {
            found.append("the command's \(outcome.errorRecords.count) errors for status \(outcome.status)")
        }
        return found
    }
}
