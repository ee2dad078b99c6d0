// The one event loop of the daemon, and bytes that arrive on descriptors.

internal import Glibc
internal import Kernel
internal import NIOCore
internal import NIOPosix

/// The event loop that all state of the daemon lives on; nothing of it is `Sendable`, so nothing leaves it.
struct Loop {
    let eventLoop: any EventLoop

    /// Runs a body later on the loop.
    @discardableResult
    func after(_ delay: TimeAmount, _ body: @escaping () -> Void) -> Scheduled<Void> {
        eventLoop.assumeIsolated().scheduleTask(in: delay, body)
    }

    /// Hands everything that can be read from a descriptor to `received`, and its end to `ended`.
    ///
    /// For descriptors that deliver a little: signals, events, a byte from a logger. The descriptor is closed at the
    /// end, or with the channel that is returned.
    func read(
        adopting descriptor: consuming OwnedDescriptor, received: @escaping ([UInt8]) -> Void,
        ended: @escaping () -> Void = {}
    ) -> EventLoopFuture<any Channel> {
        let reader = NIOLoopBound(DescriptorReader(received: received, ended: ended), eventLoop: eventLoop)
        return NIOPipeBootstrap(group: eventLoop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(reader.value)
                }
            }
            .takingOwnershipOfDescriptor(input: descriptor.relinquish())
            .map { $0 as any Channel }
    }
}

private final class DescriptorReader: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let received: ([UInt8]) -> Void
    private let ended: () -> Void

    init(received: @escaping ([UInt8]) -> Void, ended: @escaping () -> Void) {
        self.received = received
        self.ended = ended
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        received(Array(unwrapInboundIn(data).readableBytesView))
    }

    func channelInactive(context: ChannelHandlerContext) { ended() }
}

/// Operations that run one at a time, each until it reports its end.
final class OperationQueue {
    typealias Operation = (_ done: @escaping () -> Void) -> Void

    private var waiting: [Operation] = []
    private var isBusy = false

    var waitingCount: Int { waiting.count }

    func run(_ operation: @escaping Operation) {
        waiting.append(operation)
        if !isBusy { next() }
    }

    private func next() {
        isBusy = !waiting.isEmpty
        if !isBusy { return }
        waiting.removeFirst()({ self.next() })
    }
}
