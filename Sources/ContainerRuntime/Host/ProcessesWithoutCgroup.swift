// The processes of a container that has no cgroup: an ordinary user's, mostly.

internal import Glibc
internal import Kernel

/// Finds a container's processes among those of the host: its init, the processes of its own pid namespace, and their
/// descendants.
///
/// Descent finds a nested container's pid namespace; the namespace finds processes of `exec`.
func processesWithoutCgroup(init initPid: Int32, ownsPidNamespace: Bool) throws(Failure) -> [Int32] {
    let proc = try during("open /proc") { () throws(Errno) in try OwnedDescriptor.open("/proc", .readOnly | .directory)
    }
    let entries = try during("read /proc") { () throws(Errno) in try directoryEntries(proc.rawValue) }
    let namespace = ownsPidNamespace ? pidNamespace(of: initPid) : nil
    var children: [Int32: [Int32]] = [:]
    var waiting = [initPid]
    for pid in entries.compactMap({ Int32($0.name) }) {
        do throws(Errno) {
            guard let facts = try processStat(pid), !facts.hasEnded else { continue }
            children[facts.parent, default: []].append(pid)
        } catch {
            continue
        }
        if let namespace, pidNamespace(of: pid) == namespace { waiting.append(pid) }
    }
    var found: Set<Int32> = []
    while let pid = waiting.popLast() {
        guard found.insert(pid).inserted else { continue }
        waiting += children[pid] ?? []
    }
    return found.sorted()
}

// nil also for a process that has gone, or that the caller may not look into.
private func pidNamespace(of pid: Int32) -> UInt64? {
    do throws(Errno) { return try fileStatus(at: "/proc/\(pid)/ns/pid").inode } catch { return nil }
}
