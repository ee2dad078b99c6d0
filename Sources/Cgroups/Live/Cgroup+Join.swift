// Places existing processes and exec processes into the cgroup.

internal import Glibc
internal import Kernel

extension Cgroup {
    /// Moves a process into the cgroup: with the systemd driver, and if the kernel refused a ``CgroupPlacement``.
    ///
    /// With the systemd driver this starts the unit with the process in it and waits for the start. Then it writes
    /// the limits and device rules, because systemd supports only some of them.
    /// - Parameters:
    ///   - pid: the process, in the caller's pid namespace; it should be waiting, and have one thread.
    ///   - plan: the plan that was passed to `prepare`.
    /// - Returns: the location with the inodes of its directories.
    /// - Throws: a refusal by systemd or the kernel.
    @discardableResult
    package func adopt(_ pid: Int32, plan: CgroupPlan) throws(CgroupFailure) -> CgroupLocation {
        if location.driver == .systemd { return try adoptBySystemd(pid, plan) }
        try move(pid)
        return location
    }

    /// Moves a process into every directory of the cgroup.
    package func move(_ pid: Int32) throws(CgroupFailure) {
        for directory in location.directories { try move(pid, to: directory) }
    }

    /// Moves a process into one directory.
    func move(_ pid: Int32, to directory: CgroupDirectory) throws(CgroupFailure) {
        for attempt in 1... {
            do throws(Errno) {
                let own = try open(directory)
                return try writeFile("cgroup.procs", "\(pid)", at: own.rawValue)
            } catch Errno.invalidArgument where attempt < 6 {
                // The kernel has not finished the task's creation yet (TASK_NEW).
                pause(microseconds: 30_000)
            } catch {
                throw CgroupFailure("move process \(pid) to cgroup \(directory.fullPath)", error)
            }
        }
    }

    /// How an exec process enters the container's cgroup.
    ///
    /// On v2 the kernel refuses a cgroup (`EBUSY`) whose processes have moved into sub-cgroups (no internal
    /// processes); the caller then repeats the call with `followingInit`.
    /// - Parameters:
    ///   - initPid: the container's init; its present cgroup is joined if the container's own is gone or full.
    ///   - subPaths: cgroups below the container's, as given to `--cgroup`: `path` on v2, `ctrl[,ctrl]:path` on v1.
    ///   - followingInit: whether to join the present cgroup of init.
    /// - Throws: an `invalid` failure for sub-paths that name no controller or leave the container's cgroup.
    package func placementForExec(
        initPid: Int32, subPaths: [String] = [], followingInit: Bool = false
    ) throws(CgroupFailure) -> CgroupPlacement {
        var target = location
        if followingInit {
            target.directories = try directories(ofProcess: initPid)
        } else {
            target.directories = try SubCgroup.directories(of: location, subPaths)
        }
        let isElsewhere = followingInit || !subPaths.isEmpty
        do throws(CgroupFailure) {
            return try Cgroup(target).openEntry()
        } catch {
            guard error.code == .noSuchFileOrDirectory, !isElsewhere else { throw error }
            target.directories = try directories(ofProcess: initPid)
            return try Cgroup(target).openEntry()
        }
    }

    /// Opens existing directories, by the whole path: a cgroup hierarchy contains no links, and `--cgroup` must not
    /// contain "..".
    private func openEntry() throws(CgroupFailure) -> CgroupPlacement {
        try entry { (directory) throws(Errno) in
            let flags: OpenFlags = .noFollow
            guard try directory.isStillThere() else { throw .noSuchFileOrDirectory }
            return directory.isUnified
                ? try OwnedDescriptor.open(directory.fullPath, flags | .path | .directory)
                : try OwnedDescriptor.open(directory.fullPath + "/tasks", flags | .writeOnly)
        }
    }

    /// The present cgroups of a process, in the hierarchies of this location.
    package func directories(ofProcess pid: Int32) throws(CgroupFailure) -> [CgroupDirectory] {
        let paths = try cgroupPaths(ofProcess: pid)
        return location.directories.map { directory in
            var moved = directory
            if let path = directory.controllers.lazy.compactMap({ paths[$0] }).first, path != moved.path {
                moved.path = path
                moved.inode = nil
            }
            return moved
        }
    }
}

/// `exec --cgroup`: cgroups below the container's.
enum SubCgroup {
    /// The directories that a set of sub-paths names.
    static func directories(
        of location: CgroupLocation, _ subPaths: [String]
    ) throws(CgroupFailure) -> [CgroupDirectory] {
        var directories = location.directories
        if location.hierarchy == .unified {
            guard subPaths.count <= 1 else {
                throw CgroupFailure(.invalid, "--cgroup: on cgroup v2 there can be only one, found \(subPaths.count)")
            }
            if let path = subPaths.first {
                for index in directories.indices { try extend(&directories[index], by: path) }
            }
            return directories
        }
        for subPath in subPaths {
            let parts = subPath.split(at: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            // A path without controllers applies to all of them.
            guard parts.count == 2 else {
                for index in directories.indices { try extend(&directories[index], by: subPath) }
                continue
            }
            for controller in parts[0].split(at: ",") {
                let index = directories.firstIndex { $0.controllers.contains(String(controller)) }
                guard let index else {
                    throw CgroupFailure(
                        .invalid, "--cgroup: the container has no \(controller) cgroup, as in \"\(subPath)\"")
                }
                try extend(&directories[index], by: parts[1])
            }
        }
        return directories
    }

    private static func extend(_ directory: inout CgroupDirectory, by path: String) throws(CgroupFailure) {
        guard !path.split(at: "/").contains("..") else {
            throw CgroupFailure(
                .invalid, "--cgroup: bad sub cgroup path \"\(path)\": it is not below the container's cgroup"
            )
        }
        let below = cleanPath(path)
        guard below != "/" else { return }
        directory.path += below
        // The inode is that of the container's own directory.
        directory.inode = nil
    }
}
