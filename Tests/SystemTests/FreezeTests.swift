// Every command stopped at its system calls in turn, and the container's cgroup frozen by another process in that moment:
// the command ends, says once why it failed, and nothing is left that `delete --force` does not remove.

import Foundation
import Testing

@Suite(.serialized, .enabled(if: geteuid() == 0, "root is needed"))
struct FreezeTests {
    private static let operations: [FaultedOperation] = [
        FaultedOperation.exec,
        FaultedOperation(name: "exec --detach", start: .stays, arguments: ["exec", "--detach", "ID", "/bin/true"]),
        FaultedOperation.create,
        FaultedOperation(name: "run --detach", start: .nothing, arguments: ["run", "--detach", "ID"]),
        FaultedOperation.starting, FaultedOperation.kill, FaultedOperation.force,
        FaultedOperation(name: "update", start: .stays, arguments: ["update", "--pids-limit", "100", "ID"]),
        FaultedOperation(name: "pause", start: .stays, arguments: ["pause", "ID"]),
        FaultedOperation(name: "ps", start: .stays, arguments: ["ps", "ID"]),
    ]

    // The exec process is cloned by an intermediate in the runtime's memory, by one with memory of its own, and directly.
    private static let kinds = ["default", "time namespace", "user namespace"]

    @Test(arguments: operations, kinds)
    func `a cgroup that is frozen at any call holds no command`(
        _ operation: FaultedOperation, _ kind: String
    ) async throws {
        if kind != "default", operation.start != .nothing, !operation.name.hasPrefix("exec") { return }
        try await withSandbox(.swiftrun) { sandbox in
            try CrashTests.configure(sandbox, kind)
            let state = sandbox.cgroup
            let script = { (word: String, digit: Int) in
                """
                file=/sys/fs/cgroup\(state)/cgroup.freeze
                if [ -e /sys/fs/cgroup/cgroup.controllers ]; then echo \(digit) >$file
                else echo \(word) >/sys/fs/cgroup/freezer\(state)/freezer.state; fi 2>/dev/null
                true

                """
            }
            let (freeze, thaw) = (sandbox.directory + "/freeze", sandbox.directory + "/thaw")
            try sandbox.write(freeze, script("FROZEN", 1))
            try sandbox.write(thaw, script("THAWED", 0))
            let bench = try FaultBench(sandbox)
            let calls = try await bench.calls(of: operation)
            var table = FaultTable(operation.name + (kind == "default" ? "" : ", \(kind)"), "frozen")
            let step = FaultBench.isObservedThoroughly ? 1 : 1 + calls.count / 8
            for (number, (place, _)) in calls.enumerated() where number % step == 0 {
                try await bench.prepare(operation)
                // A command in the foreground waits for its program, which is frozen too.
                let thawing = Task {
                    guard operation.name == "exec" else { return }
                    try await Task.sleep(for: .seconds(6))
                    _ = try await shell("sh '\(thaw)'")
                }
                let fault = Fault.ask(["/bin/sh", freeze], 4000)
                let outcome = try await bench.run(operation.command(sandbox.id), at: place, fault)
                thawing.cancel()
                table.count(outcome)
                for problem in Self.problems(outcome) { table.complain(place, fault, outcome, problem) }
                let left = try await bench.cleanUp()
                if !left.isEmpty { table.complain(place, fault, outcome, "left \(left)") }
            }
            table.conclude()
        }
    }

    private static func problems(_ outcome: FaultOutcome) -> [String] {
        if outcome.verdict == "hung" { return ["hung"] }
        if outcome.status > 128, outcome.status != 255 { return ["ended with \(outcome.status)"] }
        let records = outcome.errorRecords.count
        return records == (outcome.status == 0 ? 0 : 1) ? [] : ["\(records) errors for status \(outcome.status)"]
    }
}
