// The work of the relay's thread: it carries flows, and checks that clients have read their output.

internal import CLinux
internal import Glibc
internal import Kernel

/// The flows of a relay; lives on the relay's thread.
final class RelayWork {
    private let poller: Poller
    private let report: (RelayReport) -> Void
    private var flows: [FlowID: Flow] = [:]
    /// The unread content of ended flows.
    private var remainders: [FlowID: Remainder] = [:]
    /// Flows whose arrival is awaited, with the number of bytes that have to be read at the far end.
    private var goals: [FlowID: UInt64] = [:]
    /// Flows whose source's end is not awaited, with the number of bytes after which they end.
    private var limits: [FlowID: UInt64] = [:]
    /// Flows that can go on at any time, once the others have had their turn.
    private var alwaysReady: Set<FlowID> = []
    private var pause: Int32 = 1
    // Left as it comes, so that only what is used of it takes memory.
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Flow.chunk, alignment: 16)

    init(alarm: Int32, report: @escaping (RelayReport) -> Void) throws(Errno) {
        poller = try Poller(alarm: alarm)
        self.report = report
    }

    deinit { buffer.deallocate() }

    /// Waits for something to do, and does it; `orders` is asked for orders when the alarm has gone off.
    func step(_ orders: () -> [RelayOrder]) {
        // Nobody tells when a FIFO is read empty, so that has to be looked for, less and less often.
        let time = alwaysReady.isEmpty ? (goals.isEmpty ? -1 : pause) : 0
        let ready = poller.wait(atMost: time)
        for ready in ready {
            guard let id = ready else {
                for order in orders() { obey(order) }
                continue
            }
            if let flow = flows[id] { carryOn(flow) }
        }
        let others = alwaysReady
        alwaysReady = []
        for id in others {
            if let flow = flows[id] { carryOn(flow) }
        }
        if goals.isEmpty { return }
        if ready.isEmpty, others.isEmpty {
            if pause == Self.longestPause { findReaders() }
            pause = min(pause * 2, Self.longestPause)
        }
        lookForArrivals()
    }

    private static let longestPause: Int32 = 16

    private func obey(_ order: RelayOrder) {
        switch order {
        case .add(let id, let source, let destination):
            let flow = Flow(id, from: source, to: destination)
            flows[id] = flow
            carryOn(flow)
        case .remove(let id):
            remainders[id] = nil
            if let flow = flows[id] { finish(flow, isStopped: true) }
        case .awaitArrival(let id):
            pause = 1
            if let flow = flows[id] { carryOn(flow) }
            // The flow may just have ended.
            goals[id] = flows[id]?.promised ?? 0
        case .giveUpAwaiting(let id):
            goals[id] = nil
            remainders[id] = nil
        case .endWithoutSource(let id):
            // The amount in the source is known only directly after it was asked for.
            if let flow = flows[id] { carryOn(flow) }
            guard let flow = flows[id] else { return }
            limits[id] = flow.promised
            if hasReachedLimit(flow) { finish(flow, isStopped: false) }
        case .measure(let id): report(.measured(id, flows[id]?.consumed ?? 0))
        }
    }

    private func hasReachedLimit(_ flow: Flow) -> Bool {
        guard let limit = limits[flow.id] else { return false }
        return flow.isSourceEmpty || flow.carried >= limit
    }

    private func carryOn(_ flow: Flow) {
        let next = flow.carry(with: buffer)
        if flow.isSourceEmpty, let goal = goals[flow.id] { goals[flow.id] = min(goal, flow.carried) }
        if next == .finish || hasReachedLimit(flow) { return finish(flow, isStopped: false) }
        switch poller.await(next, of: flow) {
        case .asked: return
        case .alwaysReady: alwaysReady.insert(flow.id)
        case .impossible: finish(flow, isStopped: false)
        }
    }

    private func finish(_ flow: Flow, isStopped: Bool) {
        flows[flow.id] = nil
        limits[flow.id] = nil
        poller.forget(flow)
        if !isStopped, flow.unread > 0 { remainders[flow.id] = Remainder(of: flow.destination) }
        // The descriptors close here, before the end is reported.
        flow.close()
        report(.ended(flow.id))
    }

    // MARK: arrivals

    private func lookForArrivals() {
        for (id, goal) in goals where hasArrived(id, goal) { arrived(id) }
    }

    private func arrived(_ id: FlowID) {
        goals[id] = nil
        remainders[id] = nil
        report(.arrived(id))
    }

    private func hasArrived(_ id: FlowID, _ goal: UInt64) -> Bool {
        if let flow = flows[id] { return flow.carried >= goal + UInt64(flow.unread) }
        return remainders[id].map { $0.unread == 0 } ?? true
    }

    /// Drops output without a reader: a client that has gone away must not delay the exit event.
    private func findReaders() {
        for id in goals.keys {
            if let flow = flows[id] {
                guard flow.unread > 0 else { continue }
                poller.forget(flow)
                if !flow.hasReader() { arrived(id) }
                carryOn(flow)
            } else if let remainder = remainders[id], !remainder.hasReader() {
                arrived(id)
            }
        }
    }
}
