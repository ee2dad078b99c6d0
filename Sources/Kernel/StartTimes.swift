// The start times of processes, which /proc shows as the time namespace of the reader counts them. time_namespaces(7).

/// The unit of start times: all machines that are built for have 100 clock ticks a second. time(7), "USER_HZ".
private let nanosecondsOfTick: Int64 = 10_000_000

extension ProcessStat {
    /// The start time as the host's own time namespace counts it: for a record that callers in any namespace read.
    package func hostStartTime() -> UInt64 {
        let offset = bootClockOffset()
        guard offset != 0 else { return startTime }
        return UInt64(bitPattern: nanoseconds(before: offset) / nanosecondsOfTick)
    }

    /// Whether this is the process that started at a recorded time.
    package func hasStarted(at hostTime: UInt64) -> Bool {
        // An equal number in another time namespace would be another process's by an unlikely chance; to rule it out
        // would take a look at the namespace in every command.
        startTime == hostTime || hasStarted(at: hostTime, offset: bootClockOffset())
    }

    /// - Parameter offset: how far the clock of the number in ``startTime`` is ahead of the host's, in nanoseconds.
    package func hasStarted(at hostTime: UInt64, offset: Int64) -> Bool {
        // Both numbers are rounded down, and an offset need not be a whole number of ticks. A process id is not used
        // again within two ticks.
        let difference = nanoseconds(before: offset) &- Int64(truncatingIfNeeded: hostTime) &* nanosecondsOfTick
        return difference.magnitude <= nanosecondsOfTick.magnitude
    }

    // The kernel counts without a sign: a process that is older than its reader's clock has a huge number, and the
    // product wraps around as the kernel's sum has.
    private func nanoseconds(before offset: Int64) -> Int64 {
        Int64(truncatingIfNeeded: startTime) &* nanosecondsOfTick &- offset
    }
}

/// How far the time since boot is ahead of the host's in the caller's time namespace, in nanoseconds.
private func bootClockOffset() -> Int64 {
    let initialInode: UInt64 = 0xefff_fffa  // PROC_TIME_INIT_INO of the kernel's include/linux/proc_ns.h
    do throws(Errno) {
        let own = try unsafe fileStatus(at: "/proc/self/ns/time").inode
        guard own != initialInode else { return 0 }
        // The offsets are those of the namespace of its children, in which the caller itself may not be.
        guard try unsafe fileStatus(at: "/proc/self/ns/time_for_children").inode == own else { return 0 }
        return bootClockOffset(inOffsets: try readText("/proc/self/timens_offsets")) ?? 0
    } catch {
        // A kernel without time namespaces.
        return 0
    }
}

/// The offset of the boot clock in nanoseconds; nil if there is none. proc_pid_timens_offsets(5).
package func bootClockOffset(inOffsets text: String) -> Int64? {
    for line in text.split(separator: "\n") where line.hasPrefix("boottime ") {
        let numbers = line.split(separator: " ").dropFirst().compactMap { Int64($0) }
        guard let seconds = numbers.first, numbers.count == 2 else { return nil }
        return seconds &* 1_000_000_000 &+ numbers[1]
    }
    return nil
}
