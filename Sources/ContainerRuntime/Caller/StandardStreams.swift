// The streams that a container's process inherits, where it lives in a user namespace.

internal import Glibc
internal import Kernel
internal import OCISpec

enum StandardStreams {
    /// Changes the owner of the pipes among this process's streams to a user of another process's user namespace, so
    /// that this user can open /dev/stdout and the like again: in the namespace no process has CAP_DAC_OVERRIDE over
    /// them. Other files keep their owner.
    static func handOver(to uid: UInt32, inNamespaceOf pid: Int32) {
        for number in Int32(0)...2 {
            guard let status = try? fileStatus(number), status.mode & S_IFMT == S_IFIFO,
                let owner = hostID(of: uid, inNamespaceOf: pid), owner != status.uid
            else { continue }
            // One that may not be given away stays as useful as it is.
            fchown(number, owner, ~0)
        }
    }

    /// The host's user id of an id in a process's user namespace. user_namespaces(7), /proc/PID/uid_map.
    private static func hostID(of uid: UInt32, inNamespaceOf pid: Int32) -> UInt32? {
        guard let text = try? readText("/proc/\(pid)/uid_map") else { return nil }
        return [LinuxIDMapping](mapText: text).hostID(of: uid)
    }
}

/// Sets how soon the kernel ends a process when memory runs out. Written from outside: in its own user namespace a
/// process may have no right to.
/// - Returns: a sentence for an ordinary user, who may only raise it.
func adjustOOMScore(of pid: Int32, _ adjustment: Int?) throws(Failure) -> String? {
    guard let adjustment else { return nil }
    do throws(Errno) {
        try writeFile("/proc/\(pid)/oom_score_adj", String(adjustment))
        return nil
    } catch {
        // Not found where /proc shows a user only what may be traced (hidepid).
        let refusals: [Errno] = [.permissionDenied, .notPermitted, .noSuchFileOrDirectory]
        guard refusals.contains(error), !isRootOfHost() else {
            throw Failure("process.oomScoreAdj: write \(adjustment)", error)
        }
        // A process that is hidden from the runtime sets the score itself, with the runtime's own rights.
        if mayHaveScore(adjustment) { return nil }
        return "process.oomScoreAdj: \(adjustment) is not set: lowering the score takes CAP_SYS_RESOURCE on the host"
    }
}

// The kernel does not show how far the score may be lowered (oom_score_adj_min): this process tries, and undoes it.
private func mayHaveScore(_ adjustment: Int) -> Bool {
    let file = "/proc/self/oom_score_adj"
    do throws(Errno) {
        let own = try readText(file)
        try writeFile(file, String(adjustment))
        try writeFile(file, own)
        return true
    } catch {
        return false
    }
}
