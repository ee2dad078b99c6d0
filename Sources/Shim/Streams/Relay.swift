// The thread that carries standard streams between containers and clients.

internal import CLinux
internal import Glibc
internal import Kernel
internal import Synchronization

/// Carries bytes from one descriptor to another, for any number of pairs, on one thread of its own.
///
/// The event loop cannot do it: it offers no readiness without reading, so it would have to copy every byte through
/// its own buffers, and a busy container would delay everybody's calls.
final class Relay: Sendable {
    private struct Mailbox {
        var orders: [RelayOrder] = []
        var nextID: FlowID = 1
        var isRunning = false
    }

    private let mailbox = Mutex(Mailbox())
    private let alarm: Int32
    private let report: @Sendable (RelayReport) -> Void

    /// `report` is called on the relay's thread.
    init(report: @escaping @Sendable (RelayReport) -> Void) throws(Errno) {
        alarm = try checked { clinux_eventfd(0, OpenFlags([.nonBlocking, .closeOnExec]).rawValue) }
        self.report = report
    }

    deinit { close(alarm) }

    /// Carries everything from a source to a destination, then closes both, which belong to the relay from now on.
    func carry(from source: consuming OwnedDescriptor, to destination: consuming OwnedDescriptor) -> FlowID {
        let source = source.relinquish()
        let destination = destination.relinquish()
        let (id, mustStart) = mailbox.withLock { mailbox in
            let id = mailbox.nextID
            mailbox.nextID += 1
            mailbox.orders.append(.add(id, source: source, destination: destination))
            defer { mailbox.isRunning = true }
            return (id, !mailbox.isRunning)
        }
        wake()
        // The thread comes with the first stream: many containers have none.
        if mustStart { startThread() }
        return id
    }

    /// Closes a pair, unless it has come to its end, and forgets what is left of it.
    func stop(_ flow: FlowID) { send(.remove(flow)) }

    /// Requests one report when the source's present content has been read from the destination.
    func awaitArrival(_ flow: FlowID) { send(.awaitArrival(flow)) }

    /// Takes the question back.
    func giveUpAwaiting(_ flow: FlowID) { send(.giveUpAwaiting(flow)) }

    /// Ends a pair when what its source holds now has been carried, although the source itself goes on.
    func endWithoutSource(_ flow: FlowID) { send(.endWithoutSource(flow)) }

    /// Requests one report of how much has been read at the far end.
    func measure(_ flow: FlowID) { send(.measure(flow)) }

    private func send(_ order: RelayOrder) {
        mailbox.withLock { $0.orders.append(order) }
        wake()
    }

    private func wake() {
        var one: UInt64 = 1
        write(alarm, &one, 8)
    }

    private func startThread() {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        pthread_attr_setstacksize(&attributes, 256 << 10)
        var thread = pthread_t()
        pthread_create(
            &thread, &attributes,
            { argument in
                guard let argument else { return nil }
                Unmanaged<Relay>.fromOpaque(argument).takeRetainedValue().work()
                return nil
            }, Unmanaged.passRetained(self).toOpaque())
        pthread_attr_destroy(&attributes)
    }

    /// The thread's endless loop.
    private func work() {
        guard let work = try? RelayWork(alarm: alarm, report: report) else { return }
        while true { work.step { self.takeOrders() } }
    }

    private func takeOrders() -> [RelayOrder] {
        var count: UInt64 = 0
        read(alarm, &count, 8)
        return mailbox.withLock { mailbox in
            let orders = mailbox.orders
            mailbox.orders = []
            return orders
        }
    }
}
