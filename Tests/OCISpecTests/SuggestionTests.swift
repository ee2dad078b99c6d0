// Suggestions in place of misspelt words.

import Testing

@testable import OCISpec

struct SuggestionTests {
    @Test(
        "the nearest word is suggested",
        arguments: [
            ("pidd", "pid"), ("PID", "pid"), ("net", "network"), ("netwrok", "network"), ("userns", "user"),
            ("mounts", "mount"), ("utz", "uts"),
        ])
    func nearest(word: String, meant: String) {
        let known = ["cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"]
        #expect(suggestion(for: word, among: known) == " (did you mean \(meant)?)")
    }

    @Test(
        "a prefix that is left out or in other letters counts as there",
        arguments: ["NET_ADMIN", "net_admin", "cap_net_admin", "CAP_NET_ADMN", "NET_AMDIN"])
    func prefixed(word: String) {
        let known = ["CAP_NET_BIND_SERVICE", "CAP_NET_ADMIN", "CAP_SYS_ADMIN"]
        #expect(suggestion(for: word, among: known, prefix: "CAP_") == " (did you mean CAP_NET_ADMIN?)")
    }

    @Test(
        "of words that begin alike the nearest is suggested, wherever it stands in the list",
        arguments: [("X86-64", "X86_64"), ("X86_6", "X86_64"), ("x86", "X86"), ("MIPSEL64N", "MIPSEL64")])
    func beginnings(word: String, meant: String) {
        let known = ["X86", "X86_64", "MIPSEL", "MIPSEL64", "MIPSEL64N32"]
        for list in [known, known.reversed()] {
            #expect(
                suggestion(for: "SCMP_ARCH_" + word, among: list, prefix: "SCMP_ARCH_") == " (did you mean \(meant)?)")
        }
    }

    @Test(
        "nothing is suggested for a word that resembles none",
        arguments: ["", "x", "xy", "levitate", "CAP_", "CAP_FLY", String(repeating: "p", count: 100_000), "é", "\u{0}"])
    func none(word: String) {
        #expect(suggestion(for: word, among: ["CAP_KILL", "CAP_BPF"], prefix: "CAP_") == "")
        #expect(suggestion(for: word, among: []) == "")
    }
}
