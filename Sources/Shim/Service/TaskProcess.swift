// One process that a client started in a container: its init, or an exec process.

internal import Glibc
internal import NIOCore
internal import SwiftProtobuf
internal import TTRPC

/// A process and all that is known of it.
final class TaskProcess {
    /// Empty for the container's init.
    let execID: String
    let request: StreamRequest
    var state = ProcessState.created
    var pid: pid_t = 0
    private(set) var exit: Exit?
    /// Whether the process has been reaped, so that its pid may be used again. Its exit is published later.
    var isCollected = false
    var streams: ProcessStreams?
    /// Operations that change the process take turns.
    let queue = OperationQueue()
    /// The process document of an exec'd process.
    var document: [UInt8] = []

    /// The trace of the client's call that is at work on the process.
    var trace: TraceContext?

    /// The runtime that is at work on the process.
    var call: RuntimeCall?
    /// Calls off the wait for a client or a logger at the far ends of the streams.
    var preparation: Cancellation?
    /// Whether the last attempt to start it has failed, so that there will be no exit.
    private var hasFailedToStart = false

    private var waiting: [Waiter] = []

    private struct Waiter {
        let isAwaited: () -> Bool
        let body: (Exit?) -> Void
    }

    init(execID: String, request: StreamRequest) {
        self.execID = execID
        self.request = request
    }

    var isInit: Bool { execID.isEmpty }

    func refusal(of operation: ProcessState.Operation) -> Status? {
        if isCollected, operation == .kill, !isInit { return Status(.notFound, "process already finished") }
        return isInit ? state.refusal(of: operation) : state.refusalOfExec(operation)
    }

    /// Ends what others do for the process, so that what waits for it gets its turn: a client that does not open its
    /// end of a stream, a logger that does not report, a runtime.
    func breakCall() {
        if let preparation { preparation.cancel() } else { call?.kill() }
    }

    /// Runs an operation in its turn; after a limit, even if a runtime's call still holds the process.
    func urgently(_ loop: Loop, _ operation: @escaping OperationQueue.Operation) {
        var hasBegun = false
        queue.run { done in
            hasBegun = true
            operation(done)
        }
        if !hasBegun { breakCall(until: { hasBegun }, loop) }
    }

    private func breakCall(until hasBegun: @escaping () -> Bool, _ loop: Loop) {
        loop.after(.seconds(2)) {
            if hasBegun() { return }
            self.breakCall()
            // There may be others in the queue.
            self.breakCall(until: hasBegun, loop)
        }
    }

    /// Runs a body with the exit once it has happened; with nothing when the process could not even be started.
    func whenExited(isAwaited: @escaping () -> Bool, _ body: @escaping (Exit?) -> Void) {
        if exit != nil || hasFailedToStart { return body(exit) }
        // Clients that went away do not pile up.
        waiting.removeAll { !$0.isAwaited() }
        waiting.append(Waiter(isAwaited: isAwaited, body: body))
    }

    /// Records the exit, before it is published.
    func setExited(_ exit: Exit) {
        self.exit = exit
        state = .stopped
        tellWaiting(exit)
    }

    /// A start begins, perhaps once more.
    func setStarting() { hasFailedToStart = false }

    /// Tells who waits, and who will, that there will be no exit.
    func setStartFailed() {
        hasFailedToStart = true
        tellWaiting(nil)
    }

    private func tellWaiting(_ exit: Exit?) {
        let bodies = waiting
        waiting = []
        for waiter in bodies { waiter.body(exit) }
    }
}
