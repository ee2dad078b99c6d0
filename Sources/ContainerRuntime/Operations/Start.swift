// `start`: lets a created container's init go on to its program.

internal import Cgroups
internal import Glibc
internal import Kernel
internal import OCISpec
internal import Planning
internal import SystemPackage

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
        let notify = try NotifySocket.listen(in: directory)
        do throws(Failure) {
            try StartGate.open(in: directory, isPaused: { isFrozen(Cgroup(record.cgroup)) }) {
                (report) throws(Failure) in
                throw try sentences(directory).failure(report, of: record.pid)
                    .during("unable to start container process")
            }
            if record.hasSeccomp { try checkExecuted(record, directory) }
        } catch {
            directory.removeFile(ContainerDirectory.gateName)
            // Its init was killed before it was told to go on.
            if error.kind == .system(.brokenPipe) || error.kind == .system(.connectionReset) {
                throw Failure(.wrongState, "cannot start a container that has stopped")
            }
            throw directory.explain(error)
        }
        do throws(Failure) { try runPoststart(record, directory) } catch { throw directory.explain(error) }
        if let notify, let pidfd = try record.openInit() {
            directory.unlock()
            try notify.waitUntilReady(record.pid, pidfd.rawValue)
        }
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

    private func sentences(_ directory: borrowing ContainerDirectory) throws(Failure) -> Sentences {
        let record = try directory.record()
        let bundle = Bundle(path: record.bundle, spec: try directory.config(), config: [])
        return Sentences(plan: try plan(CreateOptions(id: record.id, bundle: record.bundle), bundle).container)
    }

    /// Runs the poststart hooks; a failing one ends the container. runtime-spec 1.3.0, runtime.md, "Lifecycle".
    func runPoststart(_ record: ContainerRecord, _ directory: borrowing ContainerDirectory) throws(Failure) {
        guard record.hasPoststartHooks else { return }
        let hooks = try directory.config().hooks?.poststart ?? []
        do throws(Failure) {
            try HookRunner(
                kind: "poststart", hooks: hooks, state: record.state(status: "running", pid: record.pid).json()
            ).run()
        } catch {
            if let pidfd = try record.openInit() {
                do throws(Errno) { try signalProcess(pidfd, SIGKILL) } catch {}
            }
            throw error
        }
    }
}
