// cgroup v2: enables controllers level by level, and delegates a directory.

internal import CLinux
internal import Glibc
internal import Kernel

extension Cgroup {
    /// Enables the controllers in every ancestor, and makes the directory threaded if necessary.
    func enableControllers(
        above directory: CgroupDirectory, _ mount: borrowing OwnedDescriptor, _ own: borrowing OwnedDescriptor,
        for plan: CgroupPlan
    ) throws(CgroupFailure) {
        do throws(Errno) {
            try delegateControllers(to: directory.path, mount)
        } catch {
            throw CgroupFailure("enable controllers for cgroup \(directory.fullPath)", error)
        }
        try makeThreadedIfNeeded(directory, own, plan)
    }

    private func delegateControllers(to path: String, _ mount: borrowing OwnedDescriptor) throws(Errno) {
        let top = try openCgroup(below: mount, "/")
        let all = words(try readValue("cgroup.controllers", at: top))
        let parentPath = CgroupPath.parent(of: path)
        let parent = try openCgroup(below: mount, parentPath)
        // A directory can enable only controllers that all its ancestors enable, so nothing is left to do.
        if Set(words(try readValue("cgroup.subtree_control", at: parent))).isSuperset(of: all) { return }
        var level = ""
        for part in [Substring("")] + parentPath.split(at: "/") {
            level += part.isEmpty ? "" : "/\(part)"
            let directory = try openCgroup(below: mount, level.isEmpty ? "/" : level)
            try delegateControllers(from: directory)
        }
    }

    private func delegateControllers(from directory: borrowing OwnedDescriptor) throws(Errno) {
        let available = words(try readValue("cgroup.controllers", at: directory))
        let enabled = words(try readValue("cgroup.subtree_control", at: directory))
        let missing = available.filter { !enabled.contains($0) }.map { "+\($0)" }
        if missing.isEmpty { return }
        let number = directory.rawValue
        do throws(Errno) {
            try writeFile("cgroup.subtree_control", missing.joined(separator: " "), at: number)
        } catch {
            // A controller that cannot be enabled (threaded or busy directory, missing rights) must not keep the
            // others from being enabled; a limit that needs it fails later with its own message.
            for one in missing { try? writeFile("cgroup.subtree_control", one, at: number) }
        }
    }

    private func words(_ text: String) -> [String] { text.split(at: " ").map(String.init) }

    /// A new directory below a threaded one accepts no process until it is threaded itself; then it limits only
    /// threads.
    private func makeThreadedIfNeeded(
        _ directory: CgroupDirectory, _ own: borrowing OwnedDescriptor, _ plan: CgroupPlan
    ) throws(CgroupFailure) {
        guard let type = try? readValue("cgroup.type", at: own), type == "domain invalid" || type == "domain threaded"
        else { return }
        if let write = plan.writes.first(where: { ["memory", "io", "hugetlb", "rdma"].contains($0.controller) }) {
            throw CgroupFailure(
                .unavailable,
                "\(write.key): cgroup \(directory.fullPath) is of type \"\(type)\", where the \(write.controller) "
                    + "controller cannot be")
        }
        guard type == "domain invalid" else { return }
        do throws(Errno) { try writeFile("cgroup.type", "threaded", at: own.rawValue) } catch {
            throw CgroupFailure("make cgroup \(directory.fullPath) threaded", error)
        }
    }

    /// Gives the directory, and the files that its owner may write, to the container's root user.
    func delegate(to owner: CgroupDelegation, _ open: borrowing OpenCgroup) throws(CgroupFailure) {
        guard let index = location.directories.firstIndex(where: { $0.isUnified }) else { return }
        let path = location.directories[index].fullPath
        let listed = (try? readText("/sys/kernel/cgroup/delegate"))?.split(at: "\n").map(String.init)
        let files = listed ?? ["cgroup.procs", "cgroup.subtree_control", "cgroup.threads"]
        let number = open.descriptors[index]
        for file in ["."] + files where !file.utf8.contains(UInt8(ascii: "/")) {
            do throws(Errno) {
                try checked { Glibc.fchownat(number, file, owner.uid, gid_t.max, AT_SYMLINK_NOFOLLOW) }
            } catch Errno.noSuchFileOrDirectory {
                // The list contains every file that a kernel may offer; the controller of this file is not enabled.
                continue
            } catch {
                throw CgroupFailure("give \(path)/\(file) to uid \(owner.uid)", error)
            }
        }
    }
}
