// Memory limits below what is in use: the kernel is asked to give memory back first, so that nobody is killed for it.

internal import CLinux
internal import Glibc
internal import Kernel

/// The time that an update may take to lower a memory limit.
struct MemoryShrink {
    private let end: UInt64
    let seconds: Int32

    init(seconds: Int32) {
        self.seconds = seconds
        end = monotonicNanoseconds() + UInt64(seconds) * 1_000_000_000
    }

    var isOver: Bool { monotonicNanoseconds() >= end }
}

extension Cgroup {
    /// Waits until a new limit of cgroup v2 is no less than what is in use; the kernel would kill to reach one that is.
    /// - Throws: what is in use, when the time is over; nothing is changed.
    func makeRoom(
        for writes: [CgroupWrite], _ open: borrowing OpenCgroup, _ shrink: MemoryShrink
    ) throws(CgroupFailure) {
        guard let write = writes.last(where: { $0.file == "memory.max" }), let limit = Int64(write.value),
            let index = index(of: "memory")
        else { return }
        let directory = open.descriptors[index]
        var reclaim = Reclaim(directory: directory, limit: limit)
        defer { reclaim.end() }
        while let used = number("memory.current", directory), used > limit {
            guard !shrink.isOver else {
                throw CgroupFailure(
                    .refused,
                    "\(write.key): \(used) bytes are in use, \(used - limit) more than the new limit \(limit), "
                        + "and the kernel did not get them back within \(shrink.seconds) s")
            }
            if !reclaim.attempt(used - limit) { pause(microseconds: 20_000) }
        }
    }

    private func number(_ file: String, _ directory: Int32) -> Int64? {
        (try? readText(file, at: directory)).flatMap { Int64(trimmed($0)) }
    }

    /// The same on cgroup v1, where the kernel itself gets back what it can, and refuses what remains too low.
    func writeRetrying(
        _ writes: [CgroupWrite], _ open: borrowing OpenCgroup, _ shrink: MemoryShrink?
    ) throws(CgroupFailure) {
        while true {
            do throws(CgroupFailure) { return try write(writes, open) } catch {
                guard let shrink, error.code == .resourceBusy, !shrink.isOver,
                    writes.contains(where: { $0.file == "memory.limit_in_bytes" })
                else { throw error }
                pause(microseconds: 20_000)
            }
        }
    }
}

/// The ways to make the kernel take memory from a cgroup.
private struct Reclaim {
    let directory: Int32
    let limit: Int64
    /// The content of `memory.high` before it was changed.
    private var oldHigh: String?

    /// A larger part could keep this process for longer than its time.
    private static let most: Int64 = 16 << 20

    init(directory: Int32, limit: Int64) {
        self.directory = directory
        self.limit = limit
    }

    /// - Returns: whether the kernel has taken some.
    mutating func attempt(_ bytes: Int64) -> Bool {
        if oldHigh != nil { return false }
        do throws(Errno) {
            try writeFile("memory.reclaim", "\(min(bytes, Self.most))", at: directory)
            return true
        } catch {
            // It has got less than that.
            if error == .resourceTemporarilyUnavailable { return false }
        }
        // Linux before 5.19 has no such file. The limit for slowing down makes the kernel reclaim in its place.
        guard let old = try? readText("memory.high", at: directory), (Int64(trimmed(old)) ?? .max) > limit,
            (try? writeFile("memory.high", "\(limit)", at: directory)) != nil
        else { return false }
        oldHigh = trimmed(old)
        return true
    }

    func end() {
        if let oldHigh { try? writeFile("memory.high", oldHigh, at: directory) }
    }
}
