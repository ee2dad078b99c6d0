// Starting processes, and hearing of their exits.

internal import CLinux
internal import Glibc
internal import NIOCore
internal import OCISpec
internal import ShimAPI
internal import SwiftProtobuf
internal import Kernel
internal import TTRPC

extension TaskService {
    func start(_ request: TaskProcessRequest, _ reply: Reply<TaskStartResponse>) throws(Status) {
        let container = try container(request.id)
        let process = try container.process(request.execID)
        process.queue.run { [self] done in
            let finish = { (failure: Status?) in
                if let failure {
                    reply.fail(failure)
                } else {
                    var answer = TaskStartResponse()
                    answer.pid = UInt32(process.pid)
                    reply(answer)
                }
                done()
            }
            if let refusal = process.refusal(of: .start) { return finish(refusal) }
            process.trace = reply.trace
            // A restored container and an exec process may wait for something that never comes. A container that has been created is started to the end.
            if !process.isInit || container.checkpoint != nil {
                if !reply.isAwaited { return finish(Status(.canceled, "the client no longer waits")) }
                reply.whenGivenUp { process.breakCall() }
            }
            if process.isInit {
                startInit(container, finish)
            } else {
                startExec(process, in: container, finish)
            }
        }
    }

    private func startInit(_ container: Container, _ finish: @escaping (Status?) -> Void) {
        container.beginStart()
        let started = { [self] (failure: Status?) in
            if failure == nil {
                container.initProcess.state = .running
                var event = EventTaskStart()
                event.containerID = container.id
                event.pid = UInt32(container.initProcess.pid)
                events.publish("/tasks/start", event)
            }
            finish(failure)
            container.endStart()
        }
        // A restored container runs at once.
        if container.checkpoint != nil { return createInit(container, started) }
        calls.call(
            container.runtime, .start, container: container.id, bundle: container.bundle, for: container.initProcess
        ) { failure in
            started(failure?.status)
        }
    }

    // MARK: exec

    func exec(_ request: TaskExecRequest, _ reply: Reply<Google_Protobuf_Empty>) throws(Status) {
        let container = try container(request.id)
        let id = request.execID
        if !isIdentifier(id) { throw Status(.invalidArgument, "exec id \(id.quoted) is not an identifier") }
        if container.execs[id] != nil { throw Status(.alreadyExists, "id \(id) already exists") }
        // A container that is to be restored has no process yet.
        if container.checkpoint != nil, container.initProcess.pid == 0 {
            throw Status(.unknown, "cannot exec in a created state")
        }
        if let refusal = container.initProcess.refusal(of: .exec) { throw refusal }
        let streams = StreamRequest(
            input: request.stdin, output: request.stdout, error: request.stderr, isTerminal: request.terminal)
        let process = TaskProcess(execID: id, request: streams)
        process.document = try document(request)
        container.execs[id] = process
        var event = EventTaskExecAdded()
        event.containerID = request.id
        event.execID = id
        events.publish("/tasks/exec-added", event)
        reply(Google_Protobuf_Empty())
    }

    /// The process document as the runtime is given it; the request decides about the terminal.
    private func document(_ request: TaskExecRequest) throws(Status) -> [UInt8] {
        let bytes = request.spec.bytes
        do throws(InvalidSpec) {
            var process = try Process(process: bytes)
            if process.terminal == request.terminal { return bytes }
            process.terminal = request.terminal
            var writer = JSONWriter()
            process.write(to: &writer)
            return writer.bytes
        } catch {
            throw Status(.invalidArgument, "process: \(error)")
        }
    }

    private func startExec(_ process: TaskProcess, in container: Container, _ finish: @escaping (Status?) -> Void) {
        if let refusal = container.refusalOfExecStart {
            process.setStartFailed()
            return finish(refusal)
        }
        process.setStarting()
        var hasBegun = false
        let failed = { (status: Status) in
            process.streams?.close()
            process.streams = nil
            process.setStartFailed()
            finish(status)
            if hasBegun { container.execEnded() }
        }
        prepareStreams(of: process, in: container) { [self] result in
            switch result {
            case .failure(let failure): failed(Status(failure))
            case .success(let streams):
                process.streams = streams
                // The client or its logger has been waited for.
                if let refusal = container.refusalOfExecStart { return failed(refusal) }
                container.execBegins()
                hasBegun = true
                callExec(process, in: container, streams) { [self] failure in
                    if let failure { return failed(failure) }
                    execStarted(process, in: container)
                    finish(nil)
                    reaper.whenExited(process.pid) { [self] exit in execExited(process, in: container, exit) }
                }
            }
        }
    }

