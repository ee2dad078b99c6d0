// Lists the processes of the cgroup, and signals all of them.

internal import CLinux
internal import Glibc
internal import Kernel

extension Cgroup {
    /// The pids of all processes in the cgroup and its sub-cgroups, ascending, in the caller's pid namespace; without
    /// those of other containers, if the cgroup knows its owner.
    /// - Throws: a failure with `code` `noSuchFileOrDirectory` if the cgroup no longer exists.
    package func processes() throws(CgroupFailure) -> [Int32] {
        guard let directory = processDirectory else { return [] }
        let pids = try processes(in: directory, or: nil)
        // In the usual case no process is left, so no owner needs to be looked up.
        if pids.isEmpty || owner == nil { return pids }
        let others = othersDirectories()
        return others.isEmpty ? pids : try processes(in: directory, or: nil, sparing: others)
    }

    /// The same for one hierarchy.
    /// - Parameters:
    ///   - absent: the result if the directory does not exist; nil makes that an error.
    ///   - others: the whole paths of directories to leave out.
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
            // A process that moved during the reading can appear twice.
            for index in pids.indices.dropFirst().reversed() where pids[index] == pids[index - 1] {
                pids.remove(at: index)
            }
            return pids
        } catch {
            if let absent, error == .noSuchFileOrDirectory { return absent }
            throw CgroupFailure("list the processes of cgroup \(directory.fullPath)", error)
        }
    }

    // A sub-cgroup of a cgroup with processes is threaded: its threaded domain lists its processes. cgroups(7).
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
            // A threaded cgroup: its threaded domain lists its processes.
        } catch Errno.noSuchDevice {
            // Another process removed it between opening and reading.
        }
        for entry in try subdirectories(of: directory) {
            do throws(Errno) {
                let child = try OwnedDescriptor.open(entry.name, .directory | .noFollow, at: directory.rawValue)
                try collect(&pids, child, "\(path)/\(entry.name)", sparing: others)
            } catch Errno.noSuchFileOrDirectory {
                continue
            }
        }
    }

    /// Sends a signal to every process of the cgroup, but not to another container's.
    ///
    /// If the freezer works, a process that forks meanwhile cannot escape. The freezer would also stop other
    /// containers below: if there are any, new processes are looked up until none appears.
    /// - Returns: the pids that were signalled individually.
    /// - Throws: the first refusal, unless the process no longer exists.
    @discardableResult
    package func signalAll(_ signal: Int32) throws(CgroupFailure) -> Set<Int32> {
        guard let directory = processDirectory else { return [] }
        let others = othersDirectories()
        if isAnothers(others) { return [] }
        if !others.isEmpty { return try signalRepeatedly(signal, directory, sparing: others) }
        if signal == SIGKILL, location.hierarchy == .unified, try killAtOnce(in: directory) { return [] }
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
            // A process that was asked to end may take its time, and its pid may be reused: only SIGKILL is repeated.
            let next = signal == SIGKILL ? pids : pids.filter { !signalled.contains($0) }
            if next.isEmpty { break }
            try send(signal, to: next, directory, sparing: others)
            signalled.formUnion(next)
            pause(microseconds: 1_000)
        }
        return signalled
    }

    /// Signals processes that are still in the cgroup: a pid may be reused between reading and signalling.
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
            // A process is in the cgroup if it was opened, is alive, and its pid is in the cgroup now.
            let present = Set(try processes(in: directory, or: [], sparing: others))
            // The cgroup may have been removed and made anew for another container since its owner was read.
            if isAnothers(othersDirectories()) { return }
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

    /// Kills a whole tree in one call of the kernel (cgroup v2, Linux 5.14).
    /// - Returns: false if the kernel cannot, or the cgroup is gone.
    func killAtOnce(in directory: CgroupDirectory) throws(CgroupFailure) -> Bool {
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
