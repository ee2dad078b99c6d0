// `run`: create, start, and in the foreground wait and delete.

internal import Cgroups
internal import Glibc
internal import Kernel

/// The options of `run` besides those of `create`.
package struct RunOptions: Sendable {
    package var isDetached = false
    /// Leave the container when it has ended.
    package var keeps = false
    package var withoutSubreaper = false
    package init() {}
}

extension Runtime {
    /// - Returns: the exit status for the caller: the container's own in the foreground.
    package func run(_ create: CreateOptions, _ options: RunOptions) throws(Failure) -> Int32 {
        if options.isDetached {
            let made = try make(create, startsAtOnce: true, isForeground: false)
            try afterStart(made.record, made.directory)
            if let notify = made.notify {
                made.directory.unlock()
                try notify.waitUntilReady(made.record.pid, made.pidfd.rawValue)
            }
            return 0
        }
        let signals = try Foreground.blockSignals(heedsRequests: true)
        if !options.withoutSubreaper {
            try during("become a subreaper") { () throws(Errno) in try processControl(.setSubreaper, 1) }
        }
        let made = try make(create, startsAtOnce: true, isForeground: true)
        let memory = OOMKillDetector(watching: Cgroup(made.record.cgroup))
        try afterStart(made.record, made.directory)
        // Its program may run for years.
        timings?.write()
        return try attend(made, memory, signals: signals, keeps: options.keeps)
    }

    /// Stays with a container in the foreground until it ends, and deletes it.
    /// - Returns: its exit status.
    func attend(
        _ made: consuming CreatedContainer, _ memory: OOMKillDetector, signals: consuming OwnedDescriptor, keeps: Bool
    ) throws(Failure) -> Int32 {
        let record = made.record
        // Other commands may pause, update or delete the container while its program runs.
        made.directory.unlock()
        let end: TerminationStatus
        do throws(Failure) {
            try Foreground.blockRequests(forwardingTo: made.pidfd)
            end = try Foreground(
                pid: record.pid, pidfd: made.pidfd, signals: signals, terminal: made.terminal.take(),
                notify: made.notify
            ).wait { note(.warning, $0) }
        } catch {
            // The caller waits for a container that no process would look after any more.
            do throws(Failure) { try destroy(record, made.directory) } catch { note(.warning, error.message) }
            throw error
        }
        // Status 137 alone does not tell a container that exceeded its memory limit from one that another process
        // killed.
        if case .signalled(SIGKILL) = end, let use = memory.use() {
            note(.warning, "container \(record.id): init was killed after the memory limit was reached: \(use)")
        }
        if !keeps { try deleteEnded(record, made.directory) }
        return end.shellStatus
    }

    private func deleteEnded(
        _ record: ContainerRecord, _ directory: borrowing ContainerDirectory
    ) throws(Failure) {
        do throws(Failure) {
            try directory.lock()
        } catch {
            // Another command has deleted it.
            if error.kind == .notFound { return }
            throw error
        }
        try destroy(record, directory)
    }

    private func afterStart(
        _ record: ContainerRecord, _ directory: borrowing ContainerDirectory
    ) throws(Failure) {
        do throws(Failure) {
            try runPoststart(record, directory)
        } catch {
            do throws(Failure) { try destroy(record, directory) } catch { note(.warning, error.message) }
            throw error
        }
    }
}
