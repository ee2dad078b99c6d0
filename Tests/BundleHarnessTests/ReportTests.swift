// Reports, compared as a whole.

import BundleHarness
import SystemPackage
import Testing

private let results = [
    CaseResult(caseName: "root/readonly", runtime: "runc", verdict: .passed, seconds: 0.0421),
    CaseResult(
        caseName: "root/readonly", runtime: "crun", verdict: .failed, messages: [#"paths: expected "a" <b>, found 1"#],
        transcript: ["$ crun run"], seconds: 1.5),
    CaseResult(
        caseName: "uts/name", runtime: "runc", verdict: .known, messages: ["hostname: expected 1, found 2"],
        reason: "knows #1 only", seconds: 0),
    CaseResult(caseName: "uts/name", runtime: "crun", verdict: .skipped, messages: ["needs root"]),
    CaseResult(caseName: "uts/other", runtime: "runc", verdict: .passed, reason: "used to differ"),
    CaseResult(caseName: "uts/other", runtime: "crun", verdict: .passed),
]

struct ReportTests {
    @Test func `the table sets the runtimes side by side and marks where they differ`() {
        #expect(
            ReportFormat.table.text(results, runtimes: ["runc", "crun"]) == """
                case           runc     crun
                root/readonly  ok       FAILED  ≠
                uts/name       known    skipped
                uts/other      ok       ok

                FAILED root/readonly on crun
                    paths: expected "a" <b>, found 1
                      $ crun run
                known  uts/name on runc: knows #1 only
                    hostname: expected 1, found 2
                note   uts/other on runc passes, though it is said to differ: used to differ
                skip   needs root: uts/name
                runc: 2 passed, 0 failed, 1 known to differ, 0 skipped
                crun: 1 passed, 1 failed, 0 known to differ, 1 skipped

                """)
    }

    @Test func `TAP 14 has a TODO for a known difference and a SKIP for an unmet requirement`() {
        #expect(
            ReportFormat.tap.text(results, runtimes: ["runc", "crun"]) == """
                TAP version 14
                1..6
                ok 1 - runc: root/readonly
                not ok 2 - crun: root/readonly
                  ---
                  messages:
                    - "paths: expected \\\"a\\\" <b>, found 1"
                  transcript:
                    - "$ crun run"
                  duration_ms: 1500
                  ...
                not ok 3 - runc: uts/name # TODO knows \\#1 only
                  ---
                  messages:
                    - "hostname: expected 1, found 2"
                  duration_ms: 0
                  ...
                ok 4 - crun: uts/name # SKIP needs root
                ok 5 - runc: uts/other
                ok 6 - crun: uts/other

                """)
    }

    @Test func `the page sets the runtimes side by side, and shows what did not pass`() throws {
        let page = ReportFormat.html.text(results, runtimes: ["runc", "crun"])
        let body = try #require(page.split(separator: "<body>").last)
        #expect(
            body == """

                <h1>runc, crun: 3 passed, 1 failed, 1 known to differ, 1 skipped</h1>
                <table id="totals">
                <tr><th>runtime</th><th>passed</th><th>failed</th><th>known to differ</th><th>skipped</th></tr>
                <tr><th>runc</th><td>2</td><td>0</td><td>1</td><td>0</td></tr>
                <tr><th>crun</th><td>1</td><td>1</td><td>0</td><td>1</td></tr>
                </table>
                <table id="cases">
                <thead><tr><th>case</th><th>runc</th><th>crun</th></tr></thead>
                <tbody>
                <tr class="differs"><th>root/readonly</th><td class="passed">ok</td><td class="failed"><a href="#r0c1">failed</a></td></tr>
                <tr><th>uts/name</th><td class="known"><a href="#r1c0">known</a></td><td class="skipped"><a href="#r1c1">skipped</a></td></tr>
                <tr><th>uts/other</th><td class="passed"><a href="#r2c0">ok</a></td><td class="passed">ok</td></tr>
                </tbody>
                </table>
                <section id="r0c1" class="failed">
                <h2>root/readonly on crun: failed</h2>
                <ul>
                <li>paths: expected &quot;a&quot; &lt;b&gt;, found 1</li>
                </ul>
                <pre>$ crun run</pre>
                </section>
                <section id="r1c0" class="known">
                <h2>uts/name on runc: known</h2>
                <p>Known: knows #1 only</p>
                <ul>
                <li>hostname: expected 1, found 2</li>
                </ul>
                </section>
                <section id="r1c1" class="skipped">
                <h2>uts/name on crun: skipped</h2>
                <ul>
                <li>needs root</li>
                </ul>
                </section>
                <section id="r2c0" class="passed">
                <h2>uts/other on runc: passed</h2>
                <p>Passes, though it is said to differ: used to differ</p>
                </section>
                </body>
                </html>

                """)
    }

    // A container chooses what it prints.
    @Test func `the page shows the output of a container as text`() {
        let hostile = CaseResult(
            caseName: "a/b", runtime: "runc", verdict: .failed, messages: ["<script>alert(1)</script>\u{1b}[2J"],
            transcript: ["| </pre><img src=x>"])
        let other = ReportFormat.html.text([hostile], runtimes: ["runc"])
        #expect(!other.contains("<script>") && !other.contains("<img") && !other.contains("\u{1b}"))
    }

    @Test func `JUnit has a suite for each runtime`() {
        #expect(
            ReportFormat.junit.text(results, runtimes: ["runc", "crun"]) == """
                <?xml version="1.0" encoding="UTF-8"?>
                <testsuites>
                  <testsuite name="runc" tests="3" failures="0" skipped="1" time="0.042">
                    <testcase classname="root" name="readonly" time="0.042"/>
                    <testcase classname="uts" name="name" time="0.000">
                      <skipped message="known: knows #1 only"/>
                    </testcase>
                    <testcase classname="uts" name="other" time="0.000"/>
                  </testsuite>
                  <testsuite name="crun" tests="3" failures="1" skipped="1" time="1.500">
                    <testcase classname="root" name="readonly" time="1.500">
                      <failure message="paths: expected &quot;a&quot; &lt;b&gt;, found 1">paths: expected &quot;a&quot; &lt;b&gt;, found 1
                $ crun run</failure>
                    </testcase>
                    <testcase classname="uts" name="name" time="0.000">
                      <skipped message="needs root"/>
                    </testcase>
                    <testcase classname="uts" name="other" time="0.000"/>
                  </testsuite>
                </testsuites>

                """)
    }

    @Test func `the JSON report can be read back`() throws {
        let report = try JSONValue(parsing: ReportFormat.json.text(results, runtimes: ["runc", "crun"]))
        #expect(
            report["totals"]?.array?.first == ["runtime": "runc", "passed": 2, "failed": 0, "known": 1, "skipped": 0])
        #expect(report["results"]?.array?.compactMap { CaseResult(json: $0) } == results)
    }
}

