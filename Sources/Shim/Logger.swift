// A program that takes a container's output (`binary://`).

internal import Glibc
internal import Kernel
internal import NIOCore
internal import SystemPackage

/// A running logger.
final class Logger {
    private let loop: Loop
    private let process: pid_t
    private var hasExited = false
    private var afterExit: [() -> Void] = []

    private init(_ process: pid_t, loop: Loop, reaper: Reaper) {
        self.process = process
        self.loop = loop
        reaper.whenExited(process) { _ in self.exited() }
    }

    private func exited() {
        hasExited = true
        for body in afterExit { body() }
        afterExit = []
    }

    /// What a logger is told about itself.
    struct Command {
        var executable: String
        var arguments: [String]
        /// Whether its end before its word counts as failure.
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
        reaper: Reaper, completion: @escaping (Result<Logger, ShimFailure>) -> Void
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
            let logger = Logger(process, loop: loop, reaper: reaper)
            // Our copy of the writing end closes here, so that the logger's end is seen.
            logger.awaitReport(
                on: ready.takeReadEnd(), mustReport: command.mustReport, name: command.executable, completion)
        } catch {
            completion(.failure(error))
        }
    }

    private func awaitReport(
        on descriptor: consuming OwnedDescriptor, mustReport: Bool, name: String,
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
        deadline = loop.after(Self.patience) {
            decide("no report within 30 seconds")
            reading.whenSuccess { $0.close(promise: nil) }
        }
    }

    /// Runs a body when the logger has exited.
    func whenExited(_ body: @escaping () -> Void) {
        if hasExited { body() } else { afterExit.append(body) }
    }

    /// Ends a logger that does not end with its input.
    func terminate() {
        if hasExited { return }
        kill(process, SIGTERM)
        loop.after(.seconds(12)) { [self] in
            if !hasExited { kill(process, SIGKILL) }
        }
    }
}
