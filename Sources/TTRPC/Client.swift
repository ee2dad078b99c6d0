// The client side of a connection.

public import NIOCore
internal import NIOPosix

/// A ttrpc client over one connection.
///
/// It belongs to one event loop and is used only there.
public final class Client {
    /// Takes the encoded answer, or the reason why there is none.
    public typealias Completion = (Result<[UInt8], Status>) -> Void

    /// Called once after the connection has closed and its calls have failed with `unavailable`.
    public var onClose: (() -> Void)?

    private let channel: any Channel
    private var nextStream: UInt32 = 1
    private var pending: [UInt32: PendingCall] = [:]

    private struct PendingCall {
        let completion: Completion
        let deadline: Scheduled<Void>?
    }

    private init(_ channel: any Channel) { self.channel = channel }

    /// Connects to a Unix socket. The client is not `Sendable`, so the result can be used only on the loop.
    public static func connect(
        to path: String, on eventLoop: any EventLoop, timeout: TimeAmount = .seconds(5)
    ) -> EventLoopFuture<NIOLoopBound<Client>> {
        ClientBootstrap(group: eventLoop)
            .connectTimeout(timeout)
            .connect(unixDomainSocketPath: path)
            .flatMapThrowing { channel in
                let client = Client(channel)
                try channel.pipeline.syncOperations.addHandler(ClientConnection(client))
                return NIOLoopBound(client, eventLoop: eventLoop)
            }
    }

    /// Calls a method.
    ///
    /// The completion runs once: with the answer, or with the reason why there is none.
    public func call(_ request: Request, timeout: TimeAmount?, completion: @escaping Completion) {
        guard channel.isActive, nextStream < .max else {
            return completion(.failure(Status(.unavailable, "connection closed")))
        }
        var request = request
        if let timeout { request.timeoutNanoseconds = timeout.nanoseconds }
        let payload = request.encoded()
        guard payload.readableBytes <= Frame.longestPayload else {
            return completion(.failure(Status(.resourceExhausted, "message of \(payload.readableBytes) bytes")))
        }
        let stream = nextStream
        nextStream += 2
        let deadline = timeout.map { timeout in
            channel.eventLoop.assumeIsolated().scheduleTask(in: timeout) { [weak self] () -> Void in
                self?.finish(stream, .failure(Status(.deadlineExceeded, "no answer in time")))
            }
        }
        pending[stream] = PendingCall(completion: completion, deadline: deadline)
        var buffer = channel.allocator.buffer(capacity: Frame.Header.size + payload.readableBytes)
        Frame(stream: stream, kind: .request, payload: payload).write(to: &buffer)
        channel.writeAndFlush(buffer, promise: nil)
    }

    /// Closes the connection; calls without an answer fail with `unavailable`.
    public func close() { channel.close(promise: nil) }

    fileprivate func finish(_ stream: UInt32, _ result: Result<[UInt8], Status>) {
        guard let call = pending.removeValue(forKey: stream) else { return }
        call.deadline?.cancel()
        call.completion(result)
    }

    fileprivate func connectionClosed() {
        for stream in pending.keys.sorted() {
            finish(stream, .failure(Status(.unavailable, "connection closed")))
        }
        onClose?()
        onClose = nil
    }
}

/// Decodes the answers of the connection.
private final class ClientConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let client: Client
    private var decoder = FrameDecoder()
    private var received: ByteBuffer?

    init(_ client: Client) { self.client = client }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = unwrapInboundIn(data)
        if var earlier = received {
            received = nil
            earlier.writeBuffer(&buffer)
            buffer = earlier
        }
        while let element = decoder.next(from: &buffer) { accept(element) }
        if buffer.readableBytes > 0 {
            buffer.discardReadBytes()
            received = buffer
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        client.connectionClosed()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func accept(_ element: FrameDecoder.Element) {
        switch element {
        case .frame(let frame) where frame.header.kind == .response:
            let response = Response(decoding: frame.payload)
            client.finish(
                frame.header.stream, response?.result ?? .failure(Status(.internal, "malformed response")))
        case .oversized(let header) where header.kind == .response:
            client.finish(header.stream, .failure(Status(.resourceExhausted, "answer of \(header.length) bytes")))
        default:
            break
        }
    }
}
