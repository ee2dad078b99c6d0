// Finds out how the host mounts its cgroups.

internal import CLinux
internal import Glibc
internal import Kernel

extension CgroupHost {
    /// The controllers of v1 in the order in which they are joined: first those that a task must not enter before
    /// they are set up.
    static let legacyControllers = [
        "cpuset", "devices", "memory", "cpu", "cpuacct", "pids", "blkio", "hugetlb", "net_cls", "net_prio",
        "perf_event", "freezer", "rdma", "misc", "systemd",
    ]

    /// Finds the mounted hierarchies at their usual places; reads the mount table only if these are empty.
    /// - Parameters:
    ///   - driver: the driver that will create the cgroup.
    ///   - cgroupsPath: `linux.cgroupsPath`; the caller's own cgroups are read only if it is relative or missing.
    ///   - containerID: the name of the cgroup if the config has none.
    ///   - toleratesRefusals: whether the container may run without a cgroup that cannot be created or changed.
    ///   - asksUserManager: whether the systemd driver uses the user's systemd instead of the system's.
    /// - Throws: an `unavailable` failure if no cgroup filesystem is mounted, and that is not tolerated.
    package static func probe(
        driver: CgroupDriver = .cgroupfs, cgroupsPath: String? = nil, containerID: String? = nil,
        toleratesRefusals: Bool = false, asksUserManager: Bool = false
    ) throws(CgroupFailure) -> CgroupHost {
        var host: CgroupHost
        do throws(CgroupFailure) { host = try probeMounts() } catch {
            guard toleratesRefusals || driver == .disabled, error.kind == .unavailable else { throw error }
            host = CgroupHost(hierarchy: .legacy, mounts: [])
        }
        host.toleratesRefusals = toleratesRefusals
        if driver == .cgroupfs, cgroupsPath?.isAbsolutePath != true { try host.readOwnPaths() }
        if driver == .cgroupfs, toleratesRefusals, let containerID, (cgroupsPath ?? "").isEmpty {
            host.findRefusals(containerID)
        }
        if driver == .systemd, asksUserManager { host.userManagerPath = try userManagerPath() }
        return host
    }

    private static func probeMounts() throws(CgroupFailure) -> CgroupHost {
        let root = "/sys/fs/cgroup"
        if try isUnified(root) {
            return CgroupHost(hierarchy: .unified, mounts: [CgroupMount(controllers: ["unified"], path: root)])
        }
        // One listing saves the calls for controllers that are not there.
        let present = try entries(of: root)
        var mounts: [CgroupMount] = []
        for controller in legacyControllers {
            guard let entry = present.first(where: { $0.name == controller }) else { continue }
            let path = "\(root)/\(controller)"
            guard try fileSystemType(path) == FilesystemMagic.cgroup else { continue }
            add(controller, at: entry.isDirectory ? path : resolved(path, in: root), to: &mounts)
        }
        if mounts.isEmpty { mounts = try mountsFromTable() }
        let unified = "\(root)/unified"
        guard present.contains(where: { $0.name == "unified" }), try isUnified(unified) else {
            return CgroupHost(hierarchy: .legacy, mounts: mounts)
        }
        mounts.append(CgroupMount(controllers: ["unified"], path: unified))
        return CgroupHost(hierarchy: .hybrid, mounts: mounts)
    }

    private static func entries(of path: String) throws(CgroupFailure) -> [DirectoryEntry] {
        do throws(Errno) {
            let directory = try OwnedDescriptor.open(path, .directory)
            return try directoryEntries(directory.rawValue)
        } catch {
            if isAbsence(error) { return [] }
            throw CgroupFailure("read directory \(path)", error)
        }
    }

    // Any other error must not pass for a host without the controller, because its limits and rules would be left
    // out.
    private static func isAbsence(_ code: Errno) -> Bool {
        [.noSuchFileOrDirectory, .notDirectory, .permissionDenied].contains(code)
    }

