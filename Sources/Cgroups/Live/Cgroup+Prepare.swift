// Creates the container's cgroup with its limits, before its first process.

internal import CLinux
internal import Glibc
internal import Kernel

/// The opened directories of the container: a prefix of the location's list.
struct OpenCgroup: ~Copyable {
    /// Descriptors in the order of the location.
    private(set) var descriptors: [Int32] = []

    deinit { close(descriptors) }

    /// Takes over the descriptor of the next directory.
    mutating func append(_ descriptor: consuming OwnedDescriptor) { descriptors.append(descriptor.relinquish()) }

    /// Passes on the descriptor of the first directory that is left.
    mutating func takeFirst() -> OwnedDescriptor { OwnedDescriptor(adopting: descriptors.removeFirst()) }
}

extension Cgroup {
    /// Creates the directories and writes limits and device rules; removes everything again on failure.
    ///
    /// With the systemd driver it only checks: the unit needs a process, see ``adopt(_:plan:)``.
    /// - Parameter defersDevices: leaves the device program of cgroup v2 to ``enforceDevices(of:_:)``: the kernel takes
    ///   half a millisecond for its check, in which a clone can begin.
    /// - Returns: how the process enters the cgroup.
    /// - Throws: an `occupied` failure if the cgroup has processes or is frozen; otherwise the first write that
    /// failed.
    package func prepare(
        _ plan: CgroupPlan, defersDevices: Bool = false
    ) throws(CgroupFailure) -> CgroupPlacement {
        switch location.driver {
        case .disabled: return CgroupPlacement(location: location)
        case .systemd:
            try checkUnoccupied(location.directories)
            return CgroupPlacement(needsAdoption: true, location: location)
        case .cgroupfs: break
        }
        var made = MadeDirectories()
        do throws(CgroupFailure) {
            return try prepare(plan, defersDevices: defersDevices, &made)
        } catch {
            made.remove()
            throw error
        }
    }

    private func prepare(
        _ plan: CgroupPlan, defersDevices: Bool, _ made: inout MadeDirectories
    ) throws(CgroupFailure) -> CgroupPlacement {
        var open = OpenCgroup()
        var effective = location
        effective.directories = []
        var refusals: [String] = []
        for directory in location.directories {
            do throws(CgroupFailure) {
                let descriptor = try make(directory, plan, &made)
                effective.directories.append(try known(directory, descriptor.rawValue))
                open.append(descriptor)
            } catch {
                let lacksRights = [.permissionDenied, .notPermitted, .readOnlyFileSystem].contains(error.code)
                guard plan.isOptional, lacksRights else { throw error }
                refusals.append(error.description)
            }
        }
        if effective.directories.isEmpty {
            return CgroupPlacement(location: .none(location.hierarchy), refusals: refusals)
        }
        let cgroup = Cgroup(effective, owner: owner)
        cgroup.mark(open)
        try cgroup.write(plan.writes, open, raisingParents: made)
        let defersDevices = defersDevices && effective.hierarchy == .unified
        if let devices = plan.devices, !defersDevices { try cgroup.apply(devices, open, isNew: made.leaves) }
        if let delegation = plan.delegation { try cgroup.delegate(to: delegation, open) }
        return try cgroup.entry(closing: open, refusals, lacksDevices: defersDevices, isNew: !made.leaves.isEmpty)
    }

    /// Enforces the rules that ``prepare(_:defersDevices:)`` has left out.
    package func enforceDevices(
        of plan: CgroupPlan, _ placement: borrowing CgroupPlacement
    ) throws(CgroupFailure) {
        guard placement.lacksDevices, let policy = plan.devices, let number = placement.cloneIntoDescriptor,
            let directory = placement.location.directories.first
        else { return }
        try applyUnified(policy, number, directory, isNew: placement.isNew)
    }

    /// The directory with its inode.
    func known(_ directory: CgroupDirectory, _ descriptor: Int32) throws(CgroupFailure) -> CgroupDirectory {
        var directory = directory
        directory.inode = try during("open cgroup \(directory.fullPath)") { () throws(Errno) in
            try fileStatus(descriptor).inode
        }
        return directory
    }

    /// Writes the owner's mark on the directory that lists the processes.
    func mark(_ open: borrowing OpenCgroup) {
        guard let owner, let index = location.directories.firstIndex(where: { $0 == processDirectory }) else { return }
        writeMark(owner.mark, open.descriptors[index])
    }

    /// How the process enters directories that are open. Each is closed before the next: there may be a dozen, and the
    /// caller may have a small limit of open files.
    private func entry(
        closing open: consuming OpenCgroup, _ refusals: [String], lacksDevices: Bool, isNew: Bool
    ) throws(CgroupFailure) -> CgroupPlacement {
        var open = open
        return try entry(refusals, lacksDevices: lacksDevices, isNew: isNew) { (directory) throws(Errno) in
            let own = open.takeFirst()
            let number = own.rawValue
            return directory.isUnified
                ? try OwnedDescriptor.open(".", .path | .directory, at: number)
                : try OwnedDescriptor.open("tasks", .writeOnly, at: number)
        }
    }

