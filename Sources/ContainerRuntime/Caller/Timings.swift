// `--timings` and `--debug`: how long each step of a command takes, for people who look for the slow one, or the failing one.

internal import Glibc
internal import Kernel
internal import OCISpec
internal import Planning

/// The steps of one command: for `--timings` written as one record when the command ends or, in the foreground, when the
/// program runs; for `--debug` told to the log one by one.
///
/// Sendable: the runtime has a single thread (its launch refuses to clone otherwise), so that nothing uses it at once.
package final class Timings: @unchecked Sendable {
    package enum Format: String, Sendable { case text, json }

    private struct Step: JSONEncodable {
        let name: String
        let nanoseconds: UInt64

        func write(to writer: inout JSONWriter) {
            writer.object { writer in
                writer.field("step", name)
                writer.field("microseconds", Int64(nanoseconds / 1000))
            }
        }
    }

    private let command: String
    private let id: String
    private let format: Format
    private var file: OwnedDescriptor?
    let log: StepLog?
    private let begin: UInt64
    private var last: UInt64
    private var steps: [Step] = []
    private var isWritten = false

    /// Opens the file, before the command makes anything.
    /// - Parameter note: receives each step, if it is to be told.
    package init(
        path: String?, _ format: Format, command: String, id: String, note: Runtime.Note?
    ) throws(Failure) {
        if let path { file = try CallersFile.openToAppend(path, flag: "--timings") } else { file = nil }
        log = note.map { StepLog($0) }
        self.command = command
        self.id = id
        self.format = format
        begin = monotonicNanoseconds()
        last = begin
    }

    /// The end of a step, which began at the end of the one before.
    /// - Parameter stage: the steps of the plan that are done with it.
    func mark(_ name: StaticString, _ stage: PlanStage? = nil) {
        let length = end("\(name)")
        log?.done("\(name)", stage, length)
    }

    private func end(_ name: String) -> UInt64 {
        let time = monotonicNanoseconds()
        let length = time > last ? time - last : 0
        steps.append(Step(name: name, nanoseconds: length))
        last = max(time, last)
        return length
    }

    /// A step of the init, which has measured it; less is left for the step that is marked next.
    func add(_ step: TimedStep) {
        steps.append(Step(name: step.name, nanoseconds: step.nanoseconds))
        last &+= step.nanoseconds
        log?.done(step.name, step.stage, step.nanoseconds, mount: step.index)
    }

    /// Writes the record, once.
    /// - Parameter failure: the error that ended the command.
    package func write(failure: Failure? = nil) {
        if isWritten { return }
        isWritten = true
        if let failure {
            let length = end("the step that failed")
            log?.failed(failure.message, length, at: failure.step)
        }
        guard let file = file.take() else { return }
        let line = format == .json ? json(failure?.message) : text(failure?.message)
        // One call, so that records of commands side by side do not mix.
        _ = line.withUnsafeBytes { Glibc.write(file.rawValue, $0.baseAddress, $0.count) }
    }

    private func json(_ failure: String?) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.field("command", command)
            writer.field("id", id)
            writer.field("microseconds", Int64((last - begin) / 1000))
            writer.field("error", failure)
            writer.field("steps", steps)
        }
        return writer.bytes + [10]
    }

    private func text(_ failure: String?) -> [UInt8] {
        let end = failure.map { ", failed: \($0)" } ?? ""
        var lines = "\(command) \(id): \((last - begin) / 1000) µs\(end)".printable + "\n"
        for step in steps {
            let number = "\(step.nanoseconds / 1000)"
            lines +=
                String(repeating: " ", count: max(0, 10 - number.utf8.count)) + number + "  \(step.name)".printable
                + "\n"
        }
        return Array(lines.utf8)
    }
}
