// The server side of one connection.

internal import NIOCore

/// Turns frames into calls, and answers into frames.
final class ServerConnection: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = Never
    typealias OutboundOut = ByteBuffer

    private let server: Server
    private var decoder = FrameDecoder()
    private var received: ByteBuffer?
    private var lastStream: UInt32 = 0
    private var inFlight: [UInt32: Call] = [:]
    private var context: ChannelHandlerContext?
    private var isReadHeldBack = false

    init(_ server: Server) { self.server = server }

    var callsInFlight: [Call] { Array(inFlight.values) }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        server.opened(self)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        server.closed(self)
        self.context = nil
        let calls = inFlight.values
        inFlight = [:]
        for call in calls { call.abandon() }
    }

    // If a client sends calls but does not read the answers, reading from it stops, so that its answers cannot pile
    // up.
    func read(context: ChannelHandlerContext) {
        if context.channel.isWritable { context.read() } else { isReadHeldBack = true }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable, isReadHeldBack {
            isReadHeldBack = false
            context.read()
        }
        context.fireChannelWritabilityChanged()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = unwrapInboundIn(data)
        if var earlier = received {
            received = nil
            earlier.writeBuffer(&buffer)
            buffer = earlier
        }
        while let element = decoder.next(from: &buffer) {
            switch element {
            case .frame(let frame): accept(frame)
            case .oversized(let header): refuse(header)
            }
        }
        if buffer.readableBytes > 0 {
            buffer.discardReadBytes()
            received = buffer
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) { context.flush() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    // MARK: frames

    private func accept(_ frame: Frame) {
        let header = frame.header
        // Data frames belong to streaming calls, which were refused when they were opened.
        guard header.kind == .request else { return }
        do throws(Status) {
            try open(header)
            if header.flags.contains(.remoteOpen) { throw Status(.unimplemented, "streaming calls") }
            guard let request = Request(decoding: frame.payload) else {
                throw Status(.invalidArgument, "malformed request")
            }
            call(try server.handler(of: request), with: request, on: header.stream)
        } catch {
            send(.failure(error), on: header.stream)
        }
    }

    private func refuse(_ header: Frame.Header) {
        guard header.kind == .request else { return }
        do throws(Status) {
            try open(header)
            throw Status(
                .resourceExhausted, "message of \(header.length) bytes is longer than \(Frame.longestPayload)")
        } catch {
            send(.failure(error), on: header.stream)
        }
    }

    private func open(_ header: Frame.Header) throws(Status) {
        if header.stream % 2 == 0 { throw Status(.invalidArgument, "stream id \(header.stream) is not odd") }
        if header.stream <= lastStream {
            throw Status(.invalidArgument, "stream id \(header.stream) is not above \(lastStream)")
        }
        lastStream = header.stream
    }

    // MARK: calls

    private func call(_ handler: Server.Handler, with request: Request, on stream: UInt32) {
        var deadline: Scheduled<Void>?
        let call = Call(request) { [weak self] result in
            deadline?.cancel()
            self?.finish(stream, result)
        }
        inFlight[stream] = call
        if request.timeoutNanoseconds != 0 {
            deadline = server.eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(request.timeoutNanoseconds)) {
                [weak call] in call?.expire()
            }
        }
        handler(call)
    }

    private func finish(_ stream: UInt32, _ result: Result<[UInt8], Status>) {
        inFlight[stream] = nil
        send(result, on: stream)
        context?.flush()
    }

    private func send(_ result: Result<[UInt8], Status>, on stream: UInt32) {
        guard let context else { return }
        var payload = Response(result).encoded()
        if payload.readableBytes > Frame.longestPayload {
            let status = Status(.resourceExhausted, "answer of \(payload.readableBytes) bytes is too long")
            payload = Response(.failure(status)).encoded()
        }
        var buffer = context.channel.allocator.buffer(capacity: Frame.Header.size + payload.readableBytes)
        Frame(stream: stream, kind: .response, payload: payload).write(to: &buffer)
        context.write(wrapOutboundOut(buffer), promise: nil)
    }
}
