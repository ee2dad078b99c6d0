// Stopping early: the cases that run are finished and cleaned up, and no other is started.

internal import Glibc
internal import Synchronization

private let isInterrupted = Atomic(false)

/// Whether the user wants the run to end.
package enum Interruption {
    package static var hasCome: Bool { isInterrupted.load(ordering: .relaxed) }

    /// Lets the first interrupt end the run in order; a second one ends the harness at once.
    package static func catchSignals() {
        for number in [SIGINT, SIGTERM] {
            signal(number) { number in
                isInterrupted.store(true, ordering: .relaxed)
                signal(number, SIG_DFL)
            }
        }
    }
}
