// Reaps processes that the runtimes leave to their caller, like an engine's subreaper.

internal import CLinux
internal import Glibc
internal import Synchronization

/// Collects the statuses of orphans while a case runs.
///
/// A process that is not reaped stays in its pid namespace, and process 1 of that namespace cannot end before.
final class OrphanReaper: Sendable {
    private let statuses = Mutex<[Int: Int]>([:])
    private let session = getsid(0)

    /// The exit status of a reaped process: its status, or 128 + signal.
    func status(of pid: Int) -> Int? { statuses.withLock { $0[pid] } }

    /// Reaps until the task is cancelled.
    func run() async {
        while !Task.isCancelled {
            reapOrphans()
            try? await Task.sleep(for: .milliseconds(10))
        }
    }

    /// Reaps orphans that have ended.
    ///
    /// The harness's own children are in its session, and other code waits for them.
    func reapOrphans() {
        for pid in children() {
            guard let facts = processStat(pid), facts.state == "Z", facts.session != session else { continue }
            var status: Int32 = 0
            guard clinux_wait_exited(Int32(pid), &status, WNOHANG) == Int32(pid) else { continue }
            let signal = Int(status & 0x7f)
            statuses.withLock { $0[pid] = signal == 0 ? Int(status >> 8 & 0xff) : 128 + signal }
        }
    }
}

/// The children of this process, of all threads.
func children() -> [Int] {
    let own = getpid()
    return listDirectory("/proc/self/task").flatMap { task in
        (readText("/proc/\(own)/task/\(task)/children") ?? "").split(separator: " ").compactMap { Int($0) }
    }
}

private func processStat(_ pid: Int) -> (state: Character, session: pid_t)? {
    // The name is in parentheses and may contain any character; the text after the last one is well-formed.
    guard let line = readText("/proc/\(pid)/stat"), let end = line.lastIndex(of: ")") else { return nil }
    let fields = line[line.index(after: end)...].split(separator: " ")
    guard fields.count > 3, let state = fields[0].first, let session = pid_t(fields[3]) else { return nil }
    return (state, session)
}
