// The cases of spec-fixtures/bundles do not measure the machine.

import Foundation
import Testing

struct CaseClockTests {
    private static let bundles = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../spec-fixtures/bundles").standardizedFileURL

    private static func atMostSeconds(in value: Any) -> [Any] {
        if let list = value as? [Any] { return list.flatMap(atMostSeconds) }
        guard let members = value as? [String: Any] else { return [] }
        let own = (members["seconds"] as? [String: Any])?["atMost"].map { [$0] } ?? []
        return own + members.values.flatMap(atMostSeconds)
    }

    /// An emulated machine beside other tests is a hundred times slower than an idle one. A case shows that a command does not wait
    /// by something that lasts longer than the case may.
    @Test func `no case has an upper bound of seconds, or a limit of less than a minute`() throws {
        let paths = try FileManager.default.subpathsOfDirectory(atPath: Self.bundles.path)
        let names = paths.filter { $0.hasSuffix("/case.json") }
        #expect(names.count > 1000)
        // Their peer holds a full socket for a minute.
        let short = ["terminal/console-socket-full", "lifecycle/pidfd-socket-full", "seccomp/notify-agent-full"]
        for name in names where !short.contains(where: { name.hasPrefix($0 + "/") }) {
            let text = try Data(contentsOf: Self.bundles.appending(path: name))
            let members = try #require(try JSONSerialization.jsonObject(with: text) as? [String: Any], "\(name)")
            #expect(Self.atMostSeconds(in: members).isEmpty, "\(name)")
            if let limit = members["timeLimit"] as? Int { #expect(limit >= 60, "\(name)") }
        }
    }
}
