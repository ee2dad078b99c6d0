// The names of the runtimes in a report, and the words of --runtime.

import BundleHarness
import Testing

struct RuntimeLabelTests {
    @Test(
        arguments: [
            (["runc", "crun"], ["runc", "/usr/bin/crun"], ["runc", "crun"]),
            (["runc", "runc"], ["runc", "./my/runc"], ["runc", "./my/runc"]),
            (["runc", "runc", "crun"], ["/a/runc", "/b/runc", "/b/crun"], ["/a/runc", "/b/runc", "crun"]),
            (["runc --debug", "runc"], ["./runc --debug", "runc"], ["runc --debug", "runc"]),
            (["runc", "runc", "runc"], ["runc", "runc", "./runc"], ["runc", "runc (2)", "./runc"]),
        ])
    func `two runtimes have different names`(short: [String], given: [String], labels: [String]) {
        #expect(TestedRuntime.distinctLabels(short, inFull: given) == labels)
    }

    @Test(
        arguments: [
            ("runc", ["runc"]), ("  crun   --systemd-cgroup ", ["crun", "--systemd-cgroup"]),
            (#"'my rt/crun' --debug"#, ["my rt/crun", "--debug"]), (#""my rt/crun""#, ["my rt/crun"]),
            (#"my\ rt/crun"#, ["my rt/crun"]), (#"crun --log='a b'"c d"\'"#, ["crun", "--log=a bc d'"]),
            (#"a "" b"#, ["a", "", "b"]), (#"'a\b' "c\d\"e""#, [#"a\b"#, #"c\d"e"#]), ("", []),
        ])
    func `a runtime's words are divided as in a shell`(text: String, words: [String]) throws {
        #expect(try shellWords(text) == words)
    }

    @Test(
        arguments: [
            ("'a", "the quote ' is not closed"), (#""a'"#, "the quote \" is not closed"),
            (#"a\"#, "nothing follows the backslash"),
        ])
    func `what is not closed is refused`(text: String, problem: String) {
        #expect(throws: CaseError("--runtime \(text): \(problem)")) { try shellWords(text) }
    }
}
