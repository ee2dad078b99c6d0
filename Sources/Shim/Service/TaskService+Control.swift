// Calls that change a running container.

internal import Glibc
internal import CLinux
internal import Kernel
internal import NIOCore
internal import ShimAPI
internal import SwiftProtobuf
internal import TTRPC

extension TaskService {
    func kill(_ request: TaskKillRequest, _ reply: Reply<Google_Protobuf_Empty>) throws(Status) {
        abandonCreation(of: request.id)
        let container = try container(request.id)
        let process = try container.process(request.execID)
        guard request.signal <= 64 else {
            throw Status(.invalidArgument, "signal \(request.signal) does not exist")
        }
        process.urgently(loop) { [self] done in
            let finish = { (failure: Status?) in
                if let failure { reply.fail(failure) } else { reply(Google_Protobuf_Empty()) }
                done()
            }
            if let refusal = process.refusal(of: .kill) { return finish(refusal) }
            // 0 asks whether the process is there.
            if !process.isInit || request.signal == 0 { return finish(Self.signal(process, request.signal)) }
            let operation = RuntimeOperation.kill(signal: request.signal, all: request.all)
            calls.call(
                container.runtime, operation, container: container.id, bundle: container.bundle, trace: reply.trace
            ) { failure in
                if let failure, failure.isLate, request.signal == UInt32(SIGKILL), !process.isCollected {
                    // Without the runtime's help at least the init can be killed: it is our child.
                    return finish(Self.signal(process, request.signal))
                }
                if let failure, failure.meansGone {
                    return finish(Status(.notFound, "process already finished: \(failure.message)"))
                }
                finish(failure?.status)
            }
        }
    }

    /// Makes a cancelled Create fail. A runtime at work on it is given a moment, unless it is to end at once.
    func cancelCreation(_ container: Container, atOnce: Bool = false) {
        guard beingCreated[container.id] === container else { return }
        container.isCancelled = true
        if atOnce || container.initProcess.preparation != nil {
            container.initProcess.breakCall()
        } else {
            abandonCreation(of: container.id)
        }
    }

    /// Ends a runtime that hangs in `create`, or a wait for a client, once the container is no longer wanted.
    func abandonCreation(of id: String) {
        guard let container = beingCreated[id] else { return }
        loop.after(.seconds(2)) { [self] in
            if beingCreated[id] === container { container.initProcess.breakCall() }
        }
    }

    /// An exec'd process is our child, not yet collected, so its id is its own.
    private static func signal(_ process: TaskProcess, _ signal: UInt32) -> Status? {
        if Glibc.kill(process.pid, Int32(signal)) == 0 { return nil }
        let code = Errno(rawValue: errno)
        if code == .noSuchProcess { return Status(.notFound, "process already finished") }
        return Status(.unknown, "signal process \(process.pid): \(code.message)")
    }

    /// Kills all containers, and runs the body when they have ended, or after a limit.
    func killAll(within limit: TimeAmount, _ body: @escaping () -> Void) {
        var left = containers.values.filter { !$0.isInitGone && $0.initProcess.pid > 0 }.count
        for container in beingCreated.values { cancelCreation(container) }
        if left == 0 { return body() }
        var isDone = false
        let finish = {
            if isDone { return }
            isDone = true
            body()
        }
        for container in containers.values where !container.isInitGone && container.initProcess.pid > 0 {
            container.initProcess.whenExited(isAwaited: { true }) { _ in
                left -= 1
                if left == 0 { finish() }
            }
            let operation = RuntimeOperation.kill(signal: UInt32(SIGKILL), all: true)
            calls.call(container.runtime, operation, container: container.id, bundle: container.bundle) { failure in
                // The init at least can be killed without the runtime's help: it is our child.
                if failure != nil, !container.initProcess.isCollected { Glibc.kill(container.initProcess.pid, SIGKILL) }
            }
        }
        loop.after(limit, finish)
    }

    func pause(_ request: TaskContainerRequest, _ reply: Reply<Google_Protobuf_Empty>) throws(Status) {
        let container = try container(request.id)
        change(container, .pause, .pause, reply) {
            container.initProcess.state = .pausing
        } then: { [self] isDone in
            // It may have exited meanwhile.
            if container.initProcess.state == .pausing { container.initProcess.state = isDone ? .paused : .running }
            if !isDone { return }
            var event = EventTaskPaused()
            event.containerID = container.id
            events.publish("/tasks/paused", event)
        }
    }

