// One command at a time changes a container; `delete --force` does not wait for the others.

internal import Cgroups
internal import CLinux
internal import Glibc
internal import Kernel

extension ContainerDirectory {
    /// Excludes other commands that change the container until this one ends.
    ///
    /// The lock is on the directory itself, so it needs no file and ends with the process that holds it. flock(2).
    /// - Throws: `wrongState` if the container is being created, or another command is stopped or does not finish in
    ///   time; `notFound` if the command that held the lock has deleted the container.
    package borrowing func lock(seconds: Int = 10) throws(Failure) {
        var stopped: Int32?
        for attempt in 0...(seconds * 200) {
            if attempt > 0 { usleep(5000) }
            if try tryLock() { return }
            guard attempt % 50 == 0 else { continue }
            // Making one runs hooks, for as long as these like.
            if isBeingMade() { throw .isBeingCreated(id) }
            guard attempt > 0 else { continue }
            let found = stoppedHolder()
            // `delete --force` stops a process for a moment before it kills it.
            if let found, found == stopped {
                throw Failure(
                    .wrongState,
                    "container \(id) is busy: process \(found), which is changing it, is stopped"
                        + " (SIGCONT lets it go on, delete --force ends it)")
            }
            stopped = found
        }
        throw Failure(
            .wrongState, "container \(id) is busy: another command has been changing it for more than \(seconds) s")
    }

    /// Lets other commands in again before this one ends.
    package borrowing func unlock() { flock(descriptor.rawValue, LOCK_UN) }

    /// Takes the lock for `delete --force` from a command that creates the container, is stopped, or takes long.
    ///
    /// The processes that the command has started are killed first, and then it is asked to end, so that it fails, reports
    /// why, and cleans up. If it does not, it is killed, and this command says so in its place.
    borrowing func lockByForce(note: (String) -> Void) throws(Failure) {
        let (step, patience, limit) = (5, 500, 10_000)
        let end = monotonicNanoseconds() + UInt64(limit) * 1_000_000
        var waited = 0
        var pressure = Pressure.none
        defer { if pressure != .none { removeFile(Self.deletionName) } }
        while !(try tryLock()) {
            if waited % 250 == 0, waited >= patience || isBeingMade() {
                pressure = press(pressure, note)
                endFrozen()
            } else if waited % 50 == 0, pressure == .asked || pressure == .askedAgain {
                // Cleaning up may wait for the same peer again.
                holders().forEach { $0.requestEndForDeletion() }
            }
            guard monotonicNanoseconds() < end else {
                throw Failure(
                    .wrongState,
                    "container \(id) is busy: the command that changes it cannot be found, or not be killed")
            }
            usleep(UInt32(step) * 1000)
            waited += step
        }
    }

    /// - Throws: `notFound` when the container has been deleted.
    borrowing func tryLock() throws(Failure) -> Bool {
        let number = descriptor.rawValue
        let isLocked = flock(number, LOCK_EX | LOCK_NB) == 0
        guard isLocked || errno == EWOULDBLOCK || errno == EINTR else {
            throw Failure("lock \(path)", Errno(rawValue: errno))
        }
        // Also while the lock is held: a command that has deleted the container may still run its hooks.
        let status = try during("lock \(path)") { () throws(Errno) in try fileStatus(number) }
        guard status.links > 0 else { throw Failure(.notFound, "container does not exist: \(id)") }
        if isLocked { RequestToEnd.heed() }
        return isLocked
    }

    // A directory without a record is about to have one, or to be removed.
    private borrowing func isBeingMade() -> Bool {
        do throws(Failure) { return try !record().isReady } catch { return false }
    }

    /// Whether `delete --force` has taken the container away from the command that changes it.
    borrowing func isTakenAway() -> Bool {
        if has(Self.deletionName) { return true }
        do throws(Errno) { return try fileStatus(descriptor.rawValue).links == 0 } catch { return false }
    }

    /// The error of a command that failed, perhaps because the container was taken away.
    borrowing func explain(_ error: Failure) -> Failure {
        isTakenAway() ? .deletedMeanwhile : error
    }

