// Making the streams of a process before the runtime is called.

internal import Glibc
internal import Kernel

/// Makes pipes, opens what the client names, and starts a logger if one is asked for.
struct StreamPreparation {
    let context: StreamContext
    let request: StreamRequest
    let container: String
    let cancellation: Cancellation
    /// The owner of the container's ends.
    var user: UInt32 = 0
    var group: UInt32 = 0

    typealias Completion = (Result<ProcessStreams, ShimFailure>) -> Void

    /// Makes the streams; on failure nothing is left.
    func run(completion: @escaping Completion) {
        let streams = ProcessStreams(context)
        var isDone = false
        let guarded: Completion = { result in
            if isDone { return }
            isDone = true
            if case .failure = result { streams.close() }
            completion(result)
        }
        cancellation.whenCancelled {
            guarded(.failure(ShimFailure("the wait for the streams' far ends was called off")))
        }
        do throws(ShimFailure) {
            if request.isTerminal { streams.consoleSocket = try context.makeConsoleSocket() }
            try openInput(streams)
            switch try request.destination {
            case .paths: openPaths(streams, guarded)
            case .file(let path): try openFile(path, streams, guarded)
            case .logger(let executable, let arguments, let mustReport):
                let command = Logger.Command(
                    executable: executable, arguments: arguments, mustReport: mustReport, container: container,
                    namespace: context.namespace)
                try startLogger(command, streams, guarded)
            }
        } catch {
            guarded(.failure(error))
        }
    }

    private func makePipe() throws(ShimFailure) -> Pipe {
        try during("make a pipe") { () throws(Errno) in try Pipe(user: user, group: group) }
    }

    private func openInput(_ streams: ProcessStreams) throws(ShimFailure) {
        if request.input.isEmpty { return }
        var ends = try StreamPaths.openInput(StreamDestination.path(of: request.input, "stdin"))
        streams.input.source = consume ends.source
        streams.inputWriter = ends.writer.take()
        if request.isTerminal { return }
        let pipe = try makePipe()
        streams.containerInput = consume pipe.readEnd
        streams.input.destination = try nonBlocking(consume pipe.writeEnd)
    }

    /// A pipe for the container to write to, whose other end becomes the source of a pair.
    private func makeOutput(_ streams: ProcessStreams) throws(ShimFailure) {
        if request.isTerminal { return }
        let pipe = try makePipe()
        streams.containerOutput = consume pipe.writeEnd
        streams.output.source = try nonBlocking(consume pipe.readEnd)
    }

    private func makeError(_ streams: ProcessStreams) throws(ShimFailure) {
        if request.isTerminal { return }
        let pipe = try makePipe()
        streams.containerError = consume pipe.writeEnd
        streams.error.source = try nonBlocking(consume pipe.readEnd)
    }

    private func nonBlocking(_ descriptor: consuming OwnedDescriptor) throws(ShimFailure) -> OwnedDescriptor {
        let descriptor = descriptor
        try during("set up a pipe") { () throws(Errno) in try descriptor.makeNonBlocking() }
        return descriptor
    }

    // MARK: destinations

    private func openPaths(_ streams: ProcessStreams, _ completion: @escaping Completion) {
        let paths = StreamPaths(loop: context.loop, cancellation: cancellation)
        openPath("stdout", request.output, paths, completion) { box throws(ShimFailure) in
            streams.output.destination = box.take()
            try makeOutput(streams)
        } then: {
            openPath("stderr", request.isTerminal ? "" : request.error, paths, completion) { box throws(ShimFailure) in
                streams.error.destination = box.take()
                try makeError(streams)
            } then: {
                completion(.success(streams))
            }
        }
    }

    private func openPath(
        _ stream: String, _ address: String, _ paths: StreamPaths, _ completion: @escaping Completion,
        store: @escaping (DescriptorBox) throws(ShimFailure) -> Void, then next: @escaping () -> Void
    ) {
        if address.isEmpty { return next() }
        let path: String
        do throws(ShimFailure) { path = try StreamDestination.path(of: address, stream) } catch {
            return completion(.failure(error))
        }
        paths.openOutput(path) { result in
            do throws(ShimFailure) {
                try store(try result.get())
            } catch {
                return completion(.failure(error))
            }
            next()
        }
    }

    private func openFile(
        _ path: String, _ streams: ProcessStreams, _ completion: @escaping Completion
    ) throws(ShimFailure) {
        if let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")), slash != path.startIndex {
            try makeDirectories(String(path[..<slash]), mode: 0o755)
        }
        try makeOutput(streams)
        streams.output.destination = try ClientFile.openToAppend(path)
        if !request.isTerminal {
            try makeError(streams)
            streams.error.destination = try ClientFile.openToAppend(path)
        }
        completion(.success(streams))
    }

    private func startLogger(
        _ command: Logger.Command, _ streams: ProcessStreams, _ completion: @escaping Completion
    ) throws(ShimFailure) {
        let output = try makePipe()
        let error = try makePipe()
        let outputWriter = DescriptorBox(consume output.writeEnd)
        let errorWriter = DescriptorBox(consume error.writeEnd)
        Logger.start(
            command, output: consume output.readEnd, error: consume error.readEnd, loop: context.loop,
            reaper: context.reaper, cancellation: cancellation
        ) { result in
            do throws(ShimFailure) {
                streams.logger = try result.get()
                if !request.isTerminal {
                    // Straight from the container to the logger.
                    streams.containerOutput = outputWriter.take()
                    streams.containerError = errorWriter.take()
                } else if let writer = outputWriter.take() {
                    streams.output.destination = try nonBlocking(writer)
                    // A terminal has no errors of its own: the logger must see their end.
                    _ = errorWriter.take()
                }
                completion(.success(streams))
            } catch {
                completion(.failure(error))
            }
        }
    }
}
