// Creating a container.

internal import Glibc
internal import NIOCore
internal import OCISpec
internal import ShimAPI
internal import SwiftProtobuf
internal import Kernel
internal import TTRPC

extension TaskService {
    func create(_ request: TaskCreateRequest, _ reply: Reply<TaskCreateResponse>) throws(Status) {
        if !isIdentifier(request.id) {
            throw Status(.invalidArgument, "container id \(request.id.quoted) is not an identifier")
        }
        if containers[request.id] != nil || beingCreated[request.id] != nil {
            throw Status(.alreadyExists, "container \(request.id) already exists")
        }
        let container: Container
        do throws(ShimFailure) {
            container = try prepare(request)
        } catch {
            throw Status(error)
        }
        container.initProcess.trace = reply.trace
        beingCreated[request.id] = container
        reply.whenGivenUp { [self] in cancelCreation(container, atOnce: true) }
        let finish = { [self] (failure: Status?) in
            beingCreated[request.id] = nil
            defer { endIfUnused() }
            if let failure {
                discard(container)
                return reply.fail(failure)
            }
            containers[request.id] = container
            events.publish("/tasks/create", createEvent(request, container))
            var answer = TaskCreateResponse()
            answer.pid = UInt32(container.initProcess.pid)
            reply(answer)
        }
        if container.checkpoint != nil { return finish(nil) }
        createInit(container, finish)
    }

    /// Notes what is about to be made and mounts the root file system.
    private func prepare(_ request: TaskCreateRequest) throws(ShimFailure) -> Container {
        let options = try RuncOptions(request.hasOptions ? request.options : nil)
        let bundle = TaskBundle(path: request.bundle)
        try pod?.admit(bundle)
        let configuration = try bundle.configuration()
        let streams = StreamRequest(
            input: request.stdin, output: request.stdout, error: request.stderr, isTerminal: request.terminal)
        let container = Container(
            id: request.id, bundle: bundle, runtime: OCIRuntime(options, namespace: namespace), options: options,
            configuration: configuration, rootfs: RootFilesystem(directory: bundle.rootfs, mounts: request.rootfs),
            initProcess: TaskProcess(execID: "", request: streams))
        if !request.checkpoint.isEmpty { container.checkpoint = request.checkpoint }
        try bundle.record(options)
        do throws(ShimFailure) {
            try container.rootfs.mount()
        } catch {
            bundle.removeRecord()
            throw error
        }
        return container
    }

    /// Forgets a container that could not be created.
    private func discard(_ container: Container) {
        container.initProcess.streams?.close()
        container.rootfs.unmount()
        container.bundle.removeRecord()
    }

    /// Makes the streams and has the runtime create the container, or restore it.
    func createInit(_ container: Container, _ finish: @escaping (Status?) -> Void) {
        prepareStreams(of: container.initProcess, in: container) { [self] result in
            switch result {
            case .failure(let failure): finish(Status(failure))
            case .success(let streams):
                container.initProcess.streams = streams
                callCreate(container, streams, finish)
            }
        }
    }

    /// Makes the streams of a process; the wait for clients and loggers can be called off by `breakCall`.
    func prepareStreams(
        of process: TaskProcess, in container: Container, _ completion: @escaping StreamPreparation.Completion
    ) {
        let cancellation = Cancellation()
        process.preparation = cancellation
        let preparation = StreamPreparation(
            context: streams, request: process.request, container: container.id, cancellation: cancellation,
            user: container.options.ioUid, group: container.options.ioGid)
        preparation.run { result in
            process.preparation = nil
            completion(result)
        }
    }

    private func callCreate(_ container: Container, _ streams: ProcessStreams, _ finish: @escaping (Status?) -> Void) {
        let pidFile = container.bundle.initPIDFile
        let console = streams.consoleSocket?.path
        var operation = RuntimeOperation.create(
            bundle: container.bundle.path, pidFile: pidFile, consoleSocket: console)
        if let image = container.checkpoint {
            let work = container.options.criuWorkPath
            let restore = RestoreArguments(image: image, work: work.isEmpty ? container.bundle.path + "/work" : work)
            operation = .restore(
                bundle: container.bundle.path, pidFile: pidFile, consoleSocket: console, restore)
        }
        reaper.expectChild()
        calls.call(
            container.runtime, operation, container: container.id, bundle: container.bundle, for: container.initProcess,
            streams: streams.runtimeStreams
        ) { [self] failure in
            defer { reaper.stopExpecting() }
            var status = failure?.status
            if status == nil, container.isCancelled {
                status = Status(.canceled, "the creation of container \(container.id) was called off")
            }
            if status == nil {
                do throws(ShimFailure) {
                    try adopt(container, streams, pidFile: pidFile)
                } catch {
                    status = Status(error)
                }
            }
            guard let status else { return finish(nil) }
            // A runtime that was killed has left something, and what it created cannot be used.
            calls.call(
                container.runtime, .delete(force: true), container: container.id, bundle: container.bundle,
                trace: container.initProcess.trace
            ) { _ in finish(status) }
        }
    }

    private func adopt(_ container: Container, _ streams: ProcessStreams, pidFile: String) throws(ShimFailure) {
        let process = try TaskBundle.processID(in: pidFile)
        try streams.attach()
        container.initProcess.pid = process
        reaper.whenExited(process) { [self] exit in initExited(container, exit) }
        if let cgroup = TaskCgroup(of: process, host: cgroupHost) {
            container.cgroup = cgroup
            container.memoryWatch = watchMemory(of: container, cgroup)
        }
    }

    private func createEvent(_ request: TaskCreateRequest, _ container: Container) -> EventTaskCreate {
        var event = EventTaskCreate()
        event.containerID = request.id
        event.bundle = request.bundle
        event.rootfs = request.rootfs
        event.io.stdin = request.stdin
        event.io.stdout = request.stdout
        event.io.stderr = request.stderr
        event.io.terminal = request.terminal
        event.checkpoint = request.checkpoint
        event.pid = UInt32(container.initProcess.pid)
        return event
    }
}
