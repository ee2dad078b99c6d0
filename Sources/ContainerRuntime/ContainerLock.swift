// One command at a time changes a container; `delete --force` does not wait for the others.

internal import CLinux
internal import Glibc
internal import Kernel
internal import SystemPackage

extension ContainerDirectory {
    /// Keeps other commands that change the container out until this one ends.
    ///
    /// The lock lies on the directory itself, so it leaves no file and goes with the process that holds it. flock(2).
    /// - Throws: `wrongState` when the container is being made, or another command does not finish in time; `notFound`
    ///   when the one that held the lock has deleted the container.
    package borrowing func lock(seconds: Int = 10) throws(Failure) {
        for attempt in 0...(seconds * 200) {
            if attempt > 0 { usleep(5000) }
            if try tryLock() { return }
            // Making one runs hooks, for as long as these like.
            if attempt % 50 == 0, isBeingMade() { throw .isBeingCreated(id) }
        }
        throw Failure(
            .wrongState, "container \(id) is busy: another command has been changing it for more than \(seconds) s")
    }

    /// Lets other commands in again before this one ends.
    package borrowing func unlock() { flock(descriptor.rawValue, LOCK_UN) }

    /// Takes the lock for `delete --force`: a command that makes the container, or is stopped, or takes long, is killed
    /// with all that it has begun.
    borrowing func lockByForce() throws(Failure) {
        let (step, patience, limit) = (5, 500, 10_000)
        var waited = 0
        while !(try tryLock()) {
            if waited % 250 == 0, waited >= patience || isBeingMade() { killHolder() }
            guard waited < limit else {
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
        // Also while it is held: whoever has deleted the container may have hooks to run yet.
        let status = try during("lock \(path)") { () throws(Errno) in try fileStatus(number) }
        guard status.links > 0 else { throw Failure(.notFound, "container does not exist: \(id)") }
        return isLocked
    }

    // A directory without a record is about to have one, or to be removed.
    private borrowing func isBeingMade() -> Bool {
        do throws(Failure) { return try !record().isReady } catch { return false }
    }

    private borrowing func killHolder() {
        do throws(Errno) {
            let own = try fileStatus(descriptor.rawValue)
            for pid in try lockHolders(ofFile: own.inode) where pid != getpid() {
                guard let holder = try holder(pid, of: own) else { continue }
                killWithDescendants(holder)
            }
        } catch {
            // Without /proc nobody is found, and the wait has its end.
        }
    }

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