struct CaseDirectoryTests {
    @Test func `two groups may have a case of the same name, and a case is there once`() {
        func found(_ names: [(String, String)]) -> [String] {
            CaseDirectory.distinct(names.map { CaseDirectory(name: $0.0, path: $0.1) }).map(\.name)
        }
        #expect(found([("bind", "/c/mounts/bind"), ("tmpfs", "/c/mounts/tmpfs")]) == ["bind", "tmpfs"])
        #expect(
            found([("bind", "/c/mounts/bind"), ("bind", "/c/root/bind"), ("tmpfs", "/c/mounts/tmpfs")])
                == ["mounts/bind", "root/bind", "tmpfs"])
        #expect(
            found([("x/bind", "/one/x/bind"), ("x/bind", "/two/x/bind"), ("bind", "/one/x/bind")])
                == ["one/x/bind", "two/x/bind"])
        #expect(found([("a", "/c/a"), ("a", "/c/./a"), ("a", "/c//a")]) == ["a"])
        #expect(found([("a", "/c/a"), ("c/a", "/d/c/a")]) == ["a", "c/a"])
        #expect(found([("a", "/c/a"), ("a", "/d/a"), ("c/a", "/e/c/a")]) == ["c/a", "d/a", "e/c/a"])
    }
}

struct CoverageTests {
    @Test func `a property without a case is listed as missing, the others with their results`() throws {
        let test = try Case(
            reading: #"{"about": "x", "spec": ["hostname", "domainname"]}"#, name: "uts/name", directory: "/c")
        let outcome = [
            CaseResult(caseName: "uts/name", runtime: "runc", verdict: .passed),
            CaseResult(caseName: "uts/name", runtime: "crun", verdict: .skipped, messages: ["needs root"]),
        ]
        let coverage = Coverage(
            cases: [test], results: outcome, runtimes: ["runc", "crun"], properties: ["hostname", "root.path"])
        #expect(coverage.missing == ["root.path"])
        #expect(
            coverage.text == """
                # Every property of config.json and the cases that prove it

                Generated by `bundle-harness --coverage`; do not edit.

                | property | cases | runc | crun |
                |---|---|---|---|
                | `hostname` | uts/name | ok | 1 skipped |
                | `root.path` | **none** | – | – |

                ## Remarks

                * `uts/name` on crun skipped: needs root

                """)
    }

    @Test func `no property is listed twice`() {
        #expect(Set(specificationPropertyList).count == specificationPropertyList.count)
    }
}
