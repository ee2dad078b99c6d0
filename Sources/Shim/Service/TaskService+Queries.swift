// Calls that read the state of containers.

internal import Cgroups
internal import Glibc
internal import ShimAPI
internal import SwiftProtobuf
internal import TTRPC

extension TaskService {
    func state(_ request: TaskProcessRequest, _ reply: Reply<TaskStateResponse>) throws(Status) {
        let container = try container(request.id)
        let process = try container.process(request.execID)
        var answer = TaskStateResponse()
        answer.id = process.isInit ? container.id : process.execID
        answer.bundle = container.bundle.path
        answer.pid = UInt32(process.pid)
        answer.status = status(of: process, in: container)
        answer.stdin = process.request.input
        answer.stdout = process.request.output
        answer.stderr = process.request.error
        answer.terminal = process.request.isTerminal
        if let exit = process.exit {
            answer.exitStatus = exit.status
            answer.exitedAt = Google_Protobuf_Timestamp(exit.time)
        }
        answer.execID = process.execID
        reply(answer)
    }

    /// A running process of a paused container is paused.
    private func status(of process: TaskProcess, in container: Container) -> TaskStatus {
        let state = process.state == .running ? container.initProcess.state : process.state
        return switch state {
        case .created: .created
        case .running: .running
        case .pausing: .pausing
        case .paused: .paused
        // The container's exit has been published, the exec process's has not.
        case .stopped: process.state == .running ? .running : .stopped
        }
    }

    func wait(_ request: TaskProcessRequest, _ reply: Reply<TaskWaitResponse>) throws(Status) {
        let process = try container(request.id).process(request.execID)
        process.whenExited(isAwaited: { reply.isAwaited }) { exit in
            var answer = TaskWaitResponse()
            if let exit {
                answer.exitStatus = exit.status
                answer.exitedAt = Google_Protobuf_Timestamp(exit.time)
            }
            reply(answer)
        }
    }

    func processes(_ request: TaskContainerRequest, _ reply: Reply<TaskPidsResponse>) throws(Status) {
        let container = try container(request.id)
        let execs = Dictionary(
            container.execs.values.map { ($0.pid, $0.execID) }, uniquingKeysWith: { first, _ in first })
        var answer = TaskPidsResponse()
        answer.processes = (container.cgroup?.processes ?? []).map { pid in
            var info = TaskProcessInfo()
            info.pid = UInt32(pid)
            if let execID = execs[pid] {
                var details = RuncProcessDetails()
                details.execID = execID
                info.info = Google_Protobuf_Any(bare: details)
            }
            return info
        }
        reply(answer)
    }

    func statistics(_ request: TaskContainerRequest, _ reply: Reply<TaskStatsResponse>) throws(Status) {
        let container = try container(request.id)
        guard let cgroup = container.cgroup else { throw Status(.notFound, "cgroup does not exist") }
        var answer = TaskStatsResponse()
        do throws(CgroupFailure) {
            answer.stats = try Statistics.read(cgroup)
        } catch {
            throw Status(.notFound, error.description)
        }
        reply(answer)
    }
}
