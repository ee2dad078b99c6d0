// The cases of spec-fixtures/bundles do not measure the machine.

import Foundation
import Testing

@testable import BundleHarness

struct CaseClockTests {
    private static let bundles = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../spec-fixtures/bundles").standardizedFileURL.path

    /// An emulated machine beside other tests is a hundred times slower than an idle one. A case shows that a command does not wait
    /// by something that lasts longer than the case may.
    @Test func `no case has an upper bound of seconds, or a limit of less than a minute`() throws {
        let directories = try CaseDirectory.find(in: Self.bundles)
        #expect(directories.count > 1000)
        // Their peer holds a full socket for a minute.
        let short = ["terminal/console-socket-full", "lifecycle/pidfd-socket-full", "seccomp/notify-agent-full"]
        for directory in directories where !short.contains(directory.name) {
            let test = try directory.load()
            for step in test.steps { #expect(step.expected["seconds"]?["atMost"] == nil, "\(test.name)") }
            if let limit = test.timeLimit { #expect(limit >= 60, "\(test.name)") }
        }
    }
}
