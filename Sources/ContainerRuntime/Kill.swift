// `kill`: a signal to a container's init, or to all of a container that has no pids of its own.

internal import Cgroups
internal import Glibc
package import Kernel
internal import SystemPackage

extension Runtime {
    /// - Parameter all: engines of old pass it; a container that is not running is then no error.
    package func kill(id: String, _ signal: Signal, all: Bool = false) throws(Failure) {
        let directory = try store.open(id: id)
        let record = try directory.record()
        let group = Cgroup(record.cgroup)
        // Without a pid namespace nothing ends with the init: all that is in the cgroup has to be told.
        if signal == .kill, !record.ownsProcesses, !record.cgroup.directories.isEmpty,
            try record.openInit() != nil || hasProcesses(group)
        {
            return try cgroup { () throws(CgroupFailure) in try group.killAll() }
        }
        guard let pidfd = try record.openInit() else {
            if all { return }
            throw Failure(.wrongState, "container not running")
        }
        do throws(Errno) {
            try signalProcess(pidfd, signal.rawValue)
        } catch {
            if error == .noSuchProcess {
                if all { return }
                throw Failure(.wrongState, "container not running")
            }
            throw Failure("signal \(signal.name) to container \(id)", error)
        }
        if signal == .kill { thaw(record, group) }
    }

    func hasProcesses(_ group: Cgroup) -> Bool {
        do throws(CgroupFailure) { return try !group.processes().isEmpty } catch { return false }
    }

    // A frozen process of cgroup v1 does not even die.
    private func thaw(_ record: ContainerRecord, _ group: Cgroup) {
        guard record.cgroup.hierarchy != .unified else { return }
        do throws(CgroupFailure) { if try group.isFrozen() { try group.thaw() } } catch {
            note(.debug, error.description)
        }
    }
}
