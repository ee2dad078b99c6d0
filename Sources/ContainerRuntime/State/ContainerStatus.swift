// The status of a container, asked of the kernel; and the operations that each status allows.

internal import Cgroups
internal import Glibc
internal import Kernel
package import OCISpec

/// The status of a container. runtime-spec, runtime.md, "State"; `paused` is an addition of runc.
package enum ContainerStatus: String, Sendable {
    case creating, created, running, paused, stopped
}

extension ContainerRecord {
    /// The init process, if it exists and is the recorded one, not another process with its pid.
    func openInit() throws(Failure) -> OwnedDescriptor? {
        guard pid > 0 else { return nil }
        do throws(Errno) {
            let pidfd = try openProcess(pid)
            guard try isInit(pidfd, try processStat(pid)) else { return nil }
            return pidfd
        } catch {
            if error == .noSuchProcess || error == .invalidArgument { return nil }
            // A caller's filter may refuse the call: a process that is gone needs none.
            if error == .notPermitted || error == .noFunction, kill(pid, 0) != 0, errno == ESRCH { return nil }
            throw Failure("open process \(pid)", error)
        }
    }

    /// Whether the container is being created, or its creation was cut short before it had an init.
    func isBeingCreated() throws(Failure) -> Bool {
        if isReady { return false }
        return try pid == 0 ? true : hasInit()
    }

    private func isInit(_ pidfd: borrowing OwnedDescriptor, _ facts: ProcessStat?) throws(Errno) -> Bool {
        let hasEnded = try waitUntilReadable(pidfd.rawValue, milliseconds: 0)
        if initIdentity != 0 {
            guard !hasEnded else { return false }
            return try identity(ofPidfd: pidfd.rawValue) == initIdentity
        }
        if let facts, startTime != 0 { return facts.hasStarted(at: startTime) && !facts.hasEnded }
        // On kernels that know no identity: a process that /proc hides from the user. If it is another's that has the
        // number by now, the kernel lets nothing be done to it.
        return geteuid() != 0 && !hasEnded
    }

    /// Whether the init process exists, by one look, for commands that send no signal.
    private func hasInit() throws(Failure) -> Bool {
        guard pid > 0 else { return false }
        do throws(Errno) {
            guard initIdentity != 0 || geteuid() != 0 else {
                guard let facts = try processStat(pid) else { return false }
                return facts.hasStarted(at: startTime) && !facts.hasEnded
            }
        } catch {
            throw Failure("read /proc/\(pid)/stat", error)
        }
        return try openInit() != nil
    }

    /// - Parameters:
    ///   - isWaiting: whether the start gate is there.
    ///   - hasInit: whether the init process is, if that is known.
    func status(isWaiting: Bool, hasInit known: Bool? = nil) throws(Failure) -> ContainerStatus {
        let isThere = if let known { known } else { try hasInit() }
        guard isThere else { return pid == 0 ? .creating : .stopped }
        guard isReady else { return .creating }
        if isFrozen() { return .paused }
        return isWaiting ? .created : .running
    }

    private func isFrozen() -> Bool { ContainerRuntime.isFrozen(Cgroup(cgroup)) }

    /// The state as engines and hooks read it.
    package func state(status: String, pid: Int32, owner: String? = nil) -> ContainerState {
        ContainerState(
            ociVersion: ociVersion, id: id, pid: pid, status: status, bundle: bundle, rootfs: rootfs,
            created: created, annotations: annotations, owner: owner)
    }
}

/// Whether a container's cgroup is frozen; false if it cannot be read.
func isFrozen(_ group: Cgroup) -> Bool {
    do throws(CgroupFailure) { return try group.isFrozen() } catch { return false }
}

extension ContainerDirectory {
    /// The status of the container that this directory remembers.
    borrowing func status(of record: ContainerRecord, hasInit: Bool? = nil) throws(Failure) -> ContainerStatus {
        try record.status(isWaiting: has(Self.gateName), hasInit: hasInit)
    }
}

extension Failure {
    /// The error of a command that would wait until a cgroup is thawed.
    static func isFrozen(_ place: String) -> Failure {
        Failure(.wrongState, "cgroup \(place) is frozen: no process of the container can go on until it is thawed")
    }

    /// The error of a command on a container that is being created.
    static func isBeingCreated(_ id: String) -> Failure {
        Failure(.wrongState, "container \(id) is still being created; if that was cut short, delete it")
    }
}

extension Runtime {
    /// The state of a container, for `state`.
    package func state(id: String) throws(Failure) -> ContainerState {
        let directory = try store.open(id: id)
        let record = try directory.record()
        let status = try directory.status(of: record)
        return record.state(status: status.rawValue, pid: status == .stopped ? 0 : record.pid, owner: "")
    }

    /// The states of all containers, for `list`. A container that cannot be read is reported and left out.
    package func states() throws(Failure) -> [ContainerState] {
        var result: [ContainerState] = []
        var users = HostUsers()
        for id in try store.identifiers() {
            do throws(Failure) {
                let directory = try store.open(id: id)
                let record = try directory.record()
                let status = try directory.status(of: record)
                result.append(
                    record.state(
                        status: status.rawValue, pid: status == .stopped ? 0 : record.pid,
                        owner: users.name(of: record.owner)))
            } catch {
                // A container that is being created or deleted at this moment is not an error.
                if error.kind == .notFound { continue }
                note(.warning, "load container \(id): \(error.message)")
                result.append(ContainerState(ociVersion: "", id: id, pid: 0, status: "broken", bundle: ""))
            }
        }
        return result
    }
}
