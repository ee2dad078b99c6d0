// `delete`: removes everything of a container, after a kill of any command at any moment.

internal import Cgroups
internal import Glibc
internal import Kernel
internal import OCISpec

extension Runtime {
    /// - Parameter force: kills a running container; a missing container is no error.
    package func delete(id: String, force: Bool) throws(Failure) {
        do throws(Failure) {
            try deleteExisting(id: id, force: force)
        } catch {
            if force, error.kind == .notFound { return }
            throw error
        }
    }

    private func deleteExisting(id: String, force: Bool) throws(Failure) {
        let directory: ContainerDirectory
        do throws(Failure) {
            directory = try store.open(id: id)
        } catch {
            // No directory at all, with which nothing of a container is known.
            guard error.kind == .damaged, force else { throw error }
            note(.warning, error.message)
            return try store.removeStranger(id: id)
        }
        // Before the lock is taken from another command: a container that is named by its bundle must be of that
        // bundle.
        if store.bundle != nil { _ = try directory.record() }
        if force { try directory.lockByForce { note(.warning, $0) } } else { try directory.lock() }
        var record: ContainerRecord
        do throws(Failure) {
            record = try directory.record()
        } catch {
            if error.kind == .damaged, force { return try removeDamaged(directory, error) }
            // Its making was cut short before there was anything but the directory.
            guard error.kind == .notFound else { throw error }
            try directory.remove()
            throw error
        }
        // Its processes do not end while it traces them.
        try endAbandonedCriu(&record, directory, isUrgent: force)
        let status = try directory.status(of: record)
        switch status {
        case .stopped, .created, .creating: break
        case .running, .paused:
            if !force { try awaitKilled(record, status) }
        }
        try destroy(record, directory, force: force)
    }

    /// The end of a process that was killed takes some milliseconds: it is waited for, so that delete can follow kill.
    private func awaitKilled(_ record: ContainerRecord, _ status: ContainerStatus) throws(Failure) {
        let refusal = "cannot delete container \(record.id) that is not stopped: \(status.rawValue)"
        guard let pidfd = try record.openInit() else { return }
        let (isKilled, hasEnded) = try during("wait for container \(record.id)") { () throws(Errno) in
            var isKilled = try isBeingKilled(record.pid)
            if !isKilled {
                // Between the signal's delivery and the first step of its end a process shows neither.
                if try waitUntilReadable(pidfd.rawValue, milliseconds: 20) { return (true, true) }
                isKilled = try isBeingKilled(record.pid)
            }
            return (isKilled, isKilled ? try waitUntilReadable(pidfd.rawValue, milliseconds: 1000) : false)
        }
        guard isKilled else { throw Failure(.wrongState, refusal) }
        guard hasEnded else {
            throw Failure(.wrongState, refusal + "; its init was killed, and has not ended within a second")
        }
    }

    /// Ends a container's processes and removes its cgroup and its state; then its poststop hooks run.
    /// - Parameter force: a systemd that cannot be reached is no error.
    func destroy(
        _ record: ContainerRecord, _ directory: borrowing ContainerDirectory, force: Bool = false
    ) throws(Failure) {
        let group = group(of: record)
        // A creation that was cut short before the config was written has no hooks to run.
        let hasHooks = record.hasPoststopHooks && directory.has(ContainerDirectory.configName)
        let hooks = hasHooks ? poststopHooks(directory) : []
        try endInit(record, group)
        // Processes without a pid namespace of their own, or left by a killed command. If no init was recorded, the
        // cgroup may be another container's.
        if record.pid != 0, hasProcesses(group) { try cgroup { () throws(CgroupFailure) in try group.killAll() } }
        try cgroup { () throws(CgroupFailure) in
            try group.remove(withoutSystemd: force ? { note(.warning, $0.description) } : nil)
        }
        removeResourceGroups(record.resourceGroups, inodes: record.resourceGroupInodes)
        detachRoot(record)
        try directory.remove()
        // The hooks may take as long as they like.
        directory.unlock()
        runPoststop(hooks, record)
    }

