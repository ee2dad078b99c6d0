// Names and outputs that try to be more than text, and files that are none.

@testable import BundleHarness
import Glibc
import SystemPackage
import Testing

/// One of each kind: terminal sequences in 7 and 8 bits, ends of text and of lines, and what turns the order of letters round.
private let hostileCharacters: [Unicode.Scalar] = [
    "\u{0}", "\u{1b}", "\u{7f}", "\u{9b}", "\r", "\u{61c}", "\u{200e}", "\u{200f}", "\u{2028}", "\u{202a}", "\u{202b}",
    "\u{202c}", "\u{202d}", "\u{202e}", "\u{2066}", "\u{2067}", "\u{2068}", "\u{2069}", "\u{feff}", "\u{e0041}",
]

struct HostileTextTests {
    @Test(arguments: ReportFormat.allCases)
    func `no report has a character that does something to its reader`(format: ReportFormat) {
        for character in hostileCharacters {
            let text = "café \(character)gnp"
            let results: [CaseResult] = [CaseResult.Verdict.failed, .known, .skipped, .passed].map {
                CaseResult(
                    caseName: "\(text)/\($0)", runtime: text, verdict: $0, messages: [text, "a\n\(text)"], reason: text,
                    transcript: ["$ \(text)", "| \(text)"])
            }
            let report = format.text(results, runtimes: [text])
            #expect(!report.unicodeScalars.contains(character), "U+\(String(character.value, radix: 16))")
            #expect(report.contains("café"))
        }
    }

    @Test func `a line feed in a name ends no row`() {
        let name = "a\nFAILED b|c"
        let result = CaseResult(caseName: name, runtime: "runc", verdict: .passed)
        #expect(
            ReportFormat.table.text([result], runtimes: ["runc"]) == """
                case           runc
                a\\nFAILED b|c  ok

                runc: 1 passed, 0 failed, 0 known to differ, 0 skipped

                """)
        let lines = ReportFormat.tap.text([result], runtimes: ["runc"]).split(separator: "\n")
        #expect(lines.count == 3)
        #expect(ReportFormat.html.text([result], runtimes: ["runc"]).contains(#"<th>a\nFAILED b|c</th>"#))
        #expect(ReportFormat.junit.text([result], runtimes: ["runc"]).contains(#"name="a\nFAILED b|c""#))
    }

    @Test func `a name cannot leave its cell of the coverage`() throws {
        let test = try Case(reading: #"{"about": "x", "spec": ["hostname"]}"#, name: "a\n|b\u{202e}", directory: "/c")
        let results = [CaseResult(caseName: test.name, runtime: "r|c", verdict: .known, reason: "x\ny")]
        let text = Coverage(cases: [test], results: results, runtimes: ["r|c"], properties: ["hostname"]).text
        #expect(text.contains("\n| property | cases | r\\|c |\n"))
        #expect(text.contains("\n| `hostname` | a\\n\\|b\\u{202e} | 1 known to differ |\n"))
        #expect(text.contains("\n* `a\\n|b\\u{202e}` on r|c: x\\ny\n"))
    }

    @Test func `the lines of a message stay lines`() {
        #expect(shownLines("a\r\nb\u{1b}\n") == ["a\\r", "b\\u{1b}", ""])
        #expect(JSONValue.quoted("a\u{202e}\u{7f}\u{e0041}") == #""a\u202e\u007f\udb40\udc41""#)
    }
}

/// A directory that is removed when the test ends.
private final class Place {
    let path: String

    init() throws {
        var template = Array("/tmp/bundle-harness-test-XXXXXX".utf8CString)
        path = try #require(mkdtemp(&template).map { String(cString: $0) })
    }

    deinit { try? removeTree(path) }

    func find() -> String {
        do throws(CaseError) {
            return try CaseDirectory.find(in: path).map(\.name).joined(separator: " ")
        } catch {
            return error.description.replacing(path, with: "…")
        }
    }
}

struct CaseFileTests {
    @Test func `no part of a tree of cases is left out silently`() throws {
        let place = try Place()
        try makeDirectories(place.path + "/group/one")
        try writeNew(place.path + "/group/one/case.json", "{}", mode: 0o644)
        #expect(place.find() == "group/one")
        #expect(symlink("nowhere", place.path + "/group/two") == 0)
        #expect(place.find() == "…/group/two: no such file or directory")
        #expect(unlink(place.path + "/group/two") == 0)
        #expect(symlink("..", place.path + "/group/up") == 0)
        #expect(place.find() == "…/group/up: a link to a directory above it")
        #expect(unlink(place.path + "/group/up") == 0)
        let bytes: [CChar] = Array((place.path + "/group/x").utf8CString.dropLast()) + [-1, 0]
        #expect(mkdir(bytes, 0o755) == 0)
        #expect(place.find() == "…/group/x\u{fffd}: the name is not UTF-8")
        try removeTree(place.path)
        #expect(!exists(place.path))
    }

    @Test(.timeLimit(.minutes(1)))
    func `a case is read from a regular file of text with an end`() throws {
        let place = try Place()
        let path = place.path + "/case.json"
        func refusal() -> String {
            defer { unlink(path) }
            do throws(CaseError) {
                _ = try CaseDirectory(name: "a", path: place.path).load()
                return "it is read"
            } catch {
                return error.description.replacing(place.path, with: "…")
            }
        }
        #expect(mkfifo(path, 0o644) == 0)
        #expect(refusal() == "…/case.json: not a regular file")
        #expect(symlink("/dev/zero", path) == 0)
        #expect(refusal() == "…/case.json: not a regular file")
        #expect(symlink("nowhere", path) == 0)
        #expect(refusal() == "…/case.json: no such file or directory")
        #expect(mkdir(path, 0o755) == 0)
        #expect(refusal() == "…/case.json: not a regular file")
        rmdir(path)
        try writeNew(path, "", mode: 0o644)
        #expect(truncate(path, 1 << 40) == 0)
        #expect(refusal() == "…/case.json: larger than 16 MiB")
        let file = open(path, O_WRONLY | O_CREAT, 0o644)
        #expect(write(file, [UInt8]([0x22, 0xff, 0x22]), 3) == 3)
        close(file)
        #expect(refusal() == "…/case.json: not UTF-8")
        try writeNew(path, #"{"about": "x"}"#, mode: 0o644)
        try makeDirectories(place.path + "/config.json")
        #expect(refusal() == "…/config.json: not a regular file")
    }
}
