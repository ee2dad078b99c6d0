// Who is in the cgroup, and how all of them are reached at once.

internal import CLinux
internal import Glibc
internal import Kernel
internal import SystemPackage

extension Cgroup {
    /// The pids of all processes in the cgroup and in those below it, ascending, in the caller's numbering; without those
    /// of other containers, where the cgroup knows its owner.
    /// - Throws: a failure with `code` `noSuchFileOrDirectory` when the cgroup is gone.
    package func processes() throws(CgroupFailure) -> [Int32] {
        guard let directory = processDirectory else { return [] }
        let pids = try processes(in: directory, or: nil)
        // Nearly always there are none left to ask about.
        if pids.isEmpty || owner == nil { return pids }
        let others = othersDirectories()
        return others.isEmpty ? pids : try processes(in: directory, or: nil, sparing: others)
    }

    /// The same for one hierarchy.
    /// - Parameters:
    ///   - absent: what is answered when the directory is not there; nil makes that an error.
    ///   - others: the whole paths of directories that are left out.
    func processes(
        in directory: CgroupDirectory, or absent: [Int32]?, sparing others: Set<String> = []
    ) throws(CgroupFailure) -> [Int32] {
        do throws(Errno) {
            let own = try open(directory)
            var pids: [Int32] = []
            try collect(&pids, own, directory.fullPath, sparing: others)
            if directory.isUnified, !others.isEmpty {
                let threaded = threadedProcesses(of: others)
                pids.removeAll { threaded.contains($0) }
            }
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

    // A cgroup below one that has processes is threaded: the domain above it lists its processes as its own. cgroups(7).
    private func threadedProcesses(of others: Set<String>) -> Set<Int32> {
        var found: Set<Int32> = []
        for path in others {
            let text = (try? readText("\(path)/cgroup.threads")) ?? ""
            found.formUnion(text.split(separator: "\n").compactMap { Int32($0) })
        }
        return found
    }

    private func collect(
        _ pids: inout [Int32], _ directory: borrowing OwnedDescriptor, _ path: String, sparing others: Set<String>
    ) throws(Errno) {
        if others.contains(path) { return }
        do throws(Errno) {
            for line in try readText("cgroup.procs", at: directory.rawValue).split(separator: "\n") {
                if let pid = Int32(line) { pids.append(pid) }
            }
        } catch Errno.notSupported {
            // A threaded cgroup: its processes are listed by the domain above it.
        } catch Errno.operationNotSupportedByDevice {
            // Removed between opening and reading.
        }
        for entry in try subdirectories(of: directory) {
            do throws(Errno) {
                let child = try OwnedDescriptor.open(entry.bytes, .directory | .noFollow, at: directory.rawValue)
                try collect(&pids, child, "\(path)/\(entry.name)", sparing: others)
            } catch Errno.noSuchFileOrDirectory {
                continue
            }
        }
    }

    /// Sends a signal to every process, and to none of another container's.
    ///
    /// Those that fork meanwhile cannot escape where the freezer works. It would stop other containers below too: where
    /// there are any, what has been forked is looked for until there is nothing more.
    /// - Returns: the pids that were signalled, as far as that was done one by one.
    /// - Throws: the first refusal that is not the process being gone.
    @discardableResult
    package func signalAll(_ signal: Int32) throws(CgroupFailure) -> Set<Int32> {
        guard let directory = processDirectory else { return [] }
        let others = othersDirectories()
        if isAnothers(others) { return [] }
        if !others.isEmpty { return try signalRepeatedly(signal, directory, sparing: others) }
        if signal == SIGKILL, try killAtOnce() { return [] }
        let wasFrozen = (try? isFrozen()) ?? false
        let froze = !wasFrozen && (try? freeze()) != nil
        defer { if froze || (wasFrozen && signal == SIGKILL) { try? thaw() } }
        if !froze, !wasFrozen { return try signalRepeatedly(signal, directory, sparing: []) }
        let pids = try processes(in: directory, or: [])
        try send(signal, to: pids, directory, sparing: [])
        if signal == SIGKILL { thawBelow() }
        return Set(pids)
    }

    private func signalRepeatedly(
        _ signal: Int32, _ directory: CgroupDirectory, sparing others: Set<String>
    ) throws(CgroupFailure) -> Set<Int32> {
        var signalled: Set<Int32> = []
        for _ in 1...1_000 {
            let pids = try processes(in: directory, or: [], sparing: others)
            // Who was told to end, and does not do so at once, is told again: its number may be another's by now.
            let next = signal == SIGKILL ? pids : pids.filter { !signalled.contains($0) }
            if next.isEmpty { break }
            try send(signal, to: next, directory, sparing: others)
            signalled.formUnion(next)
            pause(microseconds: 1_000)
        }
        return signalled
    }

    /// Signals processes that are still in the cgroup: a number that is read may be another's a moment later.
    private func send(
        _ signal: Int32, to pids: [Int32], _ directory: CgroupDirectory, sparing others: Set<String>
    ) throws(CgroupFailure) {
        let batch = 256
        for start in stride(from: 0, to: pids.count, by: batch) {
            var opened: [(pid: Int32, pidfd: Int32)] = []
            defer { for process in opened { _ = Glibc.close(process.pidfd) } }
            for pid in pids[start..<min(start + batch, pids.count)] {
                let pidfd = clinux_pidfd_open(pid, 0)
                if pidfd >= 0 { opened.append((pid, pidfd)) }
            }
            // Who was opened, lives, and has a number that is in the cgroup now, is in it.
            let present = Set(try processes(in: directory, or: [], sparing: others))
            for process in opened where present.contains(process.pid) {
                do throws(Errno) {
                    try checked { clinux_pidfd_send_signal(process.pidfd, signal) }
                } catch Errno.noSuchProcess {
                    continue
                } catch {
                    throw CgroupFailure("send signal \(signal) to process \(process.pid)", error)
                }
            }
        }
    }

    /// Kills every process of the cgroup, frozen or not.
    package func killAll() throws(CgroupFailure) { _ = try signalAll(SIGKILL) }

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