    private func callExec(
        _ process: TaskProcess, in container: Container, _ streams: ProcessStreams,
        _ finish: @escaping (Status?) -> Void
    ) {
        let file = "\(container.bundle.path)/\(process.execID)-process.json"
        let pidFile = container.bundle.pidFile(ofExec: process.execID)
        do throws(ShimFailure) {
            try during("write \(file)") { () throws(Errno) in
                let descriptor = try OwnedDescriptor.open(file, [.writeOnly, .create, .truncate], mode: 0o600)
                try writeAll(process.document, to: descriptor.rawValue)
            }
        } catch {
            return finish(Status(error))
        }
        reaper.expectChild()
        calls.call(
            container.runtime,
            .exec(processFile: file, pidFile: pidFile, consoleSocket: streams.consoleSocket?.path),
            container: container.id, bundle: container.bundle, for: process, streams: streams.runtimeStreams
        ) { [self] failure in
            // The exit of what was started is asked for before unknown ones are forgotten.
            defer { reaper.stopExpecting() }
            clinux_unlink(file)
            if let failure {
                // A runtime that was killed may have started the process before.
                if let process = try? TaskBundle.processID(in: pidFile), reaper.isChild(process) {
                    Glibc.kill(process, SIGKILL)
                }
                clinux_unlink(pidFile)
                return finish(failure.status)
            }
            do throws(ShimFailure) {
                process.pid = try TaskBundle.processID(in: pidFile)
                clinux_unlink(pidFile)
                try streams.attach()
            } catch {
                if process.pid > 0 { Glibc.kill(process.pid, SIGKILL) }
                return finish(Status(error))
            }
            finish(nil)
        }
    }

    private func execStarted(_ process: TaskProcess, in container: Container) {
        process.state = .running
        // It is not needed again, and may be large.
        process.document = []
        var event = EventTaskExecStarted()
        event.containerID = container.id
        event.execID = process.execID
        event.pid = UInt32(process.pid)
        events.publish("/tasks/exec-started", event)
    }

    // MARK: exits

    /// The time that a client has to read a process's output before the exit is published.
    private static let arrivalLimit: TimeAmount = .seconds(1)

    private func execExited(_ process: TaskProcess, in container: Container, _ exit: Exit) {
        process.isCollected = true
        container.memoryWatch?.lookAgain()
        whenOutputArrived(process) { [self] in
            publishExit(of: process, in: container, exit)
            container.execEnded()
        }
    }

    /// Runs a body when clients have read a process's output: they stop reading after its exit event.
    private func whenOutputArrived(_ process: TaskProcess, _ body: @escaping () -> Void) {
        guard let streams = process.streams else { return body() }
        streams.processEnded()
        streams.whenArrived(within: Self.arrivalLimit, body)
    }

    func initExited(_ container: Container, _ exit: Exit) {
        // Without a process id namespace of its own, the container's other processes live on.
        if !container.configuration.hasOwnProcessNamespace {
            calls.call(
                container.runtime, .kill(signal: UInt32(SIGKILL), all: true), container: container.id,
                bundle: container.bundle
            ) { failure in
                if let failure, !failure.meansGone {
                    ShimLog.warning("kill what is left of \(container.id): \(failure.message)")
                }
            }
        }
        container.isInitGone = true
        container.initProcess.isCollected = true
        endExecs(of: container)
        // At once: systemd removes a scope, and with it the count of kills, when its last process has ended.
        container.memoryWatch?.lookAgain()
        whenOutputArrived(container.initProcess) { [self] in
            container.initExited { [self] in
                container.memoryWatch?.lookAgain()
                let kill = exit.status == 128 + UInt32(SIGKILL) ? container.memoryWatch?.endOfInit : nil
                container.memoryWatch?.end()
                container.memoryWatch = nil
                publishExit(of: container.initProcess, in: container, exit, kill)
            }
        }
    }

    /// Ends what holds back the exit of a container's init: processes that were executed in it and outlive it,
    /// and runtimes that are still at work to execute one.
    private func endExecs(of container: Container) {
        loop.after(.seconds(2)) {
            for process in container.execs.values {
                process.breakCall()
                if process.pid > 0, !process.isCollected { Glibc.kill(process.pid, SIGKILL) }
            }
        }
        // In a frozen cgroup no signal ends them.
        loop.after(.seconds(10)) { container.stopWaitingForExecs() }
    }

    private func publishExit(
        of process: TaskProcess, in container: Container, _ exit: Exit, _ kill: MemoryKill? = nil
    ) {
        process.setExited(exit)
        var event = EventTaskExit()
        event.containerID = container.id
        event.id = process.isInit ? container.id : process.execID
        event.pid = UInt32(process.pid)
        event.exitStatus = exit.status
        event.exitedAt = Google_Protobuf_Timestamp(exit.time)
        if let kill {
            event.killedByLimitOf = kill.owner.description
            event.limit = kill.limit ?? 0
            ShimLog.warning("container \(container.id): its init was killed: \(kill)")
        }
        events.publish("/tasks/exit", event)
        process.streams?.endOutputSoon()
    }
}
