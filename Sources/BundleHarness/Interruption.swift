// Stops early: at the first signal no other case is started, at the second those that run are ended too. Both clean up.

internal import CLinux
internal import Glibc
internal import Synchronization

private let first = Atomic<Int32>(0)
private let count = Atomic(0)

/// Whether the user has interrupted the run.
package enum Interruption {
    package static var hasCome: Bool { count.load(ordering: .relaxed) > 0 }

    /// Whether what runs has to end at once.
    package static var isUrgent: Bool { count.load(ordering: .relaxed) > 1 }

    /// The exit status of a program that the first signal has ended, as a shell tells it.
    package static var status: Int32 { 128 + first.load(ordering: .relaxed) }

    /// Lets signals end the run in order.
    package static func catchSignals() {
        for number in [SIGINT, SIGTERM, SIGHUP] {
            signal(number) { number in
                _ = first.compareExchange(expected: 0, desired: number, ordering: .relaxed)
                count.add(1, ordering: .relaxed)
            }
        }
    }

    /// Lets SIGTERM end the case of this process at once. The terminal's signals do not reach a session of its own.
    static func catchSignalOfWorker() {
        signal(SIGTERM) { _ in count.add(2, ordering: .relaxed) }
    }

    /// Tells the workers, more than once, because one may not have begun to listen.
    static func passOn() async {
        while !Task.isCancelled {
            let isDue = isUrgent
            if isDue { for pid in children() { kill(pid_t(pid), SIGTERM) } }
            try? await Task.sleep(for: .milliseconds(isDue ? 2000 : 100))
        }
    }

    /// Sleeps until the time is over, the task is cancelled, or what runs has to end at once.
    static func sleep(_ duration: Duration) async throws {
        let end = ContinuousClock.now + duration
        while !isUrgent, ContinuousClock.now < end {
            try await Task.sleep(for: min(.milliseconds(50), max(.zero, end - .now)))
        }
    }
}
