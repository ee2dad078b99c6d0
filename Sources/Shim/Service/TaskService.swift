// containerd's task service: the containers of one shim, and the calls that are made for them.

internal import Cgroups
internal import CLinux
internal import Glibc
internal import NIOCore
internal import ShimAPI
internal import SwiftProtobuf
internal import TTRPC

/// The service; everything of it happens on the event loop.
final class TaskService {
    let loop: Loop
    let namespace: String
    let reaper: Reaper
    let calls: RuntimeCalls
    let events: EventPublisher
    let tracer: Tracer
    let streams: StreamContext
    var containers: [String: Container] = [:]
    /// Containers that are being created.
    var beingCreated: [String: Container] = [:]
    /// The pod that the containers belong to, where it is the shim that keeps it.
    var pod: Pod?
    /// Whether a client has asked for the shim's end while only creations were in its way.
    private var isEndWanted = false

    /// How the host mounts its cgroups, asked once; nothing when it has none.
    private(set) lazy var cgroupHost = try? CgroupHost.probe(cgroupsPath: "/")

    private let exit: () -> Void
    private var isShuttingDown = false
    private var tidying: Scheduled<Void>?

    /// `exit` ends the program.
    init(
        loop: Loop, namespace: String, reaper: Reaper, events: EventPublisher, tracer: Tracer, socketDirectory: String,
        exit: @escaping () -> Void
    ) {
        self.loop = loop
        self.namespace = namespace
        self.reaper = reaper
        self.events = events
        self.tracer = tracer
        self.exit = exit
        calls = RuntimeCalls(reaper, tracer, loop: loop)
        streams = StreamContext(loop: loop, reaper: reaper, namespace: namespace, directory: socketDirectory)
    }

    /// Offers the service under both of its names.
    func register(on server: Server) {
        let methods: [String: Server.Handler] = [
            "Create": method(TaskService.create),
            "Start": method(TaskService.start),
            "Delete": method(TaskService.delete),
            "State": method(TaskService.state),
            "Pids": method(TaskService.processes),
            "Pause": method(TaskService.pause),
            "Resume": method(TaskService.resume),
            "Checkpoint": method(TaskService.checkpoint),
            "Kill": method(TaskService.kill),
            "Exec": method(TaskService.exec),
            "ResizePty": method(TaskService.resize),
            "CloseIO": method(TaskService.closeInput),
            "Update": method(TaskService.update),
            "Wait": method(TaskService.wait),
            "Stats": method(TaskService.statistics),
            "Connect": method(TaskService.connect),
            "Shutdown": method(TaskService.shutdown),
        ]
        server.register("containerd.task.v2.Task", methods)
        server.register("containerd.task.v3.Task", methods)
    }

    private func method<Question: Message, Answer: Message>(
        _ body: @escaping (TaskService) -> (Question, Reply<Answer>) throws(Status) -> Void
    ) -> Server.Handler {
        handler { (question, reply) throws(Status) in try body(self)(question, reply) }
    }

    /// The handler of a method of one of our services.
    func handler<Question: Message, Answer: Message>(
        _ body: @escaping (Question, Reply<Answer>) throws(Status) -> Void
    ) -> Server.Handler {
        { call in
            self.scheduleMemoryTrim()
            let client = call.metadata.isEmpty ? nil : TraceContext(call.metadata)
            // Questions tell nothing of what the shim does.
            let isTold = self.tracer.isOn && !Self.untold.contains(call.method)
            let span = isTold ? self.tracer.begin(call.method, .server, parent: client) : nil
            let reply = Reply<Answer>(call: call, span: span, trace: span?.context ?? client)
            do throws(Status) {
                guard let question = try? Question(serializedBytes: call.payload) else {
                    throw Status(.invalidArgument, "malformed \(Question.protoMessageName)")
                }
                try body(question, reply)
            } catch {
                reply.fail(error)
            }
        }
    }

    private static let untold: Set = [
        "State", "Pids", "Wait", "Stats", "Connect", "Platform", "WaitSandbox", "SandboxStatus", "PingSandbox",
        "SandboxMetrics",
    ]

    func container(_ id: String) throws(Status) -> Container {
        guard let container = containers[id] else { throw Status(.notFound, "container not created") }
        return container
    }

    /// Gives memory back once there is nothing to do: a shim idles nearly all of its life.
    func scheduleMemoryTrim() {
        tidying?.cancel()
        tidying = loop.after(.milliseconds(500)) { _ = clinux_malloc_trim(0) }
    }

    // MARK: the shim itself

    private func connect(_ request: TaskContainerRequest, _ reply: Reply<TaskConnectResponse>) {
        var answer = TaskConnectResponse()
        answer.shimPid = UInt32(getpid())
        answer.taskPid = UInt32(containers[request.id]?.initProcess.pid ?? 0)
        reply(answer)
    }

    private func shutdown(_ request: TaskShutdownRequest, _ reply: Reply<Google_Protobuf_Empty>) {
        reply(Google_Protobuf_Empty())
        isEndWanted = true
        for container in beingCreated.values where request.now || container.id == request.id {
            cancelCreation(container, atOnce: request.now)
        }
        endIfUnused()
    }

    /// How long the shim stays without a container and without a connection.
    private static let idleTime: TimeAmount = .seconds(15)

    /// Ends a shim without a client: if `start` or its caller was killed, no client knows the address.
    func endWithoutClients(_ server: Server) {
        var ending: Scheduled<Void>?
        let watch = { [self] in
            ending?.cancel()
            ending = loop.after(Self.idleTime) { [self] in
                if !server.isConnected, containers.isEmpty, beingCreated.isEmpty, pod == nil { end() }
            }
        }
        server.onLastClose = watch
        watch()
    }

    /// Ends if that is wanted: also when the creation fails that was in the way.
    func endIfUnused() {
        if !containers.isEmpty || pod != nil { isEndWanted = false }
        if isEndWanted, beingCreated.isEmpty { end() }
    }

    /// Ends the shim, after all events have been published.
    ///
    /// Containers, if there are any, stay.
    func end() {
        if isShuttingDown { return }
        isShuttingDown = true
        var left = 3
        let finish = { [self] in
            left -= 1
            // A turn of the loop later, answers that were just given are on their way.
            if left == 0 { loop.after(.milliseconds(1), exit) }
        }
        events.flush(within: .seconds(4), finish)
        tracer.flush(within: .milliseconds(500), finish)
        reaper.endAsked(within: .milliseconds(500), finish)
    }
}
