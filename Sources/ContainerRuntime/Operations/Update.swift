// `update`: new limits for a container that runs.

internal import Cgroups
internal import Glibc
internal import Kernel
package import OCISpec
internal import Planning

/// New lines for a container's group of resctrl(5); nil for what stays.
package struct Schemata: Equatable, Sendable {
    package var cache: String?
    package var bandwidth: String?
    package init(cache: String? = nil, bandwidth: String? = nil) {
        self.cache = cache
        self.bandwidth = bandwidth
    }
}

/// `--shrink`, and the annotation with the same meaning for engines that call `update` without it.
package enum MemoryShrinkOption {
    package static let annotation = "org.swiftrun.memory.shrink"
    /// An engine waits for `update`.
    private static let most: Int32 = 20

    /// The seconds in a text.
    /// - Parameter key: what the text is the value of.
    package static func seconds(_ text: String, key: String) throws(Failure) -> Int32 {
        guard let seconds = Int32(text), (0...most).contains(seconds), text.utf8.first != UInt8(ascii: "+") else {
            throw Failure(.invalid, "\(key): expected a number of seconds from 0 to \(most), found \"\(text)\"")
        }
        return seconds
    }

    static func seconds(of record: ContainerRecord) throws(Failure) -> Int32? {
        guard let text = record.annotations[annotation] else { return nil }
        return try seconds(text, key: "annotations[\"\(annotation)\"]")
    }
}

extension Runtime {
    /// Changes the limits that the document and the schemata name; when a limit is refused all are as they were.
    /// - Parameter shrinkSeconds: how long memory may be reclaimed before a limit below the usage is refused; 0 leaves it
    ///   to the kernel, and nil to the container's annotation.
    package func update(
        id: String, _ resources: LinuxResources, _ schemata: Schemata = Schemata(), shrinkSeconds: Int32? = nil
    ) throws(Failure) {
        let directory = try store.open(id: id)
        try directory.lock()
        do throws(Failure) { try update(directory, resources, schemata, shrinkSeconds) } catch {
            throw directory.explain(error)
        }
    }

    private func update(
        _ directory: borrowing ContainerDirectory, _ resources: LinuxResources, _ schemata: Schemata,
        _ shrinkSeconds: Int32?
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
        let seconds = shrinkSeconds == nil ? try MemoryShrinkOption.seconds(of: record) : shrinkSeconds
        let notes = try cgroup { () throws(CgroupFailure) in
            try Cgroup(record.cgroup).update(meant, shrinkSeconds: seconds == 0 ? nil : seconds)
        }
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
