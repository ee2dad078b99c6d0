// `update`: new limits for a container that runs.

internal import Cgroups
internal import Glibc
internal import Kernel
package import OCISpec
internal import Planning
internal import SystemPackage

/// New lines for a container's group of resctrl(5); nil for what stays.
package struct Schemata: Equatable, Sendable {
    package var cache: String?
    package var bandwidth: String?
    package init(cache: String? = nil, bandwidth: String? = nil) {
        self.cache = cache
        self.bandwidth = bandwidth
    }
}

extension Runtime {
    /// Changes the limits that the document and the schemata name; when a limit is refused all are as they were.
    package func update(id: String, _ resources: LinuxResources, _ schemata: Schemata = Schemata()) throws(Failure) {
        let directory = try store.open(id: id)
        try directory.lock()
        do throws(Failure) { try update(directory, resources, schemata) } catch { throw directory.explain(error) }
    }

    private func update(
        _ directory: borrowing ContainerDirectory, _ resources: LinuxResources, _ schemata: Schemata
    ) throws(Failure) {
        var record = try directory.record()
        switch try directory.status(of: record) {
        case .stopped: throw Failure(.wrongState, "container not running")
        case .creating: throw .isBeingCreated(directory.id)
        case .created, .running, .paused: break
        }
        // Checks that resctrl is mounted before anything is changed.
        let control = try resourceControl(schemata, record, directory)
        let meant = resources.meant(by: record.ociVersion, isUpdate: true)
        let notes = try cgroup { () throws(CgroupFailure) in try Cgroup(record.cgroup).update(meant) }
        for text in notes { note(.warning, text) }
        guard let control else { return }
        let made = try control.change(admitting: record.pid)
        guard !made.isEmpty else { return }
        if record.resourceGroupInodes.count == record.resourceGroups.count {
            record.resourceGroupInodes = groupInodes(made) + record.resourceGroupInodes
        }
        record.resourceGroups = made + record.resourceGroups
        try directory.write(record)
    }

    private func resourceControl(
        _ schemata: Schemata, _ record: ContainerRecord, _ directory: borrowing ContainerDirectory
    ) throws(Failure) -> Resctrl? {
        guard schemata != Schemata() else { return nil }
        let current = try directory.config().linux?.intelRdt
        let plan: ResctrlPlan
        do throws(InvalidSpec) {
            plan = try ResctrlPlan(
                changing: current, cache: schemata.cache, bandwidth: schemata.bandwidth, id: record.id)
        } catch {
            throw Failure(.invalid, "\(error)")
        }
        return try Resctrl(plan)
    }

    /// A `linux.resources` object from a file; `-` is stdin.
    package func resources(file path: String) throws(Failure) -> LinuxResources {
        let bytes = try during("read --resources \(path)") { () throws(Errno) in
            try path == "-" ? readAll(0) : readFile(path)
        }
        do throws(InvalidSpec) {
            return try LinuxResources(bytes: bytes) { note(.warning, "--resources \(path): \($0)") }
        } catch {
            throw Failure(.invalid, "--resources \(path): \(error)")
        }
    }
}
