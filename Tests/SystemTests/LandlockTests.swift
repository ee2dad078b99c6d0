// Landlock if the kernel refuses it: best effort, and errors.

import Foundation
import Kernel
import OCISpec
import Testing

@Suite(.serialized, .enabled(if: geteuid() == 0, "root is needed"))
struct LandlockTests {
    private func configure(_ sandbox: Sandbox, bestEffort: Bool, _ program: [String] = ["/bin/cat", "/etc/passwd"])
        throws
    {
        try sandbox.configure { spec in
            spec.process?.args = program
            spec.annotations["org.swiftrun.landlock"] =
                #"{"ruleset":{"handledAccessFS":["read_file"]},"rules":{"pathBeneath":[{"allowedAccess":["read_file"],"#
                + #""paths":["/bin"]}]},"disableBestEffort":\#(!bestEffort)}"#
        }
    }

    /// The calls of a command that concern Landlock.
    private func calls(_ bench: FaultBench) async throws -> [(place: CallPlace, name: String)] {
        let watched = try await bench.run(["run", bench.sandbox.id])
        return watched.calls.filter { $0.name.hasPrefix("landlock_") }
    }

    @Test(arguments: [ENOSYS, EOPNOTSUPP])
    func `a kernel without it enforces nothing, with a note or an error`(code: Int32) async throws {
        try await withSandbox(.swiftrun) { sandbox in
            try configure(sandbox, bestEffort: true)
            let bench = try FaultBench(sandbox)
            let version = try #require(try await calls(bench).first { $0.place.process == 0 }).place
            let tolerant = try await bench.run(["run", sandbox.id], at: version, .fail(code))
            #expect(tolerant.status == 0, "\(tolerant.errors)")
            #expect(tolerant.output.hasPrefix("root:"))
            let sentence =
                #"annotations[\"org.swiftrun.landlock\"]: this host's kernel has no Landlock, or it is not enabled"#
            #expect(tolerant.errors.contains("level=warning msg=\"\(sentence): nothing is enforced\""))
            try configure(sandbox, bestEffort: false)
            let strict = try await bench.run(["run", sandbox.id], at: version, .fail(code))
            #expect(strict.status == 1)
            #expect(strict.errors.contains("swiftrun run failed: \(sentence)\""), "\(strict.errors)")
        }
    }

    @Test(.enabled(if: landlockVersion() > 0, "needs a kernel with Landlock"), arguments: [true, false])
    func `a step that fails is an error, whatever the effort`(bestEffort: Bool) async throws {
        try await withSandbox(.swiftrun) { sandbox in
            try configure(sandbox, bestEffort: bestEffort)
            let bench = try FaultBench(sandbox)
            let steps = try await calls(bench)
            #expect(
                steps.map(\.name) == [
                    "landlock_create_ruleset", "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self",
                ])
            let key = #"annotations[\"org.swiftrun.landlock\"]"#
            let sentences = [
                "\(key): restrict the process", "\(key).rules.pathBeneath[0].paths[0]: allow /bin",
                "\(key): restrict the process",
            ]
            for (step, sentence) in zip(steps.dropFirst(), sentences) {
                let outcome = try await bench.run(["run", sandbox.id], at: step.place, .fail(EPERM))
                #expect([outcome.verdict, outcome.call] == ["injected", step.name])
                #expect(outcome.status == 1)
                #expect(outcome.errors.contains("\(sentence): operation not permitted"), "\(outcome.errors)")
            }
        }
    }
}
