// Every system call of every command fails in turn: the command says so once and leaves nothing, or does its work as ever.

import Foundation
import Kernel
import OCISpec
import Testing

@Suite(.serialized, .enabled(if: geteuid() == 0, "root is needed"))
struct FaultTests {
    // In every build each call fails in one of these ways, turn and turn about; with SWIFTRUN_FAULTS=all in all of them.
    // Not ENOENT: that something is not there is not a failure but a fact, which changes what is right.
    static let codes = [EIO, ENOMEM, EPERM, EINTR]

    @Test(arguments: StruckOperation.all)
    func `whatever call fails, the command says so and leaves nothing, or does its work`(
        _ operation: StruckOperation
    ) async throws {
        try await failEveryCall(operation, "default")
    }

    @Test(arguments: ["hooks", "user namespace", "time namespace", "seccomp"])
    func `the same holds for containers of any kind`(_ variant: String) async throws {
        try await failEveryCall(.run, variant, every: FaultBench.isThorough ? 1 : 5)
    }

    private func failEveryCall(_ operation: StruckOperation, _ variant: String, every step: Int = 1) async throws {
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
        _ operation: StruckOperation, at place: CallPlace, _ code: Int32, _ bench: FaultBench, _ expected: String?,
        _ table: inout FaultTable
    ) async throws {
        let blow = Blow.fail(code)
        try await bench.prepare(operation)
        let outcome = try await bench.run(operation.command(bench.sandbox.id), at: place, blow)
        table.count(outcome)
        switch outcome.verdict {
        case "hung": table.complain(place, blow, outcome, "hung")
        case "struck" where outcome.status == 0:
            table.tolerated += 1
            let seen = try await bench.sight(of: operation, outcome)
            if seen != expected, !FaultBench.maySeeOtherwise(outcome.call, code) {
                table.complain(place, blow, outcome, "succeeded with another container: \(difference(expected, seen))")
            }
            if !outcome.errorRecords.isEmpty { table.complain(place, blow, outcome, "succeeded with an error") }
        case "struck":
            table.refused += 1
            bench.checkAnswer(operation, place, blow, outcome, &table)
        default: break
        }
        let left = try await bench.end(operation)
        if !left.isEmpty { table.complain(place, blow, outcome, "left \(left)") }
    }

    private func difference(_ expected: String?, _ seen: String?) -> String {
        let words = { (text: String?) in Set((text ?? "nothing").split(separator: ",")) }
        let (old, new) = (words(expected), words(seen))
        return "without \(old.subtracting(new).sorted().prefix(5)), with \(new.subtracting(old).sorted().prefix(5))"
    }
}
