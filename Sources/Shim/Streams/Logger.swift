// A program that takes a container's output (`binary://`).

internal import Glibc
internal import Kernel
internal import NIOCore

/// A running logger.
final class Logger {
    private let loop: Loop
    private let reaper: Reaper
    private let process: pid_t
    private var hasExited = false
    private var afterExit: [() -> Void] = []
    /// The pipes that it was given as its descriptors 3 and 4.
    private let pipes: [FileStatus?]

    private init(_ process: pid_t, pipes: [FileStatus?], loop: Loop, reaper: Reaper) {
        self.process = process
        self.pipes = pipes
        self.loop = loop
        self.reaper = reaper
        reaper.whenExited(process) { _ in self.exited() }
    }

    private func exited() {
        hasExited = true
        for body in afterExit { body() }
        afterExit = []
    }

    /// The environment of a logger.
    struct Command {
        var executable: String
        var arguments: [String]
        /// Whether its end before it is ready counts as a failure.
        var mustReport: Bool
        var container: String
        var namespace: String
    }

    /// How long a logger may take to report that it is ready.
    private static let patience: TimeAmount = .seconds(30)

    /// Starts a logger, which reads output and errors from its descriptors 3 and 4, and waits until it reports on
    /// descriptor 5.
    static func start(
        _ command: Command, output: consuming OwnedDescriptor, error: consuming OwnedDescriptor, loop: Loop,
        reaper: Reaper, cancellation: Cancellation, completion: @escaping (Result<Logger, ShimFailure>) -> Void
    ) {
        let outputs = DescriptorBox(output)
        let errors = DescriptorBox(error)
        do throws(ShimFailure) {
            guard let output = outputs.take(), let error = errors.take() else { return }
            let null = try during("open /dev/null") { () throws(Errno) in
                try OwnedDescriptor.open("/dev/null", .readWrite)
            }
            let ready = try during("make a pipe") { () throws(Errno) in try Pipe() }
            let program = Program(
                executable: command.executable, arguments: [command.executable] + command.arguments,
                environment: ["CONTAINER_ID=\(command.container)", "CONTAINER_NAMESPACE=\(command.namespace)"],
                descriptors: [
                    null.rawValue, null.rawValue, null.rawValue, output.rawValue, error.rawValue,
                    ready.writeEnd.rawValue,
                ])
            let process = try during("start logger \(command.executable)") { () throws(Errno) in try program.start() }
            let pipes = [try? fileStatus(output.rawValue), try? fileStatus(error.rawValue)]
            let logger = Logger(process, pipes: pipes, loop: loop, reaper: reaper)
            // Our copy of the writing end closes here, so that the logger's end is seen.
            logger.awaitReport(
                on: ready.takeReadEnd(), mustReport: command.mustReport, name: command.executable, cancellation,
                completion)
        } catch {
            completion(.failure(error))
        }
    }

    private func awaitReport(
        on descriptor: consuming OwnedDescriptor, mustReport: Bool, name: String, _ cancellation: Cancellation,
        _ completion: @escaping (Result<Logger, ShimFailure>) -> Void
    ) {
        var isDecided = false
        var deadline: Scheduled<Void>?
        let decide = { (failure: String?) in
            if isDecided { return }
            isDecided = true
            deadline?.cancel()
            if let failure {
                kill(self.process, SIGKILL)
                completion(.failure(ShimFailure("start logger \(name): \(failure)")))
            } else {
                completion(.success(self))
            }
        }
        let reading = loop.read(
            adopting: descriptor, received: { _ in decide(nil) },
            ended: { decide(mustReport ? "it ended without reporting" : nil) })
        let giveUp = { (reason: String) in
            decide(reason)
            reading.whenSuccess { $0.close(promise: nil) }
        }
        deadline = loop.after(Self.patience) { giveUp("no report within 30 seconds") }
        cancellation.whenCancelled { giveUp("the wait for its report was called off") }
    }

    /// Runs a body when the logger has read what is in its pipes, or never will.
    func whenRead(until deadline: NIODeadline, _ body: @escaping () -> Void) {
        whenRead(until: deadline, pause: .milliseconds(1), body)
    }

    private func whenRead(until deadline: NIODeadline, pause: TimeAmount, _ body: @escaping () -> Void) {
        if hasExited || unread == 0 || .now() > deadline { return body() }
        loop.after(pause) { self.whenRead(until: deadline, pause: min(pause * 2, .milliseconds(16)), body) }
    }

    /// How much it has still to read.
    ///
    /// Looked up in the logger itself: a reading end of ours would keep the container from hearing that it is gone.
    var unread: Int {
        pipes.enumerated().reduce(0) { sum, pipe in
            let path = "/proc/\(process)/fd/\(pipe.offset + 3)"
            guard let reader = try? OwnedDescriptor.open(path, [.readOnly, .nonBlocking]),
                let found = try? fileStatus(reader.rawValue), let given = pipe.element,
                found.inode == given.inode, found.device == given.device
            else { return sum }
            return sum + unreadBytes(reader.rawValue)
        }
    }

    /// The counters of its reads and writes. proc(5), /proc/PID/io.
    var work: String { (try? readText("/proc/\(process)/io")) ?? "" }

    /// Runs a body when the logger has exited.
    func whenExited(_ body: @escaping () -> Void) {
        if hasExited { body() } else { afterExit.append(body) }
    }

    /// Ends a logger that does not end with its input.
    func terminate() {
        if !hasExited { reaper.ask(process) }
    }
}
