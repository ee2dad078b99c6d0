// `--debug`: the steps of a start, before the first of them and at the end of each.

internal import Planning

/// Tells the log of the steps of a plan: first of all of them, so that a start that never ends shows them too, then of the
/// result of each and its time.
final class StepLog {
    private let note: Runtime.Note
    private var lines: [PlanLine] = []
    private var isDone: [Bool] = []

    init(_ note: @escaping Runtime.Note) { self.note = note }

    func begin(_ lines: [PlanLine]) {
        self.lines = lines
        isDone = lines.map { _ in false }
        for line in lines { note(.debug, line.words) }
    }

    /// - Parameters:
    ///   - stage: the steps of the plan that have ended; nil for work that is none of them.
    ///   - mount: of the stage of mounts, which.
    func done(_ name: String, _ stage: PlanStage?, _ nanoseconds: UInt64, mount: Int = 0) {
        var ended = lines.indices.filter { lines[$0].stage == stage }
        if stage == .mount { ended = ended.indices.contains(mount) ? [ended[mount]] : [] }
        let time = "\(nanoseconds / 1000) µs"
        guard !ended.isEmpty else { return note(.debug, "\(name): \(time)") }
        let together = ended.count == 1 ? "" : " (these \(ended.count) steps together)"
        for index in ended {
            isDone[index] = true
            note(.debug, "\(lines[index].words): done in \(time)\(together)")
        }
    }

    func failed(_ message: String, _ nanoseconds: UInt64) {
        for index in lines.indices where !isDone[index] && lines[index].stage != .later {
            note(.debug, "\(lines[index].words): not done")
        }
        note(.debug, "failed after \(nanoseconds / 1000) µs: \(message)")
    }
}

extension PlanLine {
    fileprivate var words: String { "\(key): \(text)" }
}
