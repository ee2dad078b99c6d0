// Whole plans as text, compared with spec-fixtures/plan/golden; scripts/update-golden writes these files.

import Foundation
import OCISpec
import Testing

@testable import Planning

// Serialized, because the last test checks the files that the others write.
@Suite(.serialized)
struct GoldenPlanTests {
    private static let folder = Fixture.root.appending(path: "plan/golden")
    private static let updates = ProcessInfo.processInfo.environment["UPDATE_GOLDEN"] != nil

    private func compare(_ text: String, with name: String) throws {
        let file = Self.folder.appending(path: name + ".txt")
        if Self.updates { try text.write(to: file, atomically: true, encoding: .utf8) }
        #expect(try String(contentsOf: file, encoding: .utf8) == text)
    }

    private func text(_ spec: Spec, host: HostFacts = .unified) -> String {
        do throws(InvalidSpec) {
            let plan = try spec.plan(host: host)
            return (plan.summary(startsAtOnce: false) + plan.warnings.map { "warning: \($0)" })
                .map { $0 + "\n" }.joined()
        } catch {
            return "refused: \(error)\n"
        }
    }

    @Test(arguments: Fixture.all(in: "config/valid"))
    func `a valid config has its golden plan`(fixture: Fixture) throws {
        try compare(text(fixture.spec.completed), with: fixture.name)
    }

    @Test(arguments: Fixture.all(in: "default"))
    func `the default config has its golden plan`(fixture: Fixture) throws {
        try compare(text(fixture.spec, host: .legacy), with: "default-" + fixture.name)
    }

    @Test func `the plan of the default config has its golden JSON`() throws {
        let plan = try Fixture("root", in: "default").spec.plan(host: .legacy)
        let file = Self.folder.appending(path: "default-root.json")
        let text = String(decoding: plan.json(indent: "  "), as: UTF8.self) + "\n"
        if Self.updates { try text.write(to: file, atomically: true, encoding: .utf8) }
        #expect(try String(contentsOf: file, encoding: .utf8) == text)
    }

    @Test func `every golden plan belongs to a config`() throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path)
        let expected =
            Fixture.all(in: "config/valid").map { $0.name + ".txt" }
            + Fixture.all(in: "default").map { "default-\($0.name).txt" } + ["default-root.json"]
        #expect(names.sorted() == expected.sorted())
    }
}
