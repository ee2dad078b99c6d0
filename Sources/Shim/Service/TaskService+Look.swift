// A look inside: what the shim keeps and waits for, written to its log at SIGUSR1.

internal import Glibc
internal import NIOCore
internal import TTRPC

extension TaskService {
    /// Writes a record for each thing that the shim keeps.
    func logState(_ server: Server) {
        for line in stateLines(server) { ShimLog.info(line) }
    }

    private func stateLines(_ server: Server) -> [String] {
        let calls = server.callsInFlight
        var lines = [
            "shim \(getpid()): \(containers.count) containers, \(beingCreated.count) being created, "
                + "\(calls.count) calls in flight, \(events.pendingCount) events to be sent"
        ]
        if tracer.isOn {
            lines.append("traces: \(tracer.pendingCount) spans to be sent, \(tracer.droppedCount) dropped")
        }
        if let pod { lines.append("pod \(pod.id): \(pod.state.rawValue), first process \(pod.holder)") }
        for (id, container) in beingCreated.sorted(by: { $0.key < $1.key }) {
            lines.append(line("container \(id)", "being created", container.initProcess))
        }
        for (id, container) in containers.sorted(by: { $0.key < $1.key }) {
            lines.append(line("container \(id)", "\(container.initProcess.state)", container.initProcess))
            for (execID, process) in container.execs.sorted(by: { $0.key < $1.key }) {
                lines.append(line("container \(id): exec \(execID)", "\(process.state)", process))
            }
        }
        lines += calls.map { "call in flight: \($0.method) for \(Self.seconds(since: $0.begin)) s" }
        return lines
    }

    private func line(_ name: String, _ state: String, _ process: TaskProcess) -> String {
        var parts = [state]
        if process.pid > 0 { parts.append("process \(process.pid)\(process.isCollected ? ", which has ended" : "")") }
        if let exit = process.exit { parts.append("exit status \(exit.status)") }
        if let call = process.call {
            parts.append(
                "runtime \(call.operation) at work for \(Self.seconds(since: call.begin)) s as \(call.process)")
        }
        parts.append("\(process.queue.waitingCount) operations waiting for their turn")
        parts.append("\(process.streams?.openCount ?? 0) streams carried")
        return "\(name): " + parts.joined(separator: ", ")
    }

    private static func seconds(since time: NIODeadline) -> Int64 {
        (NIODeadline.now() - time).nanoseconds / 1_000_000_000
    }
}
