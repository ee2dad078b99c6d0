// Telling a collector of calls: never in a task's way. Spans wait in a short queue and are sent by the event loop; what
// does not fit, or is not taken in time, is dropped and counted.

internal import Glibc
internal import NIOCore
internal import NIOPosix
internal import OCISpec

/// Begins spans, and sends those that have ended.
final class Tracer {
    private let loop: Loop
    private let endpoint: TraceEndpoint?
    private var queue: [Span] = []
    private var isSending = false
    private var refusals = 0
    private var timer: Scheduled<Void>?
    private var flushWaiters = FlushWaiters()
    /// Spans that no collector has got.
    private(set) var droppedCount = 0

    private static let mostPending = 512
    private static let mostInBatch = 128
    private static let mostRefusals = 3
    /// For the connection and for the answer.
    private static let patience: TimeAmount = .seconds(5)

    init(loop: Loop, endpoint: TraceEndpoint?) {
        self.loop = loop
        self.endpoint = endpoint
    }

    var isOn: Bool { endpoint != nil }
    var pendingCount: Int { queue.count }

    /// Begins a span; nil without a collector, or if the client does not sample its trace.
    func begin(_ name: String, _ kind: Span.Kind, parent: TraceContext?) -> Span? {
        guard isOn, parent?.isSampled ?? true else { return nil }
        return Span(name, kind, parent: parent) { [weak self] span in self?.take(span) }
    }

    /// Runs a body when everything has been sent, or after a limit.
    func flush(within limit: TimeAmount, _ body: @escaping () -> Void) {
        if queue.isEmpty { return body() }
        flushWaiters.add(loop, within: limit, body)
        sendNext()
    }

    private func take(_ span: Span) {
        if queue.count == Self.mostPending {
            droppedCount += 1
            return
        }
        queue.append(span)
        sendLater(.seconds(1))
    }

    private func sendLater(_ delay: TimeAmount) {
        if isSending || timer != nil { return }
        timer = loop.after(delay) { [self] in sendNext() }
    }

    private func sendNext() {
        if isSending { return }
        timer?.cancel()
        timer = nil
        guard let endpoint, !queue.isEmpty else {
            for body in flushWaiters.takeAll() { body() }
            return
        }
        isSending = true
        let batch = Array(queue.prefix(Self.mostInBatch))
        let request = endpoint.request(SpanBatch(spans: batch, service: endpoint.service).json())
        Delivery(loop: loop) { [self] answer in
            isSending = false
            settle(batch.count, answer)
        }.send(request, to: endpoint, within: Self.patience)
    }

    private func settle(_ count: Int, _ answer: Delivery.Answer) {
        if answer == .unavailable {
            refusals += 1
            // At the shim's end spans that the collector refuses are not kept.
            if refusals < Self.mostRefusals, flushWaiters.isEmpty { return sendLater(.seconds(5)) }
        }
        if answer != .taken { droppedCount += count }
        refusals = 0
        queue.removeFirst(count)
        sendNext()
    }
}

/// One request to a collector, and its answer.
private final class Delivery {
    enum Answer { case taken, refused, unavailable }

    private let loop: Loop
    private let completion: (Answer) -> Void
    private var channel: (any Channel)?
    private var received: [UInt8] = []
    private var isOver = false

    init(loop: Loop, completion: @escaping (Answer) -> Void) {
        self.loop = loop
        self.completion = completion
    }

    func send(_ request: [UInt8], to endpoint: TraceEndpoint, within limit: TimeAmount) {
        guard let address = try? SocketAddress(ipAddress: endpoint.address, port: endpoint.port) else {
            return finish(.refused)
        }
        loop.after(limit) { [self] in finish(.unavailable) }
        let me = NIOLoopBound(self, eventLoop: loop.eventLoop)
        ClientBootstrap(group: loop.eventLoop)
            .connectTimeout(limit)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(AnswerReader(me.value))
                }
            }
            .connect(to: address)
            .assumeIsolated().whenComplete { [self] result in
                guard let channel = try? result.get() else { return finish(.unavailable) }
                if isOver { return channel.close(promise: nil) }
                self.channel = channel
                channel.writeAndFlush(ByteBuffer(bytes: request), promise: nil)
            }
    }

    // `HTTP/1.1 200 …`: the rest of the answer is not needed.
    fileprivate func receive(_ bytes: some Sequence<UInt8>) {
        received += bytes
        guard received.count >= 12 else { return }
        let status = Int(String(decoding: received[9..<12], as: UTF8.self)) ?? 0
        switch status {
        case 200..<300: finish(.taken)
        case 429, 502, 503, 504: finish(.unavailable)
        default: finish(.refused)
        }
    }

    fileprivate func closed() { finish(.unavailable) }

    private func finish(_ answer: Answer) {
        if isOver { return }
        isOver = true
        channel?.close(promise: nil)
        channel = nil
        completion(answer)
    }
}

private final class AnswerReader: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let delivery: Delivery

    init(_ delivery: Delivery) { self.delivery = delivery }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        delivery.receive(unwrapInboundIn(data).readableBytesView)
    }

    func channelInactive(context: ChannelHandlerContext) { delivery.closed() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