    /// Presses the holders harder than before.
    private borrowing func press(_ before: Pressure, _ note: (String) -> Void) -> Pressure {
        let holders = holders()
        guard !holders.isEmpty else { return before }
        switch before {
        case .none:
            do throws(Failure) { try write(Self.deletionName, []) } catch {}
            let begun = holders.filter { !isStopped($0.pid) }.flatMap { children(of: [$0]) }
            guard begun.isEmpty else {
                begun.forEach(killWithDescendants)
                return .bereft
            }
            holders.forEach { $0.requestEndForDeletion() }
            return .asked
        case .bereft:
            holders.forEach { $0.requestEndForDeletion() }
            return .asked
        case .asked: return .askedAgain
        case .askedAgain:
            for holder in holders {
                note(
                    "process \(holder.pid), which was changing container \(id), did not end when it was asked to, and"
                        + " was killed: it may have reported no error")
                killWithDescendants(holder)
            }
            return .killed
        case .killed:
            holders.forEach(killWithDescendants)
            endContainer()
            return .killed
        }
    }

    /// Kills the container's processes. A holder that does not end of SIGKILL waits in the kernel for one of these: for the
    /// server of a FUSE mount, for example. Those that wait for a server are let go when its connection ends. fuse(4).
    private borrowing func endContainer() {
        do throws(Failure) {
            let record = try record()
            guard let initProcess = try record.openInit() else { return }
            try during("kill container \(id)") { () throws(Errno) in try signalProcess(initProcess, SIGKILL) }
            let group = Cgroup(record.cgroup)
            try cgroup { () throws(CgroupFailure) in
                if try group.isFrozen() { try group.thaw() }
                try group.killAll()
            }
        } catch {
            // The wait for the lock has its end.
        }
    }

    /// On cgroup v1 a process of the container that has the lock does not end of a signal while it is frozen.
    private borrowing func endFrozen() {
        do throws(Failure) {
            let group = Cgroup(try record().cgroup)
            guard group.isStopped else { return }
            for holder in holders() where group.keepsFromEnding(holder.pid) {
                holder.signal(SIGKILL)
                try cgroup { () throws(CgroupFailure) in try group.release(killed: holder.pid) }
            }
        } catch {
            // The wait for the lock has its end.
        }
    }

    private borrowing func holders() -> [ProcessHandle] {
        do throws(Errno) {
            let own = try fileStatus(descriptor.rawValue)
            var found: [ProcessHandle] = []
            for pid in try lockHolders(ofFile: own.inode) where pid != getpid() {
                if let holder = try holder(pid, of: own) { found.append(holder) }
            }
            return found.isEmpty ? try heirs(own) : found
        } catch {
            // Without /proc none is found, and the wait has its end.
            return []
        }
    }

    /// The processes that inherited the lock from a holder that has ended: /proc/locks names the first holder.
    private borrowing func heirs(_ own: FileStatus) throws(Errno) -> [ProcessHandle] {
        let processes = try OwnedDescriptor.open("/proc", .directory)
        return try directoryEntries(processes.rawValue).compactMap { entry in
            guard let pid = Int32(entry.name), pid != getpid() else { return nil }
            // A process that has ended holds nothing.
            do throws(Errno) { return try holder(pid, of: own) } catch { return nil }
        }
    }

    private borrowing func stoppedHolder() -> Int32? { holders().first { isStopped($0.pid) }?.pid }

    /// The process, if it has this directory open with the lock on it: its number may have been given to another.
    private borrowing func holder(_ pid: Int32, of own: FileStatus) throws(Errno) -> ProcessHandle? {
        guard let handle = try ProcessHandle(pid) else { return nil }
        let numbers = try OwnedDescriptor.open("/proc/\(pid)/fd", .directory)
        for entry in try directoryEntries(numbers.rawValue) {
            do throws(Errno) {
                let status = try fileStatus(at: "/proc/\(pid)/fd/\(entry.name)")
                guard status.device == own.device, status.inode == own.inode else { continue }
                if try readText("/proc/\(pid)/fdinfo/\(entry.name)").split(separator: " ").contains("FLOCK") {
                    return handle
                }
            } catch {
                // It was closed meanwhile.
                continue
            }
        }
        return nil
    }
}

/// How far `delete --force` has gone against the command that holds a container.
private enum Pressure {
    case none
    /// The processes that it had started are killed.
    case bereft
    case asked
    /// It has had half a second.
    case askedAgain
    case killed
}

/// The processes that hold a flock(2) on a file of this number, of whichever filesystem. proc_locks(5).
private func lockHolders(ofFile inode: UInt64) throws(Errno) -> [Int32] {
    try readText("/proc/locks").split(separator: "\n").compactMap { line in
        // `1: FLOCK  ADVISORY  WRITE 1234 00:1a:5678 0 EOF`
        let fields = line.split(separator: " ")
        guard fields.count > 5, fields[1] == "FLOCK",
            fields[5].split(separator: ":").last.map(String.init) == "\(inode)"
        else { return nil }
        return Int32(fields[4])
    }
}
