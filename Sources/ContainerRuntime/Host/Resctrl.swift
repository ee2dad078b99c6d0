// Groups of resctrl(5): made, joined and removed with a container.

internal import CLinux
internal import Glibc
internal import Kernel
internal import Planning

/// A container's place in resctrl.
struct Resctrl {
    let plan: ResctrlPlan
    let mount: String

    var directory: String { plan.group.isEmpty ? mount : mount + "/" + plan.group }
    var monitorDirectory: String? { plan.monitor.map { directory + "/mon_groups/" + $0 } }

    /// The mount point of resctrl on this host.
    init(_ plan: ResctrlPlan) throws(Failure) {
        self.plan = plan
        let usual = "/sys/fs/resctrl"
        let resctrl: Int64 = 0x765_5821  // RDTGROUP_SUPER_MAGIC
        do throws(Errno) {
            if try filesystem(at: usual).magic == resctrl {
                mount = usual
                return
            }
            let entries = try listMounts()
            if let entry = entries.first(where: { $0.type == "resctrl" }) {
                mount = entry.path
                return
            }
        } catch {}
        throw Failure(
            .invalid,
            "linux.intelRdt: this host has no resctrl filesystem mounted (CPUs with RDT have one, at \(usual))")
    }

    /// Makes the group, or checks that an existing one fits.
    /// - Returns: the directories to remove with the container, innermost first.
    func prepare() throws(Failure) -> [String] {
        let isThere = plan.group.isEmpty || clinux_access(directory, F_OK) == 0
        if plan.isShared, isThere {
            let path = directory + "/schemata"
            let text = try during("linux.intelRdt: read \(path)") { () throws(Errno) in try readText(path) }
            if let line = plan.mismatch(with: text) {
                throw Failure(
                    .invalid, "linux.intelRdt.closID: the class \"\(plan.group)\" exists, and does not have \"\(line)\""
                )
            }
            return [monitorDirectory].compactMap { $0 }
        }
        guard !plan.isShared || !plan.schemata.isEmpty else {
            throw Failure(
                .invalid,
                "linux.intelRdt.closID: the class \"\(plan.group)\" does not exist, and there is no schema to make it with"
            )
        }
        if !isThere {
            try during("linux.intelRdt: make \(directory)") { () throws(Errno) in
                try checked { clinux_mkdir(directory, 0o755) }
            }
        }
        for line in plan.schemata { try write(line + "\n", to: directory + "/schemata") }
        return [monitorDirectory, plan.isShared ? nil : directory].compactMap { $0 }
    }

    /// Writes new schemata for a container that runs; its group is made where it has had none.
    /// - Returns: the directories that are to be removed with the container.
    func change(admitting pid: Int32) throws(Failure) -> [String] {
        let isThere = plan.group.isEmpty || clinux_access(directory, F_OK) == 0
        if !isThere {
            try during("linux.intelRdt: make \(directory)") { () throws(Errno) in
                try checked { clinux_mkdir(directory, 0o755) }
            }
        }
        for line in plan.schemata { try write(line + "\n", to: directory + "/schemata") }
        guard !isThere else { return [] }
        try admit(pid)
        return plan.isShared ? [] : [directory]
    }

    /// Puts a process, and all it will make, into the group.
    func admit(_ pid: Int32) throws(Failure) {
        try write("\(pid)", to: directory + "/tasks")
        guard let monitorDirectory else { return }
        if clinux_mkdir(monitorDirectory, 0o755) != 0, errno != EEXIST {
            throw Failure("linux.intelRdt.enableMonitoring: make \(monitorDirectory)", Errno(rawValue: errno))
        }
        try write("\(pid)", to: monitorDirectory + "/tasks")
    }

    private func write(_ text: String, to path: String) throws(Failure) {
        do throws(Errno) {
            try writeFile(path, text)
        } catch {
            let status = lastStatus()
            let what = "linux.intelRdt: write \"\(text.filter { !$0.isNewline })\" to \(path)"
            throw Failure(what + (status.isEmpty ? "" : " (\(status))"), error)
        }
    }

    // The kernel's message about the last write.
    private func lastStatus() -> String {
        do throws(Errno) {
            let text = try readText(mount + "/info/last_cmd_status").filter { !$0.isNewline }
            return text == "ok" ? "" : text
        } catch {
            return ""
        }
    }
}

extension Runtime {
    /// Removes groups that are the container's own.
    /// - Parameter inodes: what they are known by, in the same order, where that was kept.
    func removeResourceGroups(_ paths: [String], inodes: [UInt64] = []) {
        for (index, path) in paths.enumerated() {
            if index < inodes.count, inodes[index] != groupInode(path) { continue }
            if clinux_rmdir(path) != 0, errno != ENOENT {
                note(.warning, "remove \(path): \(Errno(rawValue: errno).message)")
            }
        }
    }

    /// The inodes of the groups: another group may take the path later.
    func groupInodes(_ paths: [String]) -> [UInt64] { paths.map(groupInode) }

    private func groupInode(_ path: String) -> UInt64 {
        do throws(Errno) { return try fileStatus(at: path).inode } catch { return 0 }
    }
}