    /// Takes away what can be found of a container whose record cannot be read: its directory and, if the copy of its
    /// config tells where it is, the cgroup that has the mark of that directory, with all that is in it.
    private func removeDamaged(_ directory: borrowing ContainerDirectory, _ damage: Failure) throws(Failure) {
        note(.warning, "\(damage.message); what can be found of it is removed")
        do throws(Failure) {
            let bundle = Bundle(path: "/", spec: try directory.config(), config: [])
            let location = try plan(CreateOptions(id: directory.id, bundle: "/"), bundle).cgroup.location
            if let mark = Cgroup(location).mark, let blank = mark.firstIndex(of: " "),
                mark[blank...] == " \(store.root)/\(directory.id)"
            {
                let created = String(mark[..<blank])
                let group = Cgroup(location, owner: owner(id: directory.id, created: created, location: location))
                try cgroup { () throws(CgroupFailure) in
                    try group.killAll()
                    if try group.isFrozen() { try group.thaw() }
                    group.thawBelow()
                    try group.remove()
                }
            }
        } catch {
            note(.warning, error.message)
        }
        try directory.remove()
    }

    /// Takes away what a container without a mount namespace has over its rootfs: that alone, and only if it is there.
    func detachRoot(_ record: ContainerRecord) {
        guard let below = record.mountBelowRoot else { return }
        do throws(Errno) {
            let top = try OwnedDescriptor.open(record.rootfs, .path)
            let place = try uniqueMountPlace(of: top.rawValue)
            guard place.isRoot else { return }
            if let own = record.mountOfRoot {
                guard place.mount == own else { return }
            } else {
                // Its creation was cut short: the container's own mount is the one on top of the mount recorded before.
                let number = try mountPlace(of: top.rawValue).mount
                let entries = try listMounts()
                guard entries.contains(where: { $0.id == number && $0.parent == UInt64(below) }) else { return }
            }
            // Mounts of the host on the source of a shared volume stay. mount_namespaces(7).
            try changeMount(top, AttributeChange(), propagation: .slave, recursive: true)
            try detachMount(top)
        } catch {
            if error != .noSuchFileOrDirectory { note(.warning, "unmount \(record.rootfs): \(error.message)") }
        }
    }

    private func poststopHooks(_ directory: borrowing ContainerDirectory) -> [Hook] {
        do throws(Failure) {
            return try directory.config().hooks?.poststop ?? []
        } catch {
            note(.warning, error.message)
            return []
        }
    }

    private func endInit(_ record: ContainerRecord, _ group: Cgroup) throws(Failure) {
        guard let pidfd = try record.openInit() else { return }
        do throws(Errno) {
            try signalProcess(pidfd, SIGKILL)
        } catch {
            if error != .noSuchProcess { throw Failure("kill container \(record.id)", error) }
        }
        do throws(CgroupFailure) { if try group.isFrozen() { try group.thaw() } } catch {
            note(.debug, error.description)
        }
        let seconds: Int32 = 10
        for attempt in 0..<(seconds * 10) {
            let ended = try during("wait for container \(record.id)") { () throws(Errno) in
                try waitUntilReadable(pidfd.rawValue, milliseconds: 100)
            }
            if ended { return }
            // The init waits until all of its pid namespace are reaped, and the parent of an exec process, which is outside,
            // may be stopped. pid_namespaces(7). Nothing of the container runs any more. The first half of the time is for
            // a process 1 that reaps its orphans once in some seconds.
            if attempt >= seconds * 5, isExiting(record.pid), !hasProcesses(group) {
                return note(
                    .warning,
                    "the init of container \(record.id) has been killed, and waits for a process whose parent outside does not"
                        + " reap it; the container is removed")
            }
            // CRIU whose restore was killed may be the tracer of processes that the init waits for.
            if !record.isReady {
                do throws(CgroupFailure) { try group.killAll() } catch { note(.debug, error.description) }
            }
            group.thawBelow()
            do throws(CgroupFailure) { try group.killBelowFrozen() } catch { note(.debug, error.description) }
        }
        if let place = group.frozenPlace(of: record.pid) { throw .isFrozen(place) }
        throw Failure(.wrongState, "container init still running \(seconds) s after it was killed")
    }
}
