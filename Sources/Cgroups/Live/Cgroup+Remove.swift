// Removes the container's cgroup. Needs only its location, and can be repeated.

internal import CLinux
internal import Glibc
internal import Kernel

extension Cgroup {
    /// Removes the container's directories and their sub-directories, and stops the systemd unit.
    ///
    /// A missing directory is not an error. Ancestors stay, because other containers may use them. All directories
    /// are tried before an error is thrown.
    /// - Parameter withoutSystemd: receives the failure if systemd does not stop the unit; nil makes that an error. A scope
    ///   ends by itself when it has no processes. systemd.scope(5).
    /// - Throws: the first directory that could not be removed, because it has processes or the rights are missing.
    package func remove(withoutSystemd: ((CgroupFailure) -> Void)? = nil) throws(CgroupFailure) {
        var first: CgroupFailure?
        let others = othersDirectories()
        if location.driver == .systemd, !isAnothers(others) {
            do throws(CgroupFailure) { try endUnit() } catch {
                if let withoutSystemd { withoutSystemd(error) } else { first = error }
            }
        }
        for directory in location.directories where directory.path != "/" {
            do throws(CgroupFailure) { try remove(directory, sparing: others) } catch { first = first ?? error }
        }
        if let first { throw first }
        removeDesertedParent()
    }

    /// Removes the parent cgroup if its container was deleted while this cgroup existed below it.
    private func removeDesertedParent() {
        guard let owner, let directory = processDirectory else { return }
        let above = CgroupPath.parent(of: directory.path)
        guard above != "/", let mark = readMark(directory.mount + above), mark != owner.mark,
            owner.directories(mark).isEmpty
        else { return }
        // rmdir fails for a directory that is in use.
        for directory in location.directories {
            let above = CgroupPath.parent(of: directory.path)
            if above != "/" { _ = clinux_rmdir(directory.mount + above) }
        }
    }

    private func remove(_ directory: CgroupDirectory, sparing others: Set<String>) throws(CgroupFailure) {
        var delay = 1_000
        let isThere = try during("remove cgroup \(directory.fullPath)") { () throws(Errno) in
            try directory.isStillThere()
        }
        guard isThere, !others.contains(directory.fullPath) else { return }
        // A directory with another container's below it stays; deleting that container removes it.
        let holdsOthers = others.contains { $0.path(below: directory.fullPath) != nil }
        for attempt in 0...10 {
            do throws(Errno) {
                if attempt == 0 {
                    // In the usual case nothing is below it.
                    try checked { clinux_rmdir(directory.fullPath) }
                } else {
                    let mount = try openMount(directory)
                    let path = directory.fullPath
                    // A process that never got as far as the other hierarchies, because the container froze this one. A
                    // frozen process of cgroup v2 can be killed.
                    if directory.isUnified, location.hierarchy != .unified, !holdsOthers {
                        _ = try? killAtOnce(in: directory)
                    }
                    try removeTree(relative(directory.path), at: mount, path, sparing: others)
                }
                return
            } catch Errno.noSuchFileOrDirectory {
                return
            } catch Errno.notDirectory {
                return
            } catch {
                if holdsOthers, attempt > 0, error == .resourceBusy,
                    (try? processes(in: directory, or: [], sparing: others)) == []
                {
                    return
                }
                if error == .readOnlyFileSystem, (try? processes(in: directory, or: [])) == [] { return }
                guard error == .resourceBusy, attempt < 10 else {
                    throw CgroupFailure("remove cgroup \(directory.fullPath)", error)
                }
                // A killed process takes a moment to leave its cgroup. The first retry is for directories below.
                if attempt > 0 {
                    pause(microseconds: delay)
                    delay = min(delay * 2, 128_000)
                }
            }
        }
    }

    /// Removes a directory after all directories below it.
    /// - Parameter path: its whole path.
    private func removeTree(
        _ name: String, at parent: borrowing OwnedDescriptor, _ path: String, sparing others: Set<String>
    ) throws(Errno) {
        if others.contains(path) { return }
        let number = parent.rawValue
        let own = try openBelow(number, name, .directory, resolving: .confined)
        for child in try subdirectories(of: own) {
            do throws(Errno) {
                try removeTree(child.name, at: own, "\(path)/\(child.name)", sparing: others)
            } catch {
                // An ancestor of another container's directory stays.
                if error == .resourceBusy, others.contains(where: { $0.path(below: "\(path)/\(child.name)") != nil }) {
                    continue
                }
                if error != .noSuchFileOrDirectory { throw error }
            }
        }
        try checked { clinux_unlinkat(number, name, AT_REMOVEDIR) }
    }
}
