// The results that `--debug` tells of the steps of a start that fails.

import Kernel
import Planning
import Testing

@testable import ContainerRuntime

struct StepLogTests {
    // Only the function that makes it uses it, and its log calls the closure on the same thread.
    private final class Notes: @unchecked Sendable { var lines: [String] = [] }

    /// The results of the steps with some keys, where the stages before have ended.
    private func results(
        _ report: StepReport?, ended: [PlanStage], of keys: [String]
    ) throws -> [String] {
        let notes = Notes()
        let plan = try ContainerPlan.sample()
        let log = StepLog { _, text in notes.lines.append(text) }
        log.begin(plan.lines(startsAtOnce: true, showsEnvironment: false))
        for stage in ended {
            for index in plan.mounts.indices where stage == .mount || index == 0 {
                log.done("x", stage, 1000, mount: index)
            }
        }
        notes.lines = []
        log.failed("it failed", 1000, at: report.flatMap { FailedStep($0, in: plan) })
        return keys.compactMap { key in
            notes.lines.first { $0.hasPrefix(key + ":") }?.split(separator: ": ").last.map { "\(key) \($0)" }
        }
    }

    private static let early: [PlanStage] = [.namespaces, .rootfs, .session, .mount, .devices]
    private static let untilProcess: [PlanStage] = early + [.pivot, .streams, .names, .paths, .process]

    @Test(arguments: [
        (
            StepReport(step: .mount, index: 1, code: .invalidArgument), [PlanStage.namespaces, .rootfs, .session],
            ["mounts[0] done", "mounts[1] failed", "hostname not reached"]
        ),
        (
            StepReport(step: .domainname, code: .notPermitted), early + [.pivot, .streams],
            ["hostname done", "domainname failed", "process.apparmorProfile not reached", "linux.sysctl not reached"]
        ),
        (
            StepReport(step: .lookup, code: .noSuchFileOrDirectory), untilProcess,
            ["process.capabilities.bounding done", "process.user done", "process.cwd done", "process.args failed"]
        ),
        (
            StepReport(step: .changeDirectory, code: .notDirectory), untilProcess,
            ["process.capabilities.bounding done", "process.user not reached", "process.cwd failed"]
        ),
        (
            StepReport(step: .changeDirectory, code: .noSuchFileOrDirectory), untilProcess,
            ["process.capabilities.bounding done", "process.user done", "process.cwd failed"]
        ),
        (
            StepReport(step: .standardStreams, code: .notPermitted), untilProcess,
            ["process.user not known to be done", "process.capabilities not reached"]
        ),
        (nil, early, ["root.path not known to be done", "hostname not reached"]),
    ])
    func `a failed step is told from those before and after it`(
        report: StepReport?, ended: [PlanStage], expected: [String]
    ) throws {
        let keys = expected.map { String($0.prefix { $0 != " " }) }
        #expect(try results(report, ended: ended, of: keys) == expected)
    }
}
