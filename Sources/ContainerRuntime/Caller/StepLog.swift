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
        guard let last = ended.last else { return note(.debug, "\(name): \(time)") }
        for index in ended {
            isDone[index] = true
            // One measurement is not the time of each.
            let before = ended.count == 1 ? "" : " (with the steps before it, \(ended.count) together)"
            note(.debug, lines[index].words + (index == last ? ": done in \(time)\(before)" : ": done"))
        }
    }

    /// - Parameter step: the step that failed, if the failure tells.
    func failed(_ message: String, _ nanoseconds: UInt64, at step: FailedStep? = nil) {
        if let step, let index = line(of: step) { tellResults(failed: index, step) } else { tellResults(step?.stage) }
        note(.debug, "failed after \(nanoseconds / 1000) µs: \(message)")
    }

    private func line(of step: FailedStep) -> Int? {
        guard let key = step.key else { return nil }
        // What `create` tries early belongs to the lines of `start`.
        let found = lines.indices.filter {
            lines[$0].key == key && (lines[$0].stage == step.stage || step.stage == .start && lines[$0].stage == .later)
        }
        return found.indices.contains(step.ordinal) ? found[step.ordinal] : nil
    }

    private func tellResults(failed: Int, _ step: FailedStep) {
        let bound = step.lastDone.flatMap { key in lines.lastIndex { $0.stage == .identity && $0.key == key } }
        for index in lines.indices where !isDone[index] {
            let line = lines[index]
            if index == failed {
                note(.debug, "\(line.words): failed")
                continue
            }
            if line.stage == .later { continue }
            let isAhead = line.stage == .identity && bound.map { index > $0 } ?? false
            let isReached = index < failed && !isAhead && line.stage != .gate
            note(.debug, "\(line.words): \(isReached ? "done" : "not reached")")
        }
    }

    // Of the stage that failed some steps may have ended.
    private func tellResults(_ stage: PlanStage?) {
        let open = lines.indices.filter { !isDone[$0] && lines[$0].stage != .later }
        let failed = stage.flatMap { stage in open.contains { lines[$0].stage == stage } ? stage : nil }
        guard let first = open.first else { return }
        let reached = failed ?? lines[first].stage
        var isAfter = false
        for index in open {
            if lines[index].stage == reached {
                isAfter = true
                note(.debug, "\(lines[index].words): not known to be done")
            } else {
                note(.debug, "\(lines[index].words): \(isAfter ? "not reached" : "done")")
            }
        }
    }
}

extension PlanLine {
    fileprivate var words: String { "\(key): \(text)" }
}