    func resume(_ request: TaskContainerRequest, _ reply: Reply<Google_Protobuf_Empty>) throws(Status) {
        let container = try container(request.id)
        change(container, .resume, .resume, reply) {
        } then: { [self] isDone in
            if !isDone { return }
            if container.initProcess.state == .paused { container.initProcess.state = .running }
            var event = EventTaskResumed()
            event.containerID = container.id
            events.publish("/tasks/resumed", event)
        }
    }

    func update(_ request: TaskUpdateRequest, _ reply: Reply<Google_Protobuf_Empty>) throws(Status) {
        let container = try container(request.id)
        var steps: [(operation: RuntimeOperation, input: DescriptorBox)] = []
        do throws(ShimFailure) {
            if !request.resources.value.isEmpty {
                let operation = RuntimeOperation.update(shrink: request.annotations["org.swiftrun.memory.shrink"])
                steps.append((operation, DescriptorBox(try Self.memory(holding: request.resources.bytes))))
            }
            for verb in ["remove", "add"] {
                guard let list = request.annotations["org.swiftrun.mounts.\(verb)"] else { continue }
                steps.append((.mounts(verb: verb), DescriptorBox(try Self.memory(holding: Array(list.utf8)))))
            }
        } catch {
            throw Status(error)
        }
        if steps.isEmpty { throw Status(.invalidArgument, "resources are empty") }
        container.initProcess.queue.run { [self] done in
            if let refusal = container.initProcess.refusal(of: .update) {
                reply.fail(refusal)
                return done()
            }
            container.initProcess.trace = reply.trace
            carryOut(steps[...], container) { failure in
                if let failure { reply.fail(failure.status) } else { reply(Google_Protobuf_Empty()) }
                done()
            }
        }
    }

    /// Calls the runtime for one step after another, until one fails.
    private func carryOut(
        _ steps: ArraySlice<(operation: RuntimeOperation, input: DescriptorBox)>, _ container: Container,
        _ completion: @escaping (RuntimeFailure?) -> Void
    ) {
        guard let step = steps.first else { return completion(nil) }
        calls.call(
            container.runtime, step.operation, container: container.id, bundle: container.bundle,
            for: container.initProcess,
            streams: RuntimeStreams(input: step.input.rawValue)
        ) { [self] failure in
            if let failure { return completion(failure) }
            carryOut(steps.dropFirst(), container, completion)
        }
    }

    /// Has the runtime change a container, in its turn.
    func change(
        _ container: Container, _ kind: ProcessState.Operation, _ operation: RuntimeOperation,
        _ reply: Reply<Google_Protobuf_Empty>, before prepare: @escaping () -> Void = {},
        then follow: @escaping (_ isDone: Bool) -> Void = { _ in },
        explain: @escaping (RuntimeFailure) -> Status = { $0.status }
    ) {
        container.initProcess.queue.run { [self] done in
            if let refusal = container.initProcess.refusal(of: kind) {
                reply.fail(refusal)
                return done()
            }
            prepare()
            container.initProcess.trace = reply.trace
            calls.call(
                container.runtime, operation, container: container.id, bundle: container.bundle,
                for: container.initProcess
            ) { failure in
                let refusal = failure.map(explain)
                follow(failure == nil)
                if let refusal { reply.fail(refusal) } else { reply(Google_Protobuf_Empty()) }
                done()
            }
        }
    }

    /// An unnamed file with some content, at its start.
    private static func memory(holding bytes: [UInt8]) throws(ShimFailure) -> OwnedDescriptor {
        try during("pass resources on") { () throws(Errno) in
            let closeOnExec: UInt32 = 1  // MFD_CLOEXEC
            let file = OwnedDescriptor(adopting: try checked { clinux_memfd_create("resources", closeOnExec) })
            try writeAll(bytes, to: file.rawValue)
            try checked { lseek(file.rawValue, 0, SEEK_SET) }
            return file
        }
    }

    // MARK: streams

    func resize(_ request: TaskResizePtyRequest, _ reply: Reply<Google_Protobuf_Empty>) throws(Status) {
        let process = try container(request.id).process(request.execID)
        if let refusal = process.refusal(of: .resize) { throw refusal }
        do throws(ShimFailure) {
            try process.streams?.resize(width: request.width, height: request.height)
        } catch {
            throw Status(error)
        }
        reply(Google_Protobuf_Empty())
    }

    func closeInput(_ request: TaskCloseIORequest, _ reply: Reply<Google_Protobuf_Empty>) throws(Status) {
        let process = try container(request.id).process(request.execID)
        if request.stdin { process.streams?.closeInput() }
        reply(Google_Protobuf_Empty())
    }
}
