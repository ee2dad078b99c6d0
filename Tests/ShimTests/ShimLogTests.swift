// The shim's log for containerd.

import Testing

@testable import Shim

struct ShimLogTests {
    // PrintableTextTests covers which characters are escaped.
    @Test(arguments: [
        ("plain Ünïcode 漢字", "\"plain Ünïcode 漢字\""), ("a\"b\\c\nlevel=error", #""a\"b\\c\nlevel=error""#),
    ])
    func `a message is one quoted value in its record`(_ text: String, _ quoted: String) {
        let record = ShimLog.record("warning", text)
        #expect(record.hasSuffix(" level=warning msg=\(quoted) runtime=swift-shim\n"))
        #expect(record.utf8.filter { $0 == 10 }.count == 1)
    }
}
