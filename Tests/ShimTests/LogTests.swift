// The shim's log for containerd.

import Testing

@testable import Shim

struct LogTests {
    @Test(arguments: [
        ("plain Ünïcode 漢字", "plain Ünïcode 漢字"), ("a\"b\\c", "a\\\"b\\\\c"), ("a\nlevel=error", "a\\nlevel=error"),
        ("\u{1b}[2J", "\\u001b[2J"), ("\u{7f}\u{9b}", "\\u007f\\u009b"), ("\u{202e}\u{2028}", "\\u202e\\u2028"),
        ("\r\n", "\\u000d\\n"),
    ])
    func `no text forges a record or steers a terminal`(_ text: String, _ quoted: String) {
        #expect(Log.quote(text) == quoted)
    }
}