    /// Controllers that are mounted together share a hierarchy, and so a directory.
    private static func add(_ controller: String, at path: String, to mounts: inout [CgroupMount]) {
        if let same = mounts.firstIndex(where: { $0.path == path }) {
            mounts[same].controllers.append(controller)
        } else {
            mounts.append(CgroupMount(controllers: [controller], path: path))
        }
    }

    private static func isUnified(_ path: String) throws(CgroupFailure) -> Bool {
        try fileSystemType(path) == FilesystemMagic.cgroup2
    }

    private static func fileSystemType(_ path: String) throws(CgroupFailure) -> Int64? {
        do throws(Errno) {
            return try filesystem(at: path).magic
        } catch {
            if isAbsence(error) { return nil }
            throw CgroupFailure("look at \(path)", error)
        }
    }

    /// The target if `path` is a link, such as `cpu` to `cpu,cpuacct`.
    private static func resolved(_ path: String, in root: String) -> String {
        guard let name = try? readLink(OwnedDescriptor.currentDirectory, path) else { return path }
        return name.isAbsolutePath ? name : "\(root)/\(name)"
    }

    /// The v1 hierarchies from the mount table, for hosts that mount them elsewhere.
    private static func mountsFromTable() throws(CgroupFailure) -> [CgroupMount] {
        var mounts: [CgroupMount] = []
        for entry in try mountTable() where entry.type == "cgroup" {
            let options = entry.superOptions.split(at: ",").map(String.init)
            for controller in legacyControllers where options.contains(controller) {
                add(controller, at: entry.path, to: &mounts)
            }
            if options.contains("name=systemd") { add("systemd", at: entry.path, to: &mounts) }
        }
        guard !mounts.isEmpty else {
            throw CgroupFailure(
                .unavailable,
                "find the cgroup hierarchy: none is mounted at /sys/fs/cgroup; --cgroup-manager disabled needs none")
        }
        return mounts
    }

    private static func mountTable() throws(CgroupFailure) -> [MountInfoEntry] {
        try during("read /proc/self/mountinfo") { () throws(Errno) in try listMounts() }
    }

    /// Reads the caller's own cgroup in each hierarchy.
    private mutating func readOwnPaths() throws(CgroupFailure) {
        ownPaths = try cgroupPaths(ofProcess: nil)
        try leaveOutMountedRoots()
    }

    /// Finds the hierarchies in which the caller may not make a cgroup. Other obstacles show when it is made.
    private mutating func findRefusals(_ containerID: String) {
        let effectiveUser: Int32 = 0x200  // AT_EACCESS
        for mount in mounts {
            let parent = mount.path + parentOfRelativePath(in: mount)
            guard clinux_faccessat2(OwnedDescriptor.currentDirectory, parent, W_OK | X_OK, effectiveUser) != 0 else {
                continue
            }
            let code = Errno(rawValue: errno)
            let lacksRights = [.permissionDenied, .notPermitted, .readOnlyFileSystem].contains(code)
            // Somebody may have made it for the caller.
            if lacksRights, clinux_access("\(parent)/\(containerID)", F_OK) != 0 {
                refusals.append(CgroupRefusal(mount: mount.path, code: code))
            }
        }
    }

    /// In a container the mount point may already be the caller's own cgroup; then the path in /proc must not be
    /// appended again.
    private mutating func leaveOutMountedRoots() throws(CgroupFailure) {
        var table: [MountInfoEntry]?
        for mount in mounts {
            for controller in mount.controllers {
                guard let own = ownPaths[controller], own != "/", clinux_access(mount.path + own, F_OK) != 0 else {
                    continue
                }
                if table == nil { table = try Self.mountTable() }
                let entry = table?.last { $0.path == mount.path }
                guard let root = entry?.root, root != "/", let rest = own.isSame(as: root) ? "/" : own.path(below: root)
                else {
                    ownPaths[controller] = "/"
                    continue
                }
                ownPaths[controller] = rest
            }
        }
    }
}
