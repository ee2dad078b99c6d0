// Reaping what the runtimes leave to their caller, as an engine's subreaper does.

internal import CLinux
internal import Glibc
internal import Synchronization

/// Collects the statuses of orphans while a case runs.
///
/// A process that nobody reaps stays in its pid namespace, and keeps process 1 of that from ending.
final class Reaper: Sendable {
    private let statuses = Mutex<[Int: Int]>([:])
    private let session = getsid(0)

    /// The exit status of a process that was reaped: what it returned, or 128 and the signal.
    func status(of pid: Int) -> Int? { statuses.withLock { $0[pid] } }

    /// Reaps until the task is cancelled.
    func run() async {
        while !Task.isCancelled {
            reapOrphans()
            try? await Task.sleep(for: .milliseconds(10))
        }
    }

    /// Reaps the dead orphans.
    ///
    /// What the harness started itself is in its own session, and is waited for elsewhere.
    func reapOrphans() {
        for pid in children() {
            guard let facts = processFacts(pid), facts.state == "Z", facts.session != session else { continue }
            var status: Int32 = 0
            guard clinux_wait_exited(Int32(pid), &status, WNOHANG) == Int32(pid) else { continue }
            let signal = Int(status & 0x7f)
            statuses.withLock { $0[pid] = signal == 0 ? Int(status >> 8 & 0xff) : 128 + signal }
        }
    }
}

/// The children of this process, whichever thread started them.
func children() -> [Int] {
    let own = getpid()
    return listDirectory("/proc/self/task").flatMap { task in
        (readText("/proc/\(own)/task/\(task)/children") ?? "").split(separator: " ").compactMap { Int($0) }
    }
}

private func processFacts(_ pid: Int) -> (state: Character, session: pid_t)? {
    // The name is in parentheses and may hold anything; what follows the last one is well-formed.
    guard let line = readText("/proc/\(pid)/stat"), let end = line.lastIndex(of: ")") else { return nil }
    let fields = line[line.index(after: end)...].split(separator: " ")
    guard fields.count > 3, let state = fields[0].first, let session = pid_t(fields[3]) else { return nil }
    return (state, session)
}
