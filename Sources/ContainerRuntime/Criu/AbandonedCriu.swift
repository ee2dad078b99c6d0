// CRIU whose `checkpoint` was killed. It learns of that when it next speaks with the runtime, and takes back what it has begun;
// but it may be stopped, or wait for a script, with the container's processes traced and its cgroup frozen.

internal import Glibc
internal import Kernel

extension ContainerRecord {
    /// With the CRIU that writes the container down.
    func naming(criu pid: Int32) throws(Failure) -> ContainerRecord {
        let stat = try during("read /proc/\(pid)/stat") { () throws(Errno) in try processStat(pid) }
        guard let stat else { throw Failure(.other, "criu has ended before it was asked") }
        var record = self
        (record.criu, record.criuStartTime) = (pid, stat.hostStartTime())
        return record
    }

    /// The CRIU that a killed command has left; nil if it has ended.
    fileprivate func abandonedCriu() -> ProcessHandle? {
        do throws(Errno) {
            guard let handle = try ProcessHandle(criu), let stat = try processStat(criu),
                stat.hasStarted(at: criuStartTime), stat.state != UInt8(ascii: "Z")
            else { return nil }
            return handle
        } catch {
            return nil
        }
    }
}

extension Runtime {
    /// Ends a CRIU that a killed command has left, so that the container goes on. The caller has the container's lock.
    /// - Parameter isUrgent: whether nobody needs what CRIU works on.
    /// - Returns: whether there was one.
    @discardableResult
    func endAbandonedCriu(
        _ record: inout ContainerRecord, _ directory: borrowing ContainerDirectory, isUrgent: Bool = false
    ) throws(Failure) -> Bool {
        guard record.criu != 0 else { return false }
        var lock: NetworkLock?
        if record.namespaces & NamespaceKind.network.cloneFlag != 0, (try? record.openInit()) != nil {
            lock = try? NetworkLock(of: record.pid)
        }
        let left = record.abandonedCriu()
        if let left {
            note(.warning, "CRIU (process \(left.pid)), which a killed command has left, is ended")
            left.signal(SIGCONT)
            endCriu(left.pid, left.pidfd, patience: isUrgent ? 0 : 10, moment: isUrgent ? 1 : 10)
        }
        // One that was killed has left its rules.
        if let lock { do throws(Failure) { try lock.remove() } catch { note(.debug, error.message) } }
        (record.criu, record.criuStartTime) = (0, 0)
        try directory.write(record)
        return left != nil
    }
}
