// `pause` and `resume`: freezes and thaws everything in a container's cgroup.

internal import Cgroups

extension Runtime {
    package func pause(id: String) throws(Failure) {
        try change(id) { (status, group, _) throws(Failure) in
            guard status == .running || status == .created else {
                throw Failure(.wrongState, "container not running or created: \(status.rawValue)")
            }
            try cgroup { () throws(CgroupFailure) in try group.freeze() }
        }
    }

    package func resume(id: String) throws(Failure) {
        try change(id) { (status, group, stoodStill) throws(Failure) in
            guard status == .paused else {
                if stoodStill, status == .running { return }
                throw Failure(.wrongState, "container not paused")
            }
            try cgroup { () throws(CgroupFailure) in try group.thaw() }
        }
    }

    private func change(
        _ id: String, _ body: (ContainerStatus, Cgroup, Bool) throws(Failure) -> Void
    ) throws(Failure) {
        let directory = try store.open(id: id)
        try directory.lock()
        do throws(Failure) {
            var record = try directory.record()
            let stoodStill = try endAbandonedCriu(&record, directory)
            let status = try directory.status(of: record)
            guard status != .creating else { throw .isBeingCreated(id) }
            try body(status, Cgroup(record.cgroup), stoodStill)
        } catch { throw directory.explain(error) }
    }
}
