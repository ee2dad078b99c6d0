// `serve`: the daemon, which `start` has started and given its socket.

internal import CLinux
internal import Glibc
internal import Kernel
internal import NIOCore
internal import NIOPosix
internal import TTRPC

/// The process that keeps the containers.
struct ServeCommand {
    let invocation: ShimInvocation

    /// The descriptor at which `start` passes the listening socket.
    static let listener: Int32 = 3

    /// Serves until a client asks for the end; then the program exits.
    func run() throws(ShimFailure) {
        try prepareProcess()
        let listener = OwnedDescriptor(adopting: Self.listener)
        try during("use descriptor 3") { () throws(Errno) in
            try checked { fcntl(listener.rawValue, F_SETFD, FD_CLOEXEC) }
        }
        let socket = listener.relinquish()
        MultiThreadedEventLoopGroup.withCurrentThreadAsEventLoop { eventLoop in
            do throws(ShimFailure) {
                try serve(on: Loop(eventLoop: eventLoop), socket: socket)
            } catch {
                ShimLog.error(error.description)
                exit(1)
            }
        }
    }

    private func prepareProcess() throws(ShimFailure) {
        signal(SIGPIPE, SIG_IGN)
        // It would end the shim, and means nothing.
        signal(SIGUSR2, SIG_IGN)
        // The trace that containerd was itself started in is not that of its calls.
        unsetenv("TRACEPARENT")
        unsetenv("TRACESTATE")
        // The relay's thread allocates next to nothing; an arena of its own would only cost memory.
        _ = clinux_limit_arenas(1)
        try during("block signals") { () throws(Errno) in
            let block: Int32 = 0  // SIG_BLOCK
            try checked { clinux_sigprocmask(block, signalMask([SIGCHLD, SIGTERM, SIGINT, SIGUSR1]), nil) }
        }
        // containerd reads this FIFO. Open for reading too, it never breaks; non-blocking, it never holds us up.
        if let log = try? OwnedDescriptor.open("log", [.readWrite, .nonBlocking]) {
            dup2(log.rawValue, STDERR_FILENO)
        }
    }

    // A collector that cannot be used is no reason to keep no containers.
    private func traceEndpoint() -> TraceEndpoint? {
        do throws(ShimFailure) { return try TraceEndpoint(environmentVariable) } catch {
            ShimLog.warning("no traces are sent: \(error)")
            return nil
        }
    }

    private func serve(on loop: Loop, socket: Int32) throws(ShimFailure) {
        let reaper = Reaper(loop)
        try reaper.start()
        let path = invocation.socket
        let events = EventPublisher(
            loop: loop, address: environmentVariable("TTRPC_ADDRESS"), namespace: invocation.namespace)
        let directory = path.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(path[..<$0]) } ?? "."
        let service = TaskService(
            loop: loop, namespace: invocation.namespace, reaper: reaper, events: events,
            tracer: Tracer(loop: loop, endpoint: traceEndpoint()), socketDirectory: directory
        ) {
            clinux_unlink(path)
            exit(0)
        }
        let signals = try during("watch for signals") { () throws(Errno) in try signalDescriptor([SIGTERM, SIGINT]) }
        _ = loop.read(adopting: signals, received: { _ in service.end() })
        let server = Server(on: loop.eventLoop)
        service.register(on: server)
        SandboxService(service).register(on: server)
        service.endWithoutClients(server)
        let questions = try during("watch for signals") { () throws(Errno) in try signalDescriptor([SIGUSR1]) }
        _ = loop.read(adopting: questions, received: { _ in service.logState(server) })
        server.listen(adopting: socket).whenFailure { error in
            ShimLog.error("listen: \(error)")
            exit(1)
        }
    }
}
