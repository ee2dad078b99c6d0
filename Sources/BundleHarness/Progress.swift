// The progress line on the terminal.

internal import Glibc
internal import Synchronization

/// A progress bar on standard error, if that is a terminal.
package final class Progress: Sendable {
    private let total: Int
    private let isShown: Bool
    private let counts = Mutex((done: 0, failed: 0))

    package init(total: Int) {
        self.total = total
        isShown = isatty(2) == 1
    }

    /// Counts one result.
    package func add(_ result: CaseResult) {
        let now = counts.withLock { counts in
            counts.done += 1
            if result.verdict == .failed { counts.failed += 1 }
            return counts
        }
        guard isShown else { return }
        show(Progress.line(done: now.done, failed: now.failed, total: total, current: shown(result.caseName)))
        if now.done == total { show("") }
    }

    static func line(done: Int, failed: Int, total: Int, current: String) -> String {
        let width = 24
        let filled = total == 0 ? width : done * width / total
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
        let bad = failed > 0 ? ", \(failed) failed" : ""
        return "\(bar) \(done)/\(total)\(bad)  \(current)"
    }

    private func show(_ text: String) {
        let bytes = Array("\r\u{1b}[K\(text)".utf8)
        _ = write(2, bytes, bytes.count)
    }
}
