// The standard streams of one process in a container, from the client's end to the container's.

internal import CLinux
internal import Glibc
internal import Kernel
internal import NIOCore

/// The streams of one process.
///
/// Made before the runtime is called (`StreamPreparation`), attached when it has started the process, closed when the
/// process is deleted.
final class ProcessStreams {
    private let context: StreamContext

    // The container's ends, until the runtime has taken them over.
    var containerInput: OwnedDescriptor?
    var containerOutput: OwnedDescriptor?
    var containerError: OwnedDescriptor?
    var consoleSocket: ConsoleSocket?

    // Our ends of pipes and the clients' ends, until they are attached.
    var input = StreamPair()
    var output = StreamPair()
    var error = StreamPair()

    /// Keeps the end of input away until the client asks for it.
    var inputWriter: OwnedDescriptor?
    var logger: Logger?

    private var master: OwnedDescriptor?
    /// Kept open while the process runs: without any slave the master has no output, and a system that hangs its console up
    /// opens it again for the next login.
    private var slave: OwnedDescriptor?
    private var flows: Set<FlowID> = []
    private var outputFlows: Set<FlowID> = []
    /// Those that have ended, too: what they carried may still be unread.
    private var allOutputFlows: [FlowID] = []
    private var afterDraining: [() -> Void] = []
    private var isClosed = false

    init(_ context: StreamContext) { self.context = context }

    /// How many streams have not come to their end.
    var openCount: Int { flows.count }

    /// The descriptors for the runtime.
    var runtimeStreams: RuntimeStreams {
        var streams = RuntimeStreams()
        if let number = containerInput?.rawValue { streams.input = number }
        if let number = containerOutput?.rawValue { streams.output = number }
        if let number = containerError?.rawValue { streams.error = number }
        return streams
    }

    /// Starts to carry, once the runtime has started the process.
    func attach() throws(ShimFailure) {
        closeContainerEnds()
        if let socket = consoleSocket.take() { try attachTerminal(socket) }
        try attach(&input, isOutput: false)
        try attach(&output, isOutput: true)
        try attach(&error, isOutput: true)
    }

    private func attachTerminal(_ socket: ConsoleSocket) throws(ShimFailure) {
        let master = try socket.receiveMaster()
        try during("set up the terminal") { () throws(Errno) in
            try master.makeNonBlocking()
            if output.destination != nil { output.source = try master.duplicate() }
            if input.source != nil { input.destination = try master.duplicate() }
            slave = try openTerminalPeer(of: master)
        }
        self.master = consume master
    }

    private func attach(_ pair: inout StreamPair, isOutput: Bool) throws(ShimFailure) {
        guard let source = pair.source.take(), let destination = pair.destination.take() else { return }
        var started: FlowID = 0
        started = try context.carry(from: source, to: destination) { [weak self] in self?.ended(started) }
        flows.insert(started)
        if isOutput {
            outputFlows.insert(started)
            allOutputFlows.append(started)
        }
    }

    private func ended(_ flow: FlowID) {
        flows.remove(flow)
        outputFlows.remove(flow)
        if outputFlows.isEmpty { tellDrained() }
    }

    private func closeContainerEnds() {
        containerInput = nil
        containerOutput = nil
        containerError = nil
    }

    // MARK: while it runs

    /// Ends the input after the bytes that are still in the pipe.
    func closeInput() { inputWriter = nil }

    /// Sets the size of the terminal, if there is one.
    func resize(width: UInt32, height: UInt32) throws(ShimFailure) {
        guard let number = master?.rawValue else { return }
        let size = WindowSize(rows: UInt16(clamping: height), columns: UInt16(clamping: width))
        try during("resize the terminal") { () throws(Errno) in try setWindowSize(size, of: number) }
    }

    // MARK: the end

    /// The process has ended: its terminal ends with those who still have it open.
    func processEnded() { slave = nil }

    /// Runs a body when all output of the process has reached the client, or after a limit.
    ///
    /// A write to the FIFO is not enough: containerd's client closes a FIFO that it has not read when it receives the
    /// exit event.
    func whenArrived(within limit: TimeAmount, _ body: @escaping () -> Void) {
        if allOutputFlows.isEmpty, logger == nil { return body() }
        var awaited = allOutputFlows.count + 1
        var deadline: Scheduled<Void>?
        let flows = allOutputFlows
        let finish = {
            deadline?.cancel()
            deadline = nil
            body()
        }
        let arrived = {
            awaited -= 1
            if awaited == 0 { finish() }
        }
        deadline = context.loop.after(limit) { [context] in
            for flow in flows { context.giveUpAwaiting(flow) }
            awaited = 0
            finish()
        }
        for flow in flows { context.whenArrived(flow, arrived) }
        if let logger { logger.whenRead(until: .now() + limit, arrived) } else { arrived() }
    }

    /// How long output may come from what an exited process has left running.
    private static let lingering: TimeAmount = .seconds(2)

    /// Ends the output of an exited process soon, also where processes that it has left running keep it open: a client
    /// may wait for the end of it before it asks for anything else.
    func endOutputSoon() {
        if outputFlows.isEmpty { return }
        context.loop.after(Self.lingering) { [self] in
            for flow in outputFlows { context.endWithoutSource(flow) }
        }
    }

    /// Runs a body when all output has been carried and a logger has ended, or when nobody takes any more of it.
    func whenDrained(loggerLimit: TimeAmount, _ body: @escaping () -> Void) {
        if outputFlows.isEmpty, logger == nil { return body() }
        let watch = DrainWatch(context, Array(outputFlows), logger, loggerLimit: loggerLimit)
        var isDone = false
        let finish = {
            if isDone { return }
            isDone = true
            watch.end()
            body()
        }
        afterDraining.append(finish)
        watch.begin(givenUp: finish)
        if let logger {
            logger.whenExited { [weak self] in
                guard let self, self.outputFlows.isEmpty else { return }
                self.logger = nil
                self.tellDrained()
            }
        }
    }

    private func tellDrained() {
        if let logger, !afterDraining.isEmpty {
            return logger.whenExited { [weak self] in
                self?.logger = nil
                self?.tellDrained()
            }
        }
        let bodies = afterDraining
        afterDraining = []
        for body in bodies { body() }
    }

    /// Lets go of everything.
    func close() {
        if isClosed { return }
        isClosed = true
        closeContainerEnds()
        consoleSocket = nil
        inputWriter = nil
        master = nil
        slave = nil
        input = StreamPair()
        output = StreamPair()
        error = StreamPair()
        for flow in flows.union(allOutputFlows) { context.stop(flow) }
        logger?.terminate()
    }
}

/// The two ends of a stream, as far as known.
struct StreamPair: ~Copyable {
    var source: OwnedDescriptor?
    var destination: OwnedDescriptor?
}
