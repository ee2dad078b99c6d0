// Removing the container's cgroup, from its location alone and as often as one likes.

internal import CLinux
internal import Glibc
internal import Kernel
internal import SystemPackage

extension Cgroup {
    /// Removes the container's directories and those made below them, and stops the systemd unit.
    ///
    /// What is gone already is no error; directories above stay, for we may share them. All are tried before it throws.
    /// - Throws: the first directory that could not be removed, because processes are still in it or for want of rights.
    package func remove() throws(CgroupFailure) {
        var first: CgroupFailure?
        let others = othersDirectories()
        if location.driver == .systemd, !isAnothers(others) {
            do throws(CgroupFailure) { try endUnit() } catch { first = error }
        }
        for directory in location.directories where directory.path != "/" {
            do throws(CgroupFailure) { try remove(directory, sparing: others) } catch { first = first ?? error }
        }
        if let first { throw first }
        removeDesertedParent()
    }

    /// Removes the cgroup above, if it was that of a container that was deleted while there was this one below it.
    private func removeDesertedParent() {
        guard let owner, let directory = processDirectory else { return }
        let above = CgroupPath.parent(of: directory.path)
        guard above != "/", let mark = readMark(directory.mount + above), mark != owner.mark,
            owner.directories(mark).isEmpty
        else { return }
        // What is in use, by whomever, stays.
        for directory in location.directories {
            let above = CgroupPath.parent(of: directory.path)
            if above != "/" { _ = Glibc.rmdir(directory.mount + above) }
        }
    }

    private func remove(_ directory: CgroupDirectory, sparing others: Set<String>) throws(CgroupFailure) {
        var delay = 1_000
        let isThere = try naming("remove cgroup \(directory.fullPath)") { () throws(Errno) in
            try directory.isStillThere()
        }
        guard isThere, !others.contains(directory.fullPath) else { return }
        // It stays as long as what is below it, and goes with that.
        let holdsOthers = others.contains { $0.hasPrefix(directory.fullPath + "/") }
        for attempt in 0...10 {
            do throws(Errno) {
                if attempt == 0 {
                    // Nearly always there is nothing below.
                    try checked { Glibc.rmdir(directory.fullPath) }
                } else {
                    let mount = try openMount(directory)
                    let path = directory.fullPath
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
                // A process that was just killed takes a moment to leave. The first retry is for directories below.
                if attempt > 0 {
                    pause(microseconds: delay)
                    delay = min(delay * 2, 128_000)
                }
            }
        }
    }

    /// Removes a directory after all that are below it.
    /// - Parameter path: its whole path.
    private func removeTree(
        _ name: UnsafePointer<CChar>, at parent: borrowing OwnedDescriptor, _ path: String, sparing others: Set<String>
    ) throws(Errno) {
        if others.contains(path) { return }
        let confined: UInt64 = 0x01 | 0x02 | 0x04 | 0x08
        let flags: OpenFlags = .directory | .closeOnExec
        let number = parent.rawValue
        let own = OwnedDescriptor(
            adopting: try checked { clinux_openat2(number, name, UInt64(flags.rawValue), 0, confined) })
        for child in try subdirectories(of: own) {
            do throws(Errno) {
                try removeTree(child.bytes, at: own, "\(path)/\(child.name)", sparing: others)
            } catch {
                // What lies above another's stays.
                if error == .resourceBusy, others.contains(where: { $0.hasPrefix("\(path)/\(child.name)/") }) {
                    continue
                }
                if error != .noSuchFileOrDirectory { throw error }
            }
        }
        try checked { Glibc.unlinkat(number, name, AT_REMOVEDIR) }
    }
}
