// A network namespace that is made beside the caller's own work.

import Glibc
import Kernel
import Testing

@Suite(.serialized, .enabled(if: geteuid() == 0, "making a network namespace needs root"))
struct NetworkNamespaceTests {
    @Test func `is a new one, and the caller stays in its own`() throws {
        let before = try fileStatus(at: "/proc/thread-self/ns/net").inode
        var seen: Set<UInt64> = [before]
        for _ in 0..<3 {
            let made = try NetworkNamespace().finish()
            let inode = try fileStatus(made.rawValue).inode
            #expect(seen.insert(inode).inserted)
        }
        #expect(try fileStatus(at: "/proc/thread-self/ns/net").inode == before)
    }

    @Test func `is closed on execution`() throws {
        let made = try NetworkNamespace().finish()
        #expect(fcntl(made.rawValue, F_GETFD) & FD_CLOEXEC != 0)
    }

    @Test func `leaves the caller's signals and processors as they were`() throws {
        // SigBlk, Cpus_allowed. proc_pid_status(5).
        func now() throws -> [Substring] {
            let lines = String(decoding: try readFile("/proc/thread-self/status"), as: UTF8.self).split(separator: "\n")
            return lines.filter {
                $0.hasPrefix("SigBlk:") || $0.hasPrefix("Cpus_allowed:")
            }
        }
        // Another test may have left the thread with blocked signals.
        var signal = sigset_t()
        sigemptyset(&signal)
        sigaddset(&signal, SIGUSR1)
        try #require(pthread_sigmask(SIG_UNBLOCK, &signal, nil) == 0)
        let before = try now()
        #expect(before.count == 2)
        _ = try NetworkNamespace().finish()
        #expect(try now() == before)
    }
}
