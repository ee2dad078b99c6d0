// Stops early: cases that run are finished and cleaned up, and no other case is started.

internal import Glibc
internal import Synchronization

private let isInterrupted = Atomic(false)

/// Whether the user has interrupted the run.
package enum Interruption {
    package static var hasCome: Bool { isInterrupted.load(ordering: .relaxed) }

    /// The first interrupt ends the run in order; a second one ends the harness at once.
    package static func catchSignals() {
        for number in [SIGINT, SIGTERM, SIGHUP] {
            signal(number) { number in
                isInterrupted.store(true, ordering: .relaxed)
                signal(number, SIG_DFL)
            }
        }
    }
}
