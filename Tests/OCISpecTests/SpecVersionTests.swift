// The effect of a config's version.

import Testing

@testable import OCISpec

struct SpecVersionTests {
    @Test(
        arguments: [
            ("1.0.0", -1), ("1.0.2", -1), ("1.2.1", -1), ("1.2.1+dev", -1), ("1.3.0-rc.1", -1), ("1.3.0", 0),
            ("1.3.0+dev", 0), ("1.3.1", 0), ("1.4.0", 0), ("2.0.0", 0), ("latest", 0),
        ] as [(String, Int64)])
    func `decides what a pids limit of nought means`(version: String, meaning: Int64) {
        let resources = LinuxResources(pids: LinuxPids(limit: 0))
        #expect(resources.meant(by: version).pids?.limit == meaning)
        #expect(resources.meant(by: version, isUpdate: true).pids?.limit == (meaning == -1 ? nil : 0))
    }

    @Test(arguments: [-1, 1, 5] as [Int64]) func `decides nothing about another limit`(limit: Int64) {
        let resources = LinuxResources(pids: LinuxPids(limit: limit))
        #expect(resources.meant(by: "1.0.2") == resources)
        #expect(resources.meant(by: "1.3.0", isUpdate: true) == resources)
    }

    @Test(arguments: ["", "1", "1.3", "1.3.0.0", "+1.3.0", "1.+3.0", "1.-3.0", "a.b.c", "1.3.x", "4294967296.0.0"])
    func `is three numbers`(text: String) { #expect(SpecVersion(text) == nil) }

    @Test func `orders releases`() {
        let order = ["0.9.9", "1.0.0-rc5", "1.0.0", "1.0.2", "1.2.10", "1.3.0-rc.1", "1.3.0", "1.10.0", "2.0.0"]
        #expect(order.compactMap(SpecVersion.init).sorted() == order.compactMap(SpecVersion.init))
        #expect(SpecVersion("1.3.0+a") == SpecVersion("1.3.0"))
    }
}
