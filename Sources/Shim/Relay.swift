// The thread that carries standard streams between containers and clients.

internal import CLinux
internal import Glibc
internal import Kernel
internal import Synchronization
internal import SystemPackage

/// Carries bytes from one descriptor to another, for any number of pairs, on one thread of its own.
///
/// The event loop cannot do it: it offers no readiness without reading, so it would have to copy every byte through
/// its own buffers, and a busy container would delay everybody's calls.
final class Relay: Sendable {
    /// Names a pair.
    typealias FlowID = UInt64

    private enum Order: Sendable {
        case add(FlowID, source: Int32, destination: Int32)
        case remove(FlowID)
    }

    private struct Mailbox {
        var orders: [Order] = []
        var nextID: FlowID = 1
        var isRunning = false
    }

    private let mailbox = Mutex(Mailbox())
    private let alarm: Int32
    private let ended: @Sendable (FlowID) -> Void

    /// `ended` is called on the relay's thread when a pair has come to its end and is closed.
    init(ended: @escaping @Sendable (FlowID) -> Void) throws(Errno) {
        alarm = try checked { clinux_eventfd(0, OpenFlags([.nonBlocking, .closeOnExec]).rawValue) }
        self.ended = ended
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

    /// Closes a pair that has not come to its end.
    func stop(_ flow: FlowID) {
        mailbox.withLock { $0.orders.append(.remove(flow)) }
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
                Unmanaged<Relay>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, Unmanaged.passRetained(self).toOpaque())
        pthread_attr_destroy(&attributes)
    }

    // MARK: on the thread

    private func run() {
        guard let poller = try? Poller(alarm: alarm) else { return }
        var flows: [FlowID: Flow] = [:]
        // Left as it comes, so that only what is used of it takes memory.
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Flow.chunk, alignment: 16)
        while true {
            for ready in poller.wait() {
                guard let id = ready else {
                    obey(&flows, poller, buffer)
                    continue
                }
                guard let flow = flows[id] else { continue }
                carryOn(flow, &flows, poller, buffer)
            }
        }
    }

    private func obey(
        _ flows: inout [FlowID: Flow], _ poller: borrowing Poller, _ buffer: UnsafeMutableRawBufferPointer
    ) {
        var count: UInt64 = 0
        read(alarm, &count, 8)
        let orders = mailbox.withLock { mailbox in
            let orders = mailbox.orders
            mailbox.orders = []
            return orders
        }
        for order in orders {
            switch order {
            case .add(let id, let source, let destination):
                let flow = Flow(id, from: source, to: destination)
                flows[id] = flow
                carryOn(flow, &flows, poller, buffer)
            case .remove(let id):
                if let flow = flows.removeValue(forKey: id) { finish(flow, poller) }
            }
        }
    }

    private func carryOn(
        _ flow: Flow, _ flows: inout [FlowID: Flow], _ poller: borrowing Poller, _ buffer: UnsafeMutableRawBufferPointer
    ) {
        let next = flow.carry(with: buffer)
        if next != .finish, poller.await(next, of: flow) { return }
        flows[flow.id] = nil
        finish(flow, poller)
    }

    private func finish(_ flow: Flow, _ poller: borrowing Poller) {
        poller.forget(flow)
        let id = flow.id
        // The descriptors close here, before anybody hears of the end.
        flow.close()
        ended(id)
    }
}

/// Readiness of the flows' descriptors, each awaited once.
private struct Poller: ~Copyable {
    private let descriptor: OwnedDescriptor
    private static let capacity = 64

    // epoll_ctl(2), which Swift's Glibc module hides.
    private static let add: Int32 = 1
    private static let remove: Int32 = 2
    private static let modify: Int32 = 3
    private static let readable: UInt32 = 1
    private static let writable: UInt32 = 4
    private static let oneShot: UInt32 = 1 << 30

    /// The alarm is reported as an event without a flow.
    init(alarm: Int32) throws(Errno) {
        let closeOnExec = OpenFlags.closeOnExec.rawValue  // EPOLL_CLOEXEC
        let poller = OwnedDescriptor(adopting: try checked { clinux_epoll_create1(closeOnExec) })
        try checked { clinux_epoll_ctl(poller.rawValue, Self.add, alarm, Self.readable, 0) }
        descriptor = poller
    }

    /// The flows that can go on; nothing stands for the alarm.
    func wait() -> [Relay.FlowID?] {
        withUnsafeTemporaryAllocation(of: UInt64.self, capacity: Self.capacity) { names in
            let count = clinux_epoll_wait(descriptor.rawValue, names.baseAddress, Int32(Self.capacity), -1)
            return (0..<max(0, Int(count))).map { names[$0] == 0 ? nil : names[$0] }
        }
    }

    /// Asks to be told once when a flow can go on; false when the descriptor cannot be watched.
    func await(_ next: Flow.Next, of flow: Flow) -> Bool {
        let isSource = next == .awaitSource
        let target = isSource ? flow.source : flow.destination
        let events = (isSource ? Self.readable : Self.writable) | Self.oneShot
        if isSource ? flow.isSourceKnown : flow.isDestinationKnown {
            return clinux_epoll_ctl(descriptor.rawValue, Self.modify, target, events, flow.id) == 0
        }
        if isSource { flow.isSourceKnown = true } else { flow.isDestinationKnown = true }
        return clinux_epoll_ctl(descriptor.rawValue, Self.add, target, events, flow.id) == 0
    }

    /// A closed descriptor stays watched as long as a copy of it is open, as terminals' are.
    func forget(_ flow: Flow) {
        if flow.isSourceKnown { clinux_epoll_ctl(descriptor.rawValue, Self.remove, flow.source, 0, 0) }
        if flow.isDestinationKnown {
            clinux_epoll_ctl(descriptor.rawValue, Self.remove, flow.destination, 0, 0)
        }
    }
}
