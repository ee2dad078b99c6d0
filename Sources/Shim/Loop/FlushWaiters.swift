// Bodies that run when a queue has become empty.

internal import NIOCore

/// Bodies that run once each: when the queue is empty, or after a limit.
struct FlushWaiters {
    private var bodies: [() -> Void] = []

    var isEmpty: Bool { bodies.isEmpty }

    mutating func add(_ loop: Loop, within limit: TimeAmount, _ body: @escaping () -> Void) {
        var isDone = false
        let finish = {
            if isDone { return }
            isDone = true
            body()
        }
        bodies.append(finish)
        loop.after(limit, finish)
    }

    /// Takes the bodies out; the caller runs them, as they may change the queue.
    mutating func takeAll() -> [() -> Void] {
        defer { bodies = [] }
        return bodies
    }
}
