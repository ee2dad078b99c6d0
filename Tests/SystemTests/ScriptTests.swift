// Scripts, parts of packages, and the commands that the documents show.

import Foundation
import Testing

struct ScriptTests {
    private static let folder = RuntimeUnderTest.checkout + "/Tests/scripts"
    static let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()

    @Test func `there are tests of scripts`() { #expect(Self.names.count >= 4) }

    @Test(arguments: names)
    func `a test of the scripts passes`(name: String) async throws {
        let outcome = try await execute(Self.folder + "/" + name, [], in: RuntimeUnderTest.checkout)
        #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
    }
}
