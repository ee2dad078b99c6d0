// Killing a process with all that descend from it, for commands and hooks that do not end by themselves.

internal import CLinux
internal import Glibc
internal import Kernel

/// Any process, identified by more than its pid.
final class ProcessHandle {
    let pid: Int32
    let pidfd: OwnedDescriptor

    /// - Returns: nil if the process does not exist.
    init?(_ pid: Int32) throws(Errno) {
        self.pid = pid
        do throws(Errno) {
            pidfd = try openProcess(pid)
        } catch {
            if error == .noSuchProcess || error == .invalidArgument { return nil }
            throw error
        }
    }

    /// Asks a command to give up its container, and to say why it fails.
    func requestEndForDeletion() {
        _ = clinux_request_end_for_deletion(pidfd.rawValue)
        // It may be stopped.
        signal(SIGCONT)
    }

    func signal(_ number: Int32) {
        // A process that has ended needs no signal.
        do throws(Errno) { try signalProcess(pidfd, number) } catch {}
    }
}

/// Kills a process and its descendants, and waits for a moment until they are gone.
///
/// They are stopped first, so that none makes another that is not seen. What a daemon has left behind descends from it no
/// longer.
func killWithDescendants(_ first: ProcessHandle) {
    let family = family(of: first, stopping: true)
    // The first comes last: while it is there, its own parent may let the others go on if this command is killed.
    for member in family.reversed() { member.signal(SIGKILL) }
    for member in family {
        do throws(Errno) { _ = try waitUntilReadable(member.pidfd.rawValue, milliseconds: 200) } catch {}
    }
}

/// Lets a process go on that has been stopped, and its descendants.
///
/// ``killWithDescendants(_:)`` stops them first: if its command is killed in between, nobody else would let them go on. A
/// process that its caller waits for has no other reason to be stopped.
func continueIfStopped(_ pid: Int32) {
    guard isStopped(pid) else { return }
    do throws(Errno) {
        guard let first = try ProcessHandle(pid) else { return }
        for member in family(of: first, stopping: false) { member.signal(SIGCONT) }
    } catch {
        // It is tried again in a second.
    }
}

/// A process and all that descend from it.
/// - Parameter stopping: whether each is stopped as soon as it is found, so that it makes no other.
private func family(of first: ProcessHandle, stopping: Bool) -> [ProcessHandle] {
    var family: [ProcessHandle] = []
    var found = [first]
    while !found.isEmpty {
        if stopping { for member in found { member.signal(SIGSTOP) } }
        family += found
        found = children(of: family)
    }
    return family
}

/// Whether a stop signal has stopped a process. A tracer's stop is another state, and does not last. proc_pid_stat(5).
func isStopped(_ pid: Int32) -> Bool {
    do throws(Errno) { return try processStat(pid)?.state == UInt8(ascii: "T") } catch { return false }
}

/// The children of some processes that are not among these.
func children(of family: [ProcessHandle]) -> [ProcessHandle] {
    let known = Set(family.map { $0.pid })
    let numbers: [DirectoryEntry]
    do throws(Errno) {
        let directory = try OwnedDescriptor.open("/proc", .directory)
        numbers = try directoryEntries(directory.rawValue)
    } catch {
        return []
    }
    return numbers.compactMap { entry in
        guard let pid = Int32(entry.name), !known.contains(pid) else { return nil }
        do throws(Errno) {
            // Looked at when it cannot be replaced by another of its number any more.
            guard let handle = try isChild(pid, of: known) ? ProcessHandle(pid) : nil else { return nil }
            return try isChild(pid, of: known) ? handle : nil
        } catch {
            return nil
        }
    }
}

private func isChild(_ pid: Int32, of known: Set<Int32>) throws(Errno) -> Bool {
    guard let facts = try processStat(pid), !facts.hasEnded else { return false }
    return known.contains(facts.parent)
}
