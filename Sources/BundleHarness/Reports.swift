// Reports for people and for programs.

/// The format of a report.
package enum ReportFormat: String, Sendable, CaseIterable {
    case table, tap, junit, json, html

    /// The whole report.
    package func text(_ results: [CaseResult], runtimes: [String]) -> String {
        switch self {
        case .table: tableReport(results, runtimes: runtimes)
        case .tap: tapReport(results)
        case .junit: junitReport(results, runtimes: runtimes)
        case .json: jsonReport(results, runtimes: runtimes)
        case .html: htmlReport(results, runtimes: runtimes)
        }
    }
}

/// One row per case, one column per runtime; a case on which the runtimes differ is marked.
private func tableReport(_ results: [CaseResult], runtimes: [String]) -> String {
    let words: [CaseResult.Verdict: String] = [.passed: "ok", .failed: "FAILED", .known: "known", .skipped: "skipped"]
    let table = SideBySide(results)
    let width = max(4, table.names.map { shown($0).count }.max() ?? 0)
    let columns = runtimes.map { max(7, shown($0).count) }
    var lines = [row("case", runtimes.map(shown))]
    func row(_ name: String, _ values: [String]) -> String {
        var line = name + String(repeating: " ", count: width - name.count)
        for (value, size) in zip(values, columns) {
            line += "  " + value + String(repeating: " ", count: max(0, size - value.count))
        }
        while line.last == " " { line.removeLast() }
        return line
    }
    for name in table.names {
        let verdicts = runtimes.map { table.results[name]?[$0]?.verdict }
        var line = row(shown(name), verdicts.map { $0.flatMap { words[$0] } ?? "" })
        if table.differ(name, runtimes) { line += "  ≠" }
        lines.append(line)
    }
    lines.append("")
    for result in results where result.verdict == .failed {
        lines.append("FAILED \(place(result))")
        lines += details(result.messages, 4) + details(result.transcript, 6)
    }
    for result in results where result.verdict == .known {
        lines.append("known  \(place(result)): \(shown(result.reason ?? ""))")
        lines += details(result.messages, 4)
    }
    for result in results where result.isSurprise {
        let reason = shown(result.reason ?? "")
        lines.append("note   \(place(result)) passes, though it is said to differ: \(reason)")
    }
    for (reason, names) in skipped(results) {
        lines.append("skip   \(shown(reason)): \(names.map(shown).joined(separator: ", "))")
    }
    for runtime in runtimes {
        lines.append("\(shown(runtime)): \(Totals(results.filter { $0.runtime == runtime }).text)")
    }
    return lines.joined(separator: "\n") + "\n"
}

private func place(_ result: CaseResult) -> String { "\(shown(result.caseName)) on \(shown(result.runtime))" }

private func details(_ texts: [String], _ indentation: Int) -> [String] {
    let blanks = String(repeating: " ", count: indentation)
    return texts.flatMap(shownLines).map { blanks + $0 }
}

private func skipped(_ results: [CaseResult]) -> [(String, [String])] {
    var names: [String: [String]] = [:]
    for result in results where result.verdict == .skipped {
        let reason = result.messages.joined(separator: "; ")
        if names[reason]?.contains(result.caseName) != true { names[reason, default: []].append(result.caseName) }
    }
    return names.sorted { $0.key < $1.key }
}

/// TAP version 14: a known difference is a TODO, a requirement that is not met is a SKIP.
private func tapReport(_ results: [CaseResult]) -> String {
    func plain(_ text: String) -> String {
        shown(text.replacing("\n", with: " ")).replacing("\\", with: "\\\\").replacing("#", with: "\\#")
    }
    var lines = ["TAP version 14", "1..\(results.count)"]
    for (index, result) in results.enumerated() {
        let name = "\(index + 1) - \(plain(result.runtime)): \(plain(result.caseName))"
        switch result.verdict {
        case .passed: lines.append("ok \(name)")
        case .skipped: lines.append("ok \(name) # SKIP \(plain(result.messages.joined(separator: "; ")))")
        case .known: lines.append("not ok \(name) # TODO \(plain(result.reason ?? ""))")
        case .failed: lines.append("not ok \(name)")
        }
        guard result.verdict == .failed || result.verdict == .known else { continue }
        lines += ["  ---", "  messages:"]
        lines += result.messages.map { "    - " + JSONValue.quoted($0) }
        if !result.transcript.isEmpty { lines.append("  transcript:") }
        lines += result.transcript.map { "    - " + JSONValue.quoted($0) }
        lines.append("  duration_ms: \(Int(result.seconds * 1000))")
        lines.append("  ...")
    }
    return lines.joined(separator: "\n") + "\n"
}

/// JUnit XML for CI systems: one suite per runtime.
private func junitReport(_ results: [CaseResult], runtimes: [String]) -> String {
    var lines = [#"<?xml version="1.0" encoding="UTF-8"?>"#, "<testsuites>"]
    for runtime in runtimes {
        let own = results.filter { $0.runtime == runtime }
        let totals = Totals(own)
        lines.append(
            """
              <testsuite name="\(escaped(runtime))" tests="\(own.count)" failures="\(totals.failed)" \
            skipped="\(totals.skipped + totals.known)" time="\(seconds(own.reduce(0) { $0 + $1.seconds }))">
            """)
        lines += own.flatMap(junitCase)
        lines.append("  </testsuite>")
    }
    lines.append("</testsuites>")
    return lines.joined(separator: "\n") + "\n"
}

private func junitCase(_ result: CaseResult) -> [String] {
    let parts = result.caseName.split(separator: "/").map(String.init)
    let group = escaped(shown(parts.dropLast().joined(separator: ".")))
    let name = escaped(shown(parts.last ?? ""))
    let head = #"    <testcase classname="\#(group)" name="\#(name)" time="\#(seconds(result.seconds))""#
    let messages = escaped(result.messages.joined(separator: "\n"))
    switch result.verdict {
    case .passed: return [head + "/>"]
    case .failed:
        let first = escaped(result.messages.first ?? "")
        let transcript = escaped(result.transcript.joined(separator: "\n"))
        return [
            head + ">", #"      <failure message="\#(first)">"# + messages, transcript + "</failure>",
            "    </testcase>",
        ]
    case .skipped, .known:
        let reason = result.verdict == .known ? "known: \(escaped(result.reason ?? ""))" : messages
        return [head + ">", #"      <skipped message="\#(reason)"/>"#, "    </testcase>"]
    }
}

/// Seconds with three decimals.
private func seconds(_ value: Double) -> String {
    let milliseconds = Int((value * 1000).rounded())
    let rest = String(milliseconds % 1000)
    return "\(milliseconds / 1000)." + String(repeating: "0", count: 3 - rest.count) + rest
}

private func jsonReport(_ results: [CaseResult], runtimes: [String]) -> String {
    let totals = runtimes.map { runtime -> JSONValue in
        let own = Totals(results.filter { $0.runtime == runtime })
        return [
            "runtime": .string(runtime), "passed": .integer(own.passed), "failed": .integer(own.failed),
            "known": .integer(own.known), "skipped": .integer(own.skipped),
        ]
    }
    let report: JSONValue = ["totals": .array(totals), "results": .array(results.map(\.json))]
    return report.prettyText + "\n"
}
