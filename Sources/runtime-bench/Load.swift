// A busy machine: processes that use a processor each while the benchmark measures.

internal import Glibc

/// Processes that do nothing but run.
final class Load {
    private var processes: [Started] = []

    init(processes count: Int) throws {
        for _ in 0..<count { processes.append(try Started(["/bin/sh", "-c", "while :; do :; done"])) }
    }

    /// Ends them.
    func stop() {
        for process in processes {
            kill(process.pid, SIGKILL)
            _ = try? process.finish()
        }
        processes = []
    }
}
