// Who is in the cgroup, and how all of them are reached at once.

internal import CLinux
internal import Glibc
internal import Kernel
internal import SystemPackage

extension Cgroup {
    /// The pids of all processes in the cgroup and in those below it, ascending, in the caller's numbering.
    /// - Throws: a failure with `code` `noSuchFileOrDirectory` when the cgroup is gone.
    package func processes() throws(CgroupFailure) -> [Int32] {
        guard let directory = processDirectory else { return [] }
        return try processes(in: directory, or: nil)
    }

    /// The same for one hierarchy.
    /// - Parameter absent: what is answered when the directory is not there; nil makes that an error.
    func processes(in directory: CgroupDirectory, or absent: [Int32]?) throws(CgroupFailure) -> [Int32] {
        do throws(Errno) {
            let own = try open(directory)
            var pids: [Int32] = []
            try collect(&pids, own)
            pids.sort()
            // A process that moved while the directories were read may have been seen in two.
            for index in pids.indices.dropFirst().reversed() where pids[index] == pids[index - 1] {
                pids.remove(at: index)
            }
            return pids
        } catch {
            if let absent, error == .noSuchFileOrDirectory { return absent }
            throw CgroupFailure("list the processes of cgroup \(directory.fullPath)", error)
        }
    }

    private func collect(_ pids: inout [Int32], _ directory: borrowing OwnedDescriptor) throws(Errno) {
        do throws(Errno) {
            for line in try readText("cgroup.procs", at: directory.rawValue).split(separator: "\n") {
                if let pid = Int32(line) { pids.append(pid) }
            }
        } catch Errno.notSupported {
            // A threaded cgroup: its processes are listed by the domain above it.
        } catch Errno.operationNotSupportedByDevice {
            // Removed between opening and reading.
        }
        for name in try subdirectories(of: directory) {
            do throws(Errno) {
                let child = try OwnedDescriptor.open(name, .directory | .noFollow, at: directory.rawValue)
                try collect(&pids, child)
            } catch Errno.noSuchFileOrDirectory {
                continue
            }
        }
    }

    /// Sends a signal to every process; those that fork meanwhile cannot escape where the freezer works.
    /// - Throws: the first refusal that is not the process being gone.
    package func signalAll(_ signal: Int32) throws(CgroupFailure) {
        guard !location.directories.isEmpty else { return }
        if signal == SIGKILL, try killAtOnce() { return }
        let wasFrozen = (try? isFrozen()) ?? false
        let froze = !wasFrozen && (try? freeze()) != nil
        defer { if froze || (wasFrozen && signal == SIGKILL) { try? thaw() } }
        let pids: [Int32]
        do throws(CgroupFailure) { pids = try processes() } catch {
            if error.code == .noSuchFileOrDirectory { return }
            throw error
        }
        for pid in pids {
            do throws(Errno) {
                try checked { clinux_kill(pid, signal) }
            } catch Errno.noSuchProcess {
                continue
            } catch {
                throw CgroupFailure("send signal \(signal) to process \(pid)", error)
            }
        }
    }

    /// Kills every process of the cgroup, frozen or not.
    package func killAll() throws(CgroupFailure) { try signalAll(SIGKILL) }

    /// The kernel's own way to kill a whole tree (cgroup v2, Linux 5.14).
    private func killAtOnce() throws(CgroupFailure) -> Bool {
        guard location.hierarchy == .unified, let directory = processDirectory else { return false }
        do throws(Errno) {
            let own = try open(directory)
            try writeFile("cgroup.kill", "1", at: own.rawValue)
            return true
        } catch Errno.noSuchFileOrDirectory {
            return false
        } catch Errno.notSupported {
            return false
        } catch {
            throw CgroupFailure("write \"1\" to \(directory.fullPath)/cgroup.kill", error)
        }
    }
}
