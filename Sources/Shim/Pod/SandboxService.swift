// containerd's sandbox service: the pod that a shim keeps, where containerd leaves that to it (`sandboxer = "shim"`).

internal import Cgroups
internal import FoundationEssentials
internal import Glibc
internal import Kernel
internal import NIOCore
internal import OCISpec
internal import ShimAPI
internal import SwiftProtobuf
internal import TTRPC

/// The service; everything of it happens on the event loop.
final class SandboxService {
    private let tasks: TaskService

    init(_ tasks: TaskService) { self.tasks = tasks }

    func register(on server: Server) {
        server.register(
            "containerd.runtime.sandbox.v1.Sandbox",
            [
                "CreateSandbox": tasks.handler(create),
                "StartSandbox": tasks.handler(start),
                "Platform": tasks.handler(platform),
                "StopSandbox": tasks.handler(stop),
                "WaitSandbox": tasks.handler(wait),
                "SandboxStatus": tasks.handler(status),
                "PingSandbox": tasks.handler(ping),
                "ShutdownSandbox": tasks.handler(shutdown),
                "SandboxMetrics": tasks.handler(metrics),
            ])
    }

    private func pod(_ id: String) throws(Status) -> Pod {
        guard let pod = tasks.pod, pod.id == id else { throw Status(.notFound, "sandbox \(id) does not exist") }
        return pod
    }

    // MARK: life

    private func create(_ request: SandboxCreateRequest, _ reply: Reply<SandboxDone>) throws(Status) {
        let id = request.sandboxID
        if !isIdentifier(id) { throw Status(.invalidArgument, "sandbox id \(id.quoted) is not an identifier") }
        if let pod = tasks.pod { throw Status(.alreadyExists, "sandbox \(pod.id) already exists") }
        if request.bundlePath.isEmpty { throw Status(.invalidArgument, "bundle path is empty") }
        var config = CRIPodSandboxConfig()
        if request.hasOptions, !request.options.typeURL.isEmpty {
            guard request.options.typeName == "runtime.v1.PodSandboxConfig" else {
                throw Status(.invalidArgument, "sandbox options: unknown type \(request.options.typeURL.quoted)")
            }
            guard let decoded = try? CRIPodSandboxConfig(serializedBytes: request.options.value) else {
                throw Status(.invalidArgument, "sandbox options: malformed \(request.options.typeURL)")
            }
            config = decoded
        }
        do throws(ShimFailure) {
            let plan = try PodPlan(config, network: request.netnsPath, hostName: Self.hostName)
            tasks.pod = Pod(id: id, bundle: request.bundlePath, plan: plan)
        } catch {
            throw Status(.invalidArgument, error.description)
        }
        reply(SandboxDone())
    }

    private static var hostName: String {
        var name = utsname()
        if uname(&name) != 0 { return "" }
        return withUnsafeBytes(of: &name.nodename) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    private func start(_ request: SandboxRequest, _ reply: Reply<SandboxStartResponse>) throws(Status) {
        let pod = try pod(request.sandboxID)
        if pod.state != .created { throw Status(.failedPrecondition, "sandbox \(pod.id) has been started") }
        do throws(ShimFailure) {
            try pod.start()
        } catch {
            throw Status(error)
        }
        if pod.holder > 0 { tasks.reaper.whenExited(pod.holder) { pod.holderEnded($0) } }
        var answer = SandboxStartResponse()
        answer.pid = UInt32(pod.holder)
        answer.createdAt = Google_Protobuf_Timestamp(pod.createdAt)
        answer.spec = Google_Protobuf_Any(
            "types.containerd.io/opencontainers/runtime-spec/1/Spec", pod.resources.specification(pod.plan).json())
        reply(answer)
    }

    private func stop(_ request: SandboxStopRequest, _ reply: Reply<SandboxDone>) throws(Status) {
        let pod = try pod(request.sandboxID)
        stop(pod, within: request.timeoutSecs) { reply(SandboxDone()) }
    }

    /// Kills what containers are left, waits for them for so many seconds, and takes the pod away.
    private func stop(_ pod: Pod, within seconds: UInt32, _ body: @escaping () -> Void) {
        let finish = {
            pod.stop(Exit(status: 0, time: .now))
            body()
        }
        if pod.state == .stopped { return body() }
        tasks.killAll(within: .seconds(seconds == 0 ? 10 : Int64(seconds)), finish)
    }

    private func shutdown(_ request: SandboxRequest, _ reply: Reply<SandboxDone>) throws(Status) {
        let pod = try pod(request.sandboxID)
        stop(pod, within: 0) { [tasks] in
            reply(SandboxDone())
            tasks.pod = nil
            // containerd's client, once it sees the connection's end, may overlook the answer before it.
            tasks.loop.after(.milliseconds(100)) { tasks.end() }
        }
    }

    // MARK: questions

    private func wait(_ request: SandboxRequest, _ reply: Reply<SandboxWaitResponse>) throws(Status) {
        try pod(request.sandboxID).whenStopped(isAwaited: { reply.isAwaited }) { exit in
            var answer = SandboxWaitResponse()
            answer.exitStatus = exit.status
            answer.exitedAt = Google_Protobuf_Timestamp(exit.time)
            reply(answer)
        }
    }

    private func status(_ request: SandboxStatusRequest, _ reply: Reply<SandboxStatusResponse>) throws(Status) {
        let pod = try pod(request.sandboxID)
        var answer = SandboxStatusResponse()
        answer.sandboxID = pod.id
        answer.pid = UInt32(pod.holder)
        answer.state = pod.state.rawValue
        answer.createdAt = Google_Protobuf_Timestamp(pod.createdAt)
        if let exit = pod.exit { answer.exitedAt = Google_Protobuf_Timestamp(exit.time) }
        if request.verbose {
            let spec = pod.resources.specification(pod.plan)
            let info: JSONValue = [
                "pid": .number("\(pod.holder)"), "processStatus": .string("\(pod.state)"), "runtimeSpec": spec,
            ]
            answer.info["info"] = String(decoding: info.json(), as: UTF8.self)
        }
        reply(answer)
    }

    private func platform(_ request: SandboxRequest, _ reply: Reply<SandboxPlatformResponse>) throws(Status) {
        _ = try pod(request.sandboxID)
        var answer = SandboxPlatformResponse()
        answer.platform.os = "linux"
        #if arch(x86_64)
        answer.platform.architecture = "amd64"
        #else
        answer.platform.architecture = "arm64"
        #endif
        reply(answer)
    }

    private func ping(_ request: SandboxRequest, _ reply: Reply<SandboxDone>) throws(Status) {
        _ = try pod(request.sandboxID)
        reply(SandboxDone())
    }

    private func metrics(_ request: SandboxRequest, _ reply: Reply<SandboxMetricsResponse>) throws(Status) {
        let pod = try pod(request.sandboxID)
        if pod.plan.cgroup.isEmpty { throw Status(.notFound, "sandbox \(pod.id) was given no cgroup") }
        guard let host = tasks.cgroupHost, let cgroup = TaskCgroup(path: pod.plan.cgroup, host: host) else {
            throw Status(.notFound, "cgroup \(pod.plan.cgroup) does not exist")
        }
        var answer = SandboxMetricsResponse()
        answer.metrics.id = pod.id
        answer.metrics.timestamp = Google_Protobuf_Timestamp(.now)
        do throws(CgroupFailure) {
            answer.metrics.data = try Statistics.read(cgroup)
        } catch {
            throw Status(.notFound, error.description)
        }
        reply(answer)
    }
}
