// Calling off work that waits for others.

/// A request to end some work, made once at most; used on the event loop only.
final class Cancellation {
    private(set) var isCancelled = false
    private var bodies: [() -> Void] = []

    func cancel() {
        if isCancelled { return }
        isCancelled = true
        let bodies = bodies
        self.bodies = []
        for body in bodies { body() }
    }

    /// Runs a body when the work is called off. One that comes after the work's end must change nothing.
    func whenCancelled(_ body: @escaping () -> Void) {
        if isCancelled { body() } else { bodies.append(body) }
    }
}
