// The loop, the reaper and the relay of a shim, which all its streams share.

internal import CLinux
internal import Glibc
internal import Kernel
internal import NIOCore

/// The objects that all streams of a shim share.
final class StreamContext {
    let loop: Loop
    let reaper: Reaper
    let namespace: String
    /// The directory of the console sockets.
    let directory: String
    private var relay: Relay?
    private var endings: [FlowID: () -> Void] = [:]
    private var arrivals: [FlowID: () -> Void] = [:]
    private var measurements: [FlowID: (UInt64) -> Void] = [:]
    private var consoles = 0

    init(loop: Loop, reaper: Reaper, namespace: String, directory: String) {
        self.loop = loop
        self.reaper = reaper
        self.namespace = namespace
        self.directory = directory
    }

    func makeConsoleSocket() throws(ShimFailure) -> ConsoleSocket {
        consoles += 1
        return try ConsoleSocket(in: directory, number: consoles)
    }

    /// Carries a stream; the body runs when it has ended.
    func carry(
        from source: consuming OwnedDescriptor, to destination: consuming OwnedDescriptor, ended: @escaping () -> Void
    ) throws(ShimFailure) -> FlowID {
        let flow = try startedRelay().carry(from: source, to: destination)
        endings[flow] = ended
        return flow
    }

    func stop(_ flow: FlowID) { relay?.stop(flow) }

    /// Runs a body when what a stream's source holds now has been read at the far end.
    func whenArrived(_ flow: FlowID, _ body: @escaping () -> Void) {
        guard let relay else { return body() }
        arrivals[flow] = body
        relay.awaitArrival(flow)
    }

    /// Ends a stream when what its source holds now has been carried.
    func endWithoutSource(_ flow: FlowID) { relay?.endWithoutSource(flow) }

    func giveUpAwaiting(_ flow: FlowID) {
        arrivals[flow] = nil
        relay?.giveUpAwaiting(flow)
    }

    /// Runs a body with the number of bytes that have been read at a stream's far end.
    func measure(_ flow: FlowID, _ body: @escaping (UInt64) -> Void) {
        guard let relay else { return body(0) }
        measurements[flow] = body
        relay.measure(flow)
    }

    private func startedRelay() throws(ShimFailure) -> Relay {
        if let relay { return relay }
        let me = NIOLoopBound(self, eventLoop: loop.eventLoop)
        let eventLoop = loop.eventLoop
        let relay = try during("start the relay") { () throws(Errno) in
            try Relay(report: { report in
                eventLoop.execute {
                    switch report {
                    case .arrived(let flow): me.value.arrivals.removeValue(forKey: flow)?()
                    case .ended(let flow): me.value.endings.removeValue(forKey: flow)?()
                    case .measured(let flow, let count): me.value.measurements.removeValue(forKey: flow)?(count)
                    }
                }
            })
        }
        self.relay = relay
        return relay
    }
}
