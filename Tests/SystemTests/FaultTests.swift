// Every system call of every command fails in turn: the command reports it once and leaves nothing, or succeeds as
// usual.

import Foundation
import Kernel
import OCISpec
import Testing

@Suite(.serialized, .enabled(if: geteuid() == 0, "root is needed"))
struct FaultTests {
    // In every build each call fails in one of these ways, in rotation; with SWIFTRUN_FAULTS=all in all of them.
    // ENOENT is excluded: a missing file is a fact, not a failure, and changes the correct result.
    static let codes = [EIO, ENOMEM, EPERM, EINTR]

    @Test(arguments: FaultedOperation.all)
    func `whatever call fails, the command reports it and leaves nothing, or succeeds`(
        _ operation: FaultedOperation
    ) async throws {
        try await failEveryCall(operation, "default")
    }

    @Test(arguments: ["hooks", "user namespace", "time namespace", "seccomp"])
    func `the same holds for containers of any kind`(_ variant: String) async throws {
        try await failEveryCall(.run, variant, every: FaultBench.isThorough ? 1 : 5)
    }

    private func failEveryCall(_ operation: FaultedOperation, _ variant: String, every step: Int = 1) async throws {
        try await withSandbox(.swiftrun) { sandbox in
            try CrashTests.configure(sandbox, variant)
            let bench = try FaultBench(sandbox)
            let calls = try await bench.calls(of: operation)
            try await bench.prepare(operation)
            let untouched = try await bench.run(operation.command(sandbox.id))
            let expected = try await bench.sight(of: operation, untouched)
            _ = try await bench.end(operation)
            #expect(operation.observes == (expected != nil))
            var table = FaultTable(operation.name + (variant == "default" ? "" : ", \(variant)"), "failing")
            for (number, (place, _)) in calls.enumerated() where place.call % step == 0 {
                let codes = FaultBench.isThorough ? Self.codes : [Self.codes[number / step % Self.codes.count]]
                for code in codes {
                    try await fail(operation, at: place, code, bench, expected, &table)
                }
            }
            _ = try await bench.cleanUp()
            table.conclude()
        }
    }

    private func fail(
        _ operation: FaultedOperation, at place: CallPlace, _ code: Int32, _ bench: FaultBench, _ expected: String?,
        _ table: inout FaultTable
    ) async throws {
        let fault = Fault.fail(code)
        try await bench.prepare(operation)
        let outcome = try await bench.run(operation.command(bench.sandbox.id), at: place, fault)
        table.count(outcome)
        switch outcome.verdict {
        case "hung": table.complain(place, fault, outcome, "hung")
        case "injected" where outcome.status == 0:
            table.tolerated += 1
            let seen = try await bench.sight(of: operation, outcome)
            if seen != expected, !FaultBench.maySeeOtherwise(outcome.call, code) {
                table.complain(place, fault, outcome, "succeeded with another container: \(difference(expected, seen))")
            }
            if !outcome.errorRecords.isEmpty { table.complain(place, fault, outcome, "succeeded with an error") }
        case "injected":
            table.refused += 1
            bench.checkAnswer(operation, place, fault, outcome, &table)
        default: break
        }
        let left = try await bench.end(operation)
        if !left.isEmpty { table.complain(place, fault, outcome, "left \(left)") }
    }

    private func difference(_ expected: String?, _ seen: String?) -> String {
        let words = { (text: String?) in Set((text ?? "nothing").split(separator: ",")) }
        let (old, new) = (words(expected), words(seen))
        return "without \(old.subtracting(new).sorted().prefix(5)), with \(new.subtracting(old).sorted().prefix(5))"
    }
}
