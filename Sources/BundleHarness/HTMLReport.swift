// The report as a page for a browser: one file, without scripts, nothing of it is fetched.

/// The runtimes side by side, one row a case; below, what each case that did not pass has to say.
func htmlReport(_ results: [CaseResult], runtimes: [String]) -> String {
    let table = SideBySide(results)
    let totals = Totals(results)
    var lines = [
        "<!DOCTYPE html>", #"<html lang="en">"#, "<head>", #"<meta charset="utf-8">"#,
        #"<meta name="viewport" content="width=device-width, initial-scale=1">"#,
        "<title>bundle-harness: \(totals.text)</title>", "<style>", style, "</style>", "</head>", "<body>",
        "<h1>\(escaped(runtimes.joined(separator: ", "))): \(totals.text)</h1>",
        #"<table id="totals">"#,
        "<tr><th>runtime</th><th>passed</th><th>failed</th><th>known to differ</th><th>skipped</th></tr>",
    ]
    for runtime in runtimes {
        let own = Totals(results.filter { $0.runtime == runtime })
        let numbers = [own.passed, own.failed, own.known, own.skipped].map { "<td>\($0)</td>" }.joined()
        lines.append("<tr><th>\(escaped(shown(runtime)))</th>\(numbers)</tr>")
    }
    let heads = runtimes.map { "<th>\(escaped(shown($0)))</th>" }.joined()
    lines += ["</table>", #"<table id="cases">"#, "<thead><tr><th>case</th>\(heads)</tr></thead>", "<tbody>"]
    for (row, name) in table.names.enumerated() {
        let mark = table.differ(name, runtimes) ? #" class="differs""# : ""
        let cells = runtimes.enumerated().map { column, runtime in
            table.results[name]?[runtime].map { cell($0, anchor(row, column)) } ?? "<td></td>"
        }
        lines.append("<tr\(mark)><th>\(escaped(shown(name)))</th>\(cells.joined())</tr>")
    }
    lines += ["</tbody>", "</table>"]
    for (row, name) in table.names.enumerated() {
        for (column, runtime) in runtimes.enumerated() {
            guard let result = table.results[name]?[runtime], result.hasDetails else { continue }
            lines += details(result, anchor(row, column))
        }
    }
    lines += ["</body>", "</html>"]
    return lines.joined(separator: "\n") + "\n"
}

extension CaseResult {
    fileprivate var hasDetails: Bool { verdict != .passed || isSurprise }
}

private func anchor(_ row: Int, _ column: Int) -> String { "r\(row)c\(column)" }

private func cell(_ result: CaseResult, _ anchor: String) -> String {
    let word = result.verdict == .passed ? "ok" : result.verdict.rawValue
    let content = result.hasDetails ? ##"<a href="#\##(anchor)">\##(word)</a>"## : word
    return #"<td class="\#(result.verdict.rawValue)">\#(content)</td>"#
}

private func details(_ result: CaseResult, _ anchor: String) -> [String] {
    var lines = [
        #"<section id="\#(anchor)" class="\#(result.verdict.rawValue)">"#,
        "<h2>\(escaped(shown(result.caseName))) on \(escaped(shown(result.runtime))): \(result.verdict.rawValue)</h2>",
    ]
    if let reason = result.reason {
        lines.append(
            "<p>\(result.isSurprise ? "Passes, though it is said to differ" : "Known"): \(escaped(reason))</p>")
    }
    if !result.messages.isEmpty { lines.append("<ul>") }
    lines += result.messages.map { "<li>\(escaped($0))</li>" }
    if !result.messages.isEmpty { lines.append("</ul>") }
    if !result.transcript.isEmpty {
        lines.append("<pre>\(escaped(result.transcript.joined(separator: "\n")))</pre>")
    }
    return lines + ["</section>"]
}

private let style = """
    body { font: 15px/1.4 sans-serif; margin: 2em; color: #222; background: #fff }
    h1 { font-size: 1.3em } h2 { font-size: 1em; margin: 0 }
    table { border-collapse: collapse; margin: 1em 0 }
    th, td { border: 1px solid #ccc; padding: .2em .6em; text-align: left; font-weight: normal }
    thead th { position: sticky; top: 0; background: #eee }
    td.passed { background: #e2f3e2 } td.failed { background: #f6c8c8; font-weight: bold }
    td.known { background: #fbeec5 } td.skipped { background: #f2f2f2; color: #666 }
    tr.differs > th::after { content: " \\2260" }
    section { border-left: .4em solid #ccc; padding: .1em 1em; margin: 1em 0 }
    section.failed { border-color: #c33 } section.known { border-color: #db3 }
    section:target { background: #eef4ff }
    pre { background: #f6f6f6; padding: .6em; overflow-x: auto }
    """
