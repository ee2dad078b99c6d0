// Telling containerd what happens, in order and without loss.

internal import FoundationEssentials
internal import NIOCore
internal import ShimAPI
internal import SwiftProtobuf
internal import TTRPC

/// Sends events to containerd, one at a time, so that they arrive in the order in which they happened.
///
/// While containerd is away they are kept, up to a limit, and sent when it is back.
final class EventPublisher {
    private let loop: Loop
    private let path: String?
    private let namespace: String
    private var queue: [Pending] = []
    private var isSending = false
    private var client: Client?
    /// Whether the client has connected for the present event.
    private var isFresh = false
    private var flushWaiters = FlushWaiters()

    private struct Pending {
        var request: EventForwardRequest
        /// How often containerd has refused it, or not answered.
        var refusals = 0
    }

    private static let mostPending = 2048
    private static let mostRefusals = 5

    /// Takes containerd's ttrpc socket; without one, events go nowhere.
    init(loop: Loop, address: String?, namespace: String) {
        self.loop = loop
        self.namespace = namespace
        path = address.map { $0.hasPrefix("unix://") ? String($0.dropFirst(7)) : $0 }
    }

    /// How many events containerd has not taken yet.
    var pendingCount: Int { queue.count }

    /// Queues an event.
    func publish(_ topic: String, _ event: some Message) {
        guard path != nil else { return }
        var request = EventForwardRequest()
        request.envelope.timestamp = Google_Protobuf_Timestamp(.now)
        request.envelope.namespace = namespace
        request.envelope.topic = topic
        request.envelope.event = Google_Protobuf_Any(bare: event)
        if queue.count == Self.mostPending {
            ShimLog.warning("event \(queue[0].request.envelope.topic) dropped: containerd has been away for too long")
            // The first may be on its way just now.
            queue.remove(at: isSending ? 1 : 0)
        }
        queue.append(Pending(request: request))
        sendNext()
    }

    /// Runs a body when everything has been sent, or after a limit.
    func flush(within limit: TimeAmount, _ body: @escaping () -> Void) {
        if queue.isEmpty { return body() }
        flushWaiters.add(loop, within: limit, body)
    }

    private func sendNext() {
        if isSending { return }
        guard let first = queue.first else {
            for body in flushWaiters.takeAll() { body() }
            return
        }
        isSending = true
        withClient { [self] client in
            guard let client else { return retry(after: .seconds(1)) }
            let request = Request(
                service: "containerd.services.events.ttrpc.v1.Events", method: "Forward",
                payload: first.request.encodedBytes,
                metadata: [Request.Metadata("containerd-namespace-ttrpc", namespace)])
            client.call(request, timeout: .seconds(5)) { self.sent($0) }
        }
    }

    private func sent(_ result: Result<[UInt8], Status>) {
        switch result {
        case .success:
            queue.removeFirst()
            isSending = false
            sendNext()
        case .failure(let status) where status.code == .unavailable:
            // An old connection may have broken unseen; a new one shows whether containerd is there.
            retry(after: isFresh ? .seconds(1) : .zero)
        case .failure(let status):
            queue[0].refusals += 1
            if queue[0].refusals == Self.mostRefusals {
                ShimLog.warning("event \(queue[0].request.envelope.topic) dropped: \(status.message)")
                queue.removeFirst()
            }
            retry(after: .seconds(1))
        }
    }

    private func retry(after delay: TimeAmount) {
        loop.after(delay) { [self] in
            isSending = false
            sendNext()
        }
    }

    private func withClient(_ body: @escaping (Client?) -> Void) {
        isFresh = client == nil
        if let client { return body(client) }
        guard let path else { return body(nil) }
        Client.connect(to: path, on: loop.eventLoop).assumeIsolated().whenComplete { [self] result in
            client = try? result.get().value
            client?.onClose = { [weak self] in self?.client = nil }
            body(client)
        }
    }
}
