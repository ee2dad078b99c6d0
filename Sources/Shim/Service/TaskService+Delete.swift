// Deleting processes and containers.

internal import Glibc
internal import NIOCore
internal import ShimAPI
internal import SwiftProtobuf
internal import TTRPC

extension TaskService {
    func delete(_ request: TaskProcessRequest, _ reply: Reply<TaskDeleteResponse>) throws(Status) {
        if request.execID.isEmpty, let container = beingCreated[request.id] { cancelCreation(container) }
        let container = try container(request.id)
        let process = try container.process(request.execID)
        process.urgently(loop) { [self] done in
            let finish = { (failure: Status?) in
                if let failure { reply.fail(failure) } else { reply(Self.answer(process)) }
                done()
            }
            if let refusal = process.refusal(of: .delete) { return finish(refusal) }
            process.trace = reply.trace
            if isDeleted(process, from: container) {
                return finish(Status(.notFound, process.isInit ? "container not created" : "process does not exist"))
            }
            let delete = process.isInit ? deleteContainer : deleteExec(process)
            guard let streams = process.streams, process.exit != nil else { return delete(container, finish) }
            // A process that an exec process has left running may write to its logger for ever.
            streams.whenDrained(loggerLimit: .seconds(process.isInit ? 30 : 2)) { delete(container, finish) }
        }
    }

    /// Whether an earlier call has deleted the process.
    private func isDeleted(_ process: TaskProcess, from container: Container) -> Bool {
        containers[container.id] !== container
            || (!process.isInit && container.execs[process.execID] !== process)
    }

    private static func answer(_ process: TaskProcess) -> TaskDeleteResponse {
        var answer = TaskDeleteResponse()
        answer.pid = UInt32(process.pid)
        if let exit = process.exit {
            answer.exitStatus = exit.status
            answer.exitedAt = Google_Protobuf_Timestamp(exit.time)
        }
        return answer
    }

    private func deleteExec(_ process: TaskProcess) -> (Container, @escaping (Status?) -> Void) -> Void {
        { container, finish in
            process.streams?.close()
            container.execs[process.execID] = nil
            finish(nil)
        }
    }

    private func deleteContainer(_ container: Container, _ finish: @escaping (Status?) -> Void) {
        // A container that the runtime has not created, such as a checkpoint that is not restored yet, needs no
        // `delete`.
        if container.initProcess.pid == 0 { return deleted(container, finish) }
        let force = container.initProcess.state == .created
        calls.call(
            container.runtime, .delete(force: force), container: container.id, bundle: container.bundle,
            trace: container.initProcess.trace
        ) { [self] failure in
            if let failure, !failure.meansGone { return finish(failure.status) }
            awaitExit(of: container) { [self] in deleted(container, finish) }
        }
    }

    /// A container that is deleted before its start has just been killed; its exit is published before its deletion.
    private func awaitExit(of container: Container, _ body: @escaping () -> Void) {
        if container.initProcess.exit != nil { return body() }
        var isDone = false
        let once = {
            if isDone { return }
            isDone = true
            body()
        }
        container.initProcess.whenExited(isAwaited: { true }) { [self] _ in loop.after(.zero, once) }
        loop.after(.seconds(2), once)
    }

    private func deleted(_ container: Container, _ finish: @escaping (Status?) -> Void) {
        container.memoryWatch?.end()
        for process in container.execs.values { process.streams?.close() }
        container.initProcess.streams?.close()
        container.rootfs.unmount()
        container.bundle.removeRecord()
        containers[container.id] = nil
        let answer = Self.answer(container.initProcess)
        var event = EventTaskDelete()
        event.containerID = container.id
        event.pid = answer.pid
        event.exitStatus = answer.exitStatus
        event.exitedAt = answer.exitedAt
        events.publish("/tasks/delete", event)
        finish(nil)
    }
}
