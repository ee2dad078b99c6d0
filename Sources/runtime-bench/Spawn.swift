// Starts a program and measures it from outside: wall time from before the spawn until it is reaped.

internal import CLinux
internal import Glibc

/// A failure of the benchmark itself, or of a measured runtime.
struct BenchFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// The result of one program.
struct Usage {
    /// Seconds of wall time.
    let wall: Double
    let exitCode: Int
}

/// A running program.
struct Started {
    let pid: pid_t
    let since: Double
    let words: [String]

    /// Starts a program with the null device as input and output; it inherits the standard error.
    init(_ words: [String]) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { arguments.forEach { free($0) } }
        var pid: pid_t = 0
        since = now()
        let failure = posix_spawn(&pid, words[0], &actions, nil, &arguments, clinux_environ())
        guard failure == 0 else {
            throw BenchFailure("\(words[0]): cannot be started: \(String(cString: strerror(failure)))")
        }
        self.pid = pid
        self.words = words
    }

    /// Waits for the end.
    func finish() throws -> Usage {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) != pid {
            guard errno == EINTR else { throw BenchFailure("\(words[0]): vanished") }
        }
        return Usage(
            wall: now() - since, exitCode: status & 0x7f == 0 ? Int(status >> 8 & 0xff) : 128 + Int(status & 0x7f))
    }

    /// Waits for the end, which must be a success.
    func succeed() throws -> Usage {
        let usage = try finish()
        guard usage.exitCode == 0 else {
            throw BenchFailure("'\(words.joined(separator: " "))' exited with \(usage.exitCode)")
        }
        return usage
    }
}

/// Waits for a process that became a child of the benchmark when its runtime exited.
func reap(_ pid: pid_t) {
    var status: Int32 = 0
    while waitpid(pid, &status, 0) == -1, errno == EINTR {}
}

/// The monotonic clock in seconds.
func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}
