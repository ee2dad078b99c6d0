// The scheduling of the process: policy, priorities, CPUs, memory nodes, clocks, personality.

internal import CLinux
internal import Glibc

/// The number of a system call on this machine; nil if it has no such call.
func systemCallNumber(_ name: String) -> Int? {
    let number = clinux_call_number(name)
    return number < 0 ? nil : number
}

/// Makes a system call by its name.
private func systemCall(_ name: String, _ arguments: [UInt]) -> Int {
    systemCall(systemCallNumber(name) ?? -1, arguments)
}

/// Makes a system call with up to six arguments; the missing ones are zero.
func systemCall(_ number: Int, _ arguments: [UInt]) -> Int {
    var six = [UInt](repeating: 0, count: 6)
    for (index, argument) in arguments.prefix(6).enumerated() { six[index] = argument }
    return clinux_system_call(number, six)
}

func observeScheduler() -> JSON {
    let policies = [
        0: "SCHED_OTHER", 1: "SCHED_FIFO", 2: "SCHED_RR", 3: "SCHED_BATCH", 5: "SCHED_IDLE", 6: "SCHED_DEADLINE",
    ]
    // struct sched_attr: size and policy, flags, nice and priority, then runtime, deadline and period
    var words = [UInt64](repeating: 0, count: 7)
    let result = words.withUnsafeMutableBytes { buffer in
        systemCall("sched_getattr", [0, UInt(bitPattern: buffer.baseAddress), 56, 0])
    }
    guard result == 0 else { return .object([("error", .string(errorName(errno)))]) }
    let policy = Int(words[0] >> 32)
    return .object([
        ("policy", .string(policies[policy] ?? "policy \(policy)")), ("flags", .unsigned(words[1])),
        ("nice", .int(Int32(truncatingIfNeeded: words[2]))), ("priority", .unsigned(words[2] >> 32)),
        ("runtime", .unsigned(words[3])), ("deadline", .unsigned(words[4])), ("period", .unsigned(words[5])),
    ])
}

func observeIOPriority() -> JSON {
    let classes = ["IOPRIO_CLASS_NONE", "IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE"]
    let value = systemCall("ioprio_get", [1, 0])  // IOPRIO_WHO_PROCESS
    guard value >= 0 else { return .object([("error", .string(errorName(errno)))]) }
    let kind = value >> 13
    return .object([
        ("class", .string(classes.indices.contains(kind) ? classes[kind] : "class \(kind)")),
        ("priority", .int(value & 0x1fff)),
    ])
}

/// The CPUs that the process may use, in the kernel's list format: `0-1,4`.
func observeAffinity() -> JSON {
    var mask = [UInt8](repeating: 0, count: 8192)
    let size = clinux_sched_getaffinity(0, mask.count, &mask)
    guard size > 0 else { return .null }
    return .string(listText(mask, bits: size * 8))
}

private func listText(_ mask: [UInt8], bits: Int) -> String {
    var parts: [String] = []
    var start: Int?
    for index in 0...bits {
        let isSet = index < bits && mask[index / 8] & (1 << (index % 8)) != 0
        if isSet, start == nil { start = index }
        guard !isSet, let first = start else { continue }
        parts.append(first == index - 1 ? "\(first)" : "\(first)-\(index - 1)")
        start = nil
    }
    return parts.joined(separator: ",")
}

func observeMemoryPolicy() -> JSON {
    let modes = [
        "MPOL_DEFAULT", "MPOL_PREFERRED", "MPOL_BIND", "MPOL_INTERLEAVE", "MPOL_LOCAL", "MPOL_PREFERRED_MANY",
        "MPOL_WEIGHTED_INTERLEAVE",
    ]
    var mode: Int32 = 0
    var nodes = [UInt8](repeating: 0, count: 128)
    let result = withUnsafeMutablePointer(to: &mode) { modePointer in
        nodes.withUnsafeMutableBytes { buffer in
            systemCall(
                "get_mempolicy", [UInt(bitPattern: modePointer), UInt(bitPattern: buffer.baseAddress), 1024, 0, 0])
        }
    }
    guard result == 0 else { return .object([("error", .string(errorName(errno)))]) }
    let kind = Int(mode & 0xff)
    return .object([
        ("mode", .string(modes.indices.contains(kind) ? modes[kind] : "mode \(kind)")),
        ("flags", .int(mode & ~0xff)), ("nodes", .string(listText(nodes, bits: 1024))),
    ])
}

func observePersonality() -> JSON {
    let value = clinux_personality(0xffff_ffff)
    var machine = utsname()
    uname(&machine)
    return .object([
        ("domain", .string(value & 0xff == 8 ? "LINUX32" : "LINUX")),
        ("value", .int(value)), ("machine", .string(text(&machine.machine))),
    ])
}

func observeClocks() -> JSON {
    func seconds(_ clock: Int32) -> JSON {
        var time = timespec()
        clock_gettime(clock, &time)
        return .int(time.tv_sec)
    }
    var offsets: [(String, JSON)] = []
    for line in (readText("/proc/self/timens_offsets") ?? "").lines {
        let fields = line.split(separator: " ")
        guard fields.count == 3 else { continue }
        let offset: [(String, JSON)] = [
            ("secs", .int(Int64(fields[1]) ?? 0)), ("nanosecs", .int(Int64(fields[2]) ?? 0)),
        ]
        offsets.append((String(fields[0]), .object(offset)))
    }
    return .object([("monotonic", seconds(1)), ("boottime", seconds(7)), ("offsets", .object(offsets))])
}

/// The text in a fixed-size C array that Swift sees as a tuple.
func text<Tuple>(_ tuple: inout Tuple) -> String {
    withUnsafeBytes(of: &tuple) { String(decoding: $0.prefix(while: { $0 != 0 }), as: UTF8.self) }
}