    /// How the process enters: through the directory on v2, through the file `tasks` on v1. The directories are
    /// opened one by one.
    func entry(
        _ refusals: [String] = [], lacksDevices: Bool = false, isNew: Bool = false,
        opening open: (CgroupDirectory) throws(Errno) -> OwnedDescriptor
    ) throws(CgroupFailure) -> CgroupPlacement {
        var childWrites: [Int32] = []
        var cloneInto: Int32?
        for directory in location.directories {
            do throws(Errno) {
                let number = try open(directory).relinquish()
                if directory.isUnified { cloneInto = number } else { childWrites.append(number) }
            } catch {
                close(childWrites)
                if let cloneInto { _ = Glibc.close(cloneInto) }
                throw CgroupFailure("open cgroup \(directory.fullPath)", error)
            }
        }
        return CgroupPlacement(
            cloneInto: cloneInto, childWrites: childWrites, location: location, refusals: refusals,
            lacksDevices: lacksDevices, isNew: isNew)
    }

    /// Creates one directory and its ancestors, and prepares it for a process.
    /// - Parameter isOwnedBySystemd: systemd may have created it and moved the container's process into it.
    func make(
        _ directory: CgroupDirectory, _ plan: CgroupPlan, _ made: inout MadeDirectories, isOwnedBySystemd: Bool = false
    ) throws(CgroupFailure) -> OwnedDescriptor {
        let what = "make cgroup \(directory.fullPath)"
        let mount = try during(what) { () throws(Errno) in try openMount(directory) }
        let isNew: Bool
        do throws(Errno) { isNew = try made.make(directory, mount) } catch {
            let lacksRights = error == .permissionDenied || error == .notPermitted
            guard lacksRights, plan.toleratesRefusals else { throw CgroupFailure(what, error) }
            throw CgroupFailure(
                .refused, "\(what): \(error.message) (no cgroup above it is delegated to user \(geteuid()))",
                code: error)
        }
        if !isNew, !isOwnedBySystemd { try checkUnoccupied([directory]) }
        let own = try during(what) { () throws(Errno) in try openCgroup(below: mount, directory.path) }
        if directory.controllers.contains("cpuset") {
            let planned = plan.writes.filter { $0.controller == "cpuset" }.map { $0.file }
            try during("copy the parent's CPUs and memory nodes to cgroup \(directory.fullPath)") { () throws(Errno) in
                try inheritCPUSet(directory, mount, own, isNew: isNew, planned: planned)
            }
        }
        if location.hierarchy == .unified { try enableControllers(above: directory, mount, own, for: plan) }
        return own
    }

    /// Refuses directories that are in use.
    private func checkUnoccupied(_ directories: [CgroupDirectory]) throws(CgroupFailure) {
        for directory in directories {
            let count = try processes(in: directory, or: []).count
            guard count == 0 else {
                throw CgroupFailure(
                    .occupied,
                    "cgroup \(directory.fullPath): container's cgroup is not empty: \(count) process(es) found")
            }
        }
        guard try !isFrozen(in: directories) else {
            let path = directories.first?.fullPath ?? ""
            throw CgroupFailure(.occupied, "cgroup \(path): container's cgroup unexpectedly frozen")
        }
    }
}

/// The directories created so far, which are removed again if a later step fails.
struct MadeDirectories {
    private var paths: [(path: String, isLeaf: Bool)] = []

    /// The whole paths of the container's own directories that were created, not found.
    var leaves: Set<String> { Set(paths.filter { $0.isLeaf }.map { $0.path }) }

    /// Whether the directory with this whole path was created.
    func contains(_ path: String) -> Bool { paths.contains { $0.path == path } }

    /// Creates a directory and its missing ancestors.
    /// - Returns: whether the directory was created, not found.
    mutating func make(_ directory: CgroupDirectory, _ mount: borrowing OwnedDescriptor) throws(Errno) -> Bool {
        let number = mount.rawValue
        if directory.path == "/" { return false }
        do throws(Errno) {
            try checked { clinux_mkdirat(number, relative(directory.path), 0o755) }
        } catch Errno.fileExists {
            return false
        } catch Errno.noSuchFileOrDirectory {
            var parent = directory
            parent.path = CgroupPath.parent(of: directory.path)
            guard parent.path != directory.path else { throw .noSuchFileOrDirectory }
            if try make(parent, mount) { markNotLeaf() }
            do throws(Errno) {
                try checked { clinux_mkdirat(number, relative(directory.path), 0o755) }
            } catch Errno.fileExists {
                return false
            }
        }
        paths.append((directory.fullPath, true))
        return true
    }

    private mutating func markNotLeaf() {
        if !paths.isEmpty { paths[paths.count - 1].isLeaf = false }
    }

    /// Removes the created directories in reverse order; directories that are in use stay.
    mutating func remove() {
        for (path, _) in paths.reversed() { _ = clinux_rmdir(path) }
        paths = []
    }
}
