// Calling the runtime without waiting for it.

internal import CLinux
internal import Glibc
internal import Kernel
internal import NIOCore
internal import TTRPC

/// Calls an OCI runtime for the containers of one shim.
final class RuntimeCalls {
    private let reaper: Reaper
    private let loop: Loop
    private let tracer: Tracer
    private var calls = 0

    init(_ reaper: Reaper, _ tracer: Tracer, loop: Loop) {
        self.reaper = reaper
        self.tracer = tracer
        self.loop = loop
    }

    /// Starts a call; the completion receives its error, or nil.
    ///
    /// A runtime that does not end in time is killed. Another operation that cannot wait may end it sooner
    /// (`TaskProcess.breakCall`).
    /// - Parameter trace: the trace that the runtime continues; by default the owner's.
    func call(
        _ runtime: OCIRuntime, _ operation: RuntimeOperation, container: String, bundle: TaskBundle,
        for owner: TaskProcess? = nil, streams: RuntimeStreams = RuntimeStreams(), trace: TraceContext? = nil,
        completion: @escaping (RuntimeFailure?) -> Void
    ) {
        calls += 1
        let (trace, completion) = followed(
            "\(runtime.name) \(operation.name)", container, trace ?? owner?.trace, completion)
        var opened: CallLog?
        do throws(ShimFailure) {
            let log = try CallLog("\(bundle.path)/\(operation.name)-\(calls).log")
            opened = log
            let process = try Self.start(
                runtime, operation, container: container, log: log, directory: bundle.path, streams: streams,
                trace: trace)
            var isLate = false
            var isTold = false
            let tell = { (failure: RuntimeFailure?) in
                if isTold { return }
                isTold = true
                owner?.call = nil
                var failure = failure
                failure?.isLate = isLate
                completion(failure)
            }
            let call = RuntimeCall(process, operation, loop: loop) {
                tell(RuntimeFailure(operation, "the runtime did not end when it was killed"))
            }
            owner?.call = call
            let limit = operation.limit
            let deadline = loop.after(limit) {
                isLate = true
                call.kill()
            }
            reaper.whenExited(process) { exit in
                deadline.cancel()
                call.ended()
                var failure = exit.status == 0 ? nil : Self.failure(exit, operation, log: log)
                if isLate, failure != nil {
                    failure = RuntimeFailure(operation, "the runtime did not end within \(limit.seconds) seconds")
                }
                log.remove()
                tell(failure)
            }
        } catch {
            opened?.remove()
            completion(RuntimeFailure(operation, error.description))
        }
    }

    /// A completion that also tells the tracer, and the trace that the call's program continues.
    private func followed(
        _ name: String, _ container: String, _ trace: TraceContext?, _ completion: @escaping (RuntimeFailure?) -> Void
    ) -> (TraceContext?, (RuntimeFailure?) -> Void) {
        guard let span = tracer.begin(name, .client, parent: trace) else { return (trace, completion) }
        span.attributes = [("container.id", container)]
        let both = { (failure: RuntimeFailure?) in
            span.end(error: failure?.message)
            completion(failure)
        }
        return (span.context, both)
    }

    private static func start(
        _ runtime: OCIRuntime, _ operation: RuntimeOperation, container: String, log: CallLog, directory: String,
        streams: RuntimeStreams, trace: TraceContext?
    ) throws(ShimFailure) -> pid_t {
        guard let executable = findExecutable(runtime.binary) else {
            throw ShimFailure("exec: \"\(runtime.binary)\": executable file not found in $PATH")
        }
        let null = try during("open /dev/null") { () throws(Errno) in
            try OwnedDescriptor.open("/dev/null", .readWrite)
        }
        let program = Program(
            executable: executable, arguments: runtime.arguments(operation, container: container, log: log.path),
            environment: trace.map { currentEnvironment() + $0.variables },
            // A container whose bundle is gone can still be ended.
            directory: clinux_access(directory, F_OK) == 0 ? directory : "/",
            descriptors: [
                streams.input ?? null.rawValue, streams.output ?? null.rawValue, streams.error ?? log.file.rawValue,
            ], diesWithParent: true)
        return try during("exec: \"\(executable)\"") { () throws(Errno) in try program.start() }
    }

    private static func failure(_ exit: Exit, _ operation: RuntimeOperation, log: CallLog) -> RuntimeFailure {
        let message =
            RuntimeLog.failure(in: log.text) ?? "the runtime exited with status \(exit.status) and said nothing"
        return RuntimeFailure(operation, message)
    }
}

/// The error of a runtime.
struct RuntimeFailure: Error {
    let operation: String
    let message: String
    /// Whether the runtime was killed after the time limit.
    var isLate = false

    init(_ operation: RuntimeOperation, _ message: String) {
        self.operation = operation.name
        self.message = message
    }

    /// As containerd words it, and its clients look for it.
    var status: Status { Status(.unknown, "OCI runtime \(operation) failed: \(message)") }

    /// The line with the cause in a message of many lines, such as runc's about CRIU.
    var firstLine: Substring { message.split(whereSeparator: \.isNewline).first ?? "" }

    var meansGone: Bool { RuntimeLog.meansGone(message) }
}

extension RuntimeOperation {
    /// How long a runtime may take: for hooks and checkpoints, which are others' code, long, but not for ever.
    var limit: TimeAmount {
        switch self {
        case .create, .start, .exec: .minutes(10)
        case .restore, .checkpoint: .hours(1)
        case .kill, .delete, .pause, .resume, .update, .mounts: .seconds(30)
        }
    }
}

extension TimeAmount {
    fileprivate var seconds: Int64 { nanoseconds / 1_000_000_000 }
}
