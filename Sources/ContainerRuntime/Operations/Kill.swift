// `kill`: a signal to a container's init, or to all of the container.

internal import Cgroups
internal import Glibc
package import Kernel

extension Runtime {
    /// - Parameter all: the signal is for all processes of the container, as engines ask when it shares its pids with
    ///   others; a container of which nothing runs any more is then no error.
    package func kill(id: String, _ signal: Signal, all: Bool = false) throws(Failure) {
        let directory = try store.open(id: id)
        let record = try directory.record()
        // It has no effect on a container that is not created yet. runtime-spec, runtime.md, "Kill".
        if try record.isBeingCreated() { throw .isBeingCreated(id) }
        let group = group(of: record)
        let pidfd = try record.openInit()
        // Only with the init of a pid namespace everything in it ends.
        let reachesAll = all || signal == .kill && !record.creates(.pid)
        guard pidfd != nil || reachesAll && hasProcesses(group) else {
            if all { return }
            throw Failure(.wrongState, "container not running")
        }
        var reached: Set<Int32> = []
        if reachesAll {
            reached = try cgroup { () throws(CgroupFailure) in try group.signalAll(signal.rawValue) }
        }
        guard let pidfd else { return }
        do throws(Errno) {
            // It may have left the cgroup.
            if !reached.contains(record.pid) { try signalProcess(pidfd, signal.rawValue) }
        } catch {
            if error == .noSuchProcess {
                if reachesAll { return }
                throw Failure(.wrongState, "container not running")
            }
            throw Failure("signal \(signal.name) to container \(id)", error)
        }
        if signal == .kill { thaw(record, group) }
    }

    func hasProcesses(_ group: Cgroup) -> Bool {
        do throws(CgroupFailure) { return try !group.processes().isEmpty } catch { return false }
    }

    // On cgroup v1 a frozen process does not end by a signal either.
    private func thaw(_ record: ContainerRecord, _ group: Cgroup) {
        guard record.cgroup.hierarchy != .unified else { return }
        defer { group.thawBelow() }
        guard group.isStopped else { return }
        do throws(CgroupFailure) {
            if try group.isFrozen() { try group.thaw() }
            guard group.keepsFromEnding(record.pid) else { return }
            // Also the processes that end with the init.
            if record.creates(.pid) { try group.killBelowFrozen() } else { try group.release(killed: record.pid) }
        } catch { note(.debug, error.description) }
    }
}
