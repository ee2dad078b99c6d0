// What all formats of a report have in common: the totals, the table, text in XML and HTML.

/// The totals at the end of a report.
package struct Totals: Equatable, Sendable {
    package var passed = 0
    package var failed = 0
    package var known = 0
    package var skipped = 0

    package init(_ results: some Sequence<CaseResult>) {
        for result in results {
            switch result.verdict {
            case .passed: passed += 1
            case .failed: failed += 1
            case .known: known += 1
            case .skipped: skipped += 1
            }
        }
    }

    package var text: String { "\(passed) passed, \(failed) failed, \(known) known to differ, \(skipped) skipped" }
}

/// The results by case and runtime.
struct SideBySide {
    /// The cases in the order of the results.
    private(set) var names: [String] = []
    private(set) var results: [String: [String: CaseResult]] = [:]

    init(_ all: [CaseResult]) {
        for result in all {
            if results[result.caseName] == nil { names.append(result.caseName) }
            results[result.caseName, default: [:]][result.runtime] = result
        }
    }

    /// Whether the runtimes that ran a case did not all do the same.
    func differ(_ name: String, _ runtimes: [String]) -> Bool {
        let verdicts = runtimes.compactMap { results[name]?[$0]?.verdict }
        return Set(verdicts.filter { $0 != .skipped }).count > 1
    }
}

/// The text of an element or an attribute of XML and HTML; line feeds stay.
func escaped(_ text: String) -> String {
    var result = ""
    for scalar in shownLines(text).joined(separator: "\n").unicodeScalars {
        switch scalar {
        case "&": result += "&amp;"
        case "<": result += "&lt;"
        case ">": result += "&gt;"
        case "\"": result += "&quot;"
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result
}
