// `start`: lets a created container's init go on to its program.

internal import Cgroups
internal import Glibc
internal import Kernel
internal import OCISpec
internal import Planning

extension Runtime {
    package func start(id: String) throws(Failure) {
        let directory = try store.open(id: id)
        try directory.lock()
        let record = try directory.record()
        switch try directory.status(of: record) {
        case .created: break
        case .stopped: throw Failure(.wrongState, "cannot start a container that has stopped")
        case .creating: throw .isBeingCreated(id)
        case .paused where directory.has(ContainerDirectory.gateName):
            throw Failure(.wrongState, "cannot start a paused container")
        case .running, .paused: throw Failure(.wrongState, "cannot start an already running container")
        }
        timings?.mark("read the record")
        let notify = try NotifySocket.listen(in: directory) { note(.warning, $0) }
        var agent: SeccompAgentWatch?
        let memoryWait = MemoryWait()
        let isPaused = { () throws(Failure) in
            if isFrozen(Cgroup(record.cgroup)) { return true }
            if let place = Cgroup(record.cgroup).frozenPlace(of: record.pid) {
                note(.warning, "cgroup \(place) is frozen: the container begins when it is thawed")
                return true
            }
            if memoryWait.isEndless(in: Cgroup(record.cgroup)) {
                note(.warning, "the container waits for memory (linux.resources.memory.limit, disableOOMKiller)")
                return true
            }
            if record.hasSeccomp { try checkAgent(&agent, record, directory) }
            return false
        }
        do throws(Failure) {
            let hasBegun = try StartGate.open(in: directory, isPaused: isPaused) { (report) throws(Failure) in
                let failure = try messages(directory).failure(report, of: record.pid)
                if record.hasSeccomp, agent == nil { agent = watchOfAgent(directory) }
                throw (agent?.explain(failure) ?? failure).during("unable to start container process")
            }
            if hasBegun, record.hasSeccomp { try checkExecuted(record, directory) }
            timings?.mark("startContainer hooks, seccomp filter and program")
        } catch {
            endIfRequested(record, directory)
            awaitEnd(of: record, directory)
            directory.removeFile(ContainerDirectory.gateName)
            // Its init was killed before `start`.
            if error.kind == .system(.brokenPipe) || error.kind == .system(.connectionReset) {
                throw Failure(.wrongState, "cannot start a container that has stopped")
            }
            throw directory.explain(error)
        }
        do throws(Failure) { try runPoststart(record, directory) } catch { throw directory.explain(error) }
        if let notify { try wait(for: notify, record, directory) }
    }

    private func wait(
        for notify: NotifySocket, _ record: ContainerRecord, _ directory: borrowing ContainerDirectory
    ) throws(Failure) {
        guard let pidfd = try record.openInit() else { return }
        directory.unlock()
        try notify.waitUntilReady(record.pid, pidfd.rawValue)
        timings?.mark("wait for the readiness notification")
    }

    /// Ends an init that waits for a silent agent: it must not start its program after `start` has failed.
    private func checkAgent(
        _ agent: inout SeccompAgentWatch?, _ record: ContainerRecord, _ directory: borrowing ContainerDirectory
    ) throws(Failure) {
        if agent == nil { agent = watchOfAgent(directory) }
        do throws(Failure) { try agent?.check(record.pid, hasHooks: true) } catch {
            if let pidfd = try record.openInit() {
                do throws(Errno) { try signalProcess(pidfd, SIGKILL) } catch {}
            }
            throw error.during("unable to start container process")
        }
    }

    private func watchOfAgent(_ directory: borrowing ContainerDirectory) -> SeccompAgentWatch? {
        do throws(Failure) {
            return try directory.config().linux?.seccomp?.listenerPath.map { SeccompAgentWatch(path: $0) }
        } catch { return nil }
    }

    /// Ends an init that has begun, if a signal ends the command while the init's hooks run: a container whose start has
    /// failed does not run its program.
    private func endIfRequested(_ record: ContainerRecord, _ directory: borrowing ContainerDirectory) {
        guard case .bySignal = RequestToEnd.current, !directory.has(ContainerDirectory.gateName) else { return }
        do throws(Failure) {
            guard let pidfd = try record.openInit() else { return }
            try during("end the container's init") { () throws(Errno) in try signalProcess(pidfd, SIGKILL) }
        } catch { note(.warning, error.message) }
    }

    /// An init that failed after `start` is about to end: the next command must find it stopped.
    private func awaitEnd(of record: ContainerRecord, _ directory: borrowing ContainerDirectory) {
        guard !directory.has(ContainerDirectory.gateName) else { return }
        do throws(Failure) {
            guard let pidfd = try record.openInit() else { return }
            try during("wait") { () throws(Errno) in _ = try waitUntilReadable(pidfd.rawValue, milliseconds: 1000) }
        } catch {}
    }

    private func checkExecuted(
        _ record: ContainerRecord, _ directory: borrowing ContainerDirectory
    ) throws(Failure) {
        do throws(Failure) {
            try ContainerRuntime.checkExecuted(
                record.pid, startTime: record.startTime,
                seccomp: { () throws(Failure) in try seccompPlan(directory) }, end: { () throws(Errno) in nil })
        } catch {
            throw error.during("unable to start container process")
        }
    }

    /// The seccomp profile of a container.
    func seccompPlan(_ directory: borrowing ContainerDirectory) throws(Failure) -> SeccompPlan? {
        guard let profile = try directory.config().linux?.seccomp else { return nil }
        do throws(InvalidSpec) { return try SeccompPlan(profile) } catch { return nil }
    }

    private func messages(_ directory: borrowing ContainerDirectory) throws(Failure) -> FailureMessages {
        let record = try directory.record()
        let bundle = Bundle(path: record.bundle, spec: try directory.config(), config: [])
        return FailureMessages(plan: try plan(CreateOptions(id: record.id, bundle: record.bundle), bundle).container)
    }

    /// Runs the poststart hooks; a failing one ends the container. runtime-spec 1.3.0, runtime.md, "Lifecycle".
    func runPoststart(_ record: ContainerRecord, _ directory: borrowing ContainerDirectory) throws(Failure) {
        guard record.hasPoststartHooks else { return }
        let hooks = try directory.config().hooks?.poststart ?? []
        do throws(Failure) {
            try HookRunner(
                kind: "poststart", hooks: hooks, state: record.state(status: "running", pid: record.pid).json(),
                directory: record.bundle
            ).run()
            timings?.mark("poststart hooks")
        } catch {
            if let pidfd = try record.openInit() {
                do throws(Errno) { try signalProcess(pidfd, SIGKILL) } catch {}
            }
            throw error
        }
    }
}
