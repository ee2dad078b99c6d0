// The scheduling of a process and its memory placement: policy, priorities, affinity, personality, NUMA policy.

internal import OCISpec

/// The scheduling of a process; each part is nil unless the config sets it.
package struct SchedulingPlan: Equatable, Sendable {
    /// `struct sched_attr` of sched_setattr(2).
    package struct Attributes: Equatable, Sendable {
        package var policy: UInt32
        package var flags: UInt64
        package var nice: Int32
        package var priority: UInt32
        package var runtime: UInt64
        package var deadline: UInt64
        package var period: UInt64
    }
    /// set_mempolicy(2): the mode with its flags, and the nodes as a bit mask in words of 64.
    package struct MemoryPolicy: Equatable, Sendable {
        package var mode: Int32
        package var nodes: [UInt64]
    }

    package var attributes: Attributes?
    /// Class and level in the encoding of ioprio_set(2).
    package var ioPriority: Int32?
    /// personality(2).
    package var personality: UInt64?
    package var memoryPolicy: MemoryPolicy?
    /// CPU numbers before and after the process enters the container's cgroup; only for exec.
    package var initialAffinity: [Int]?
    package var finalAffinity: [Int]?

    package init() {}
}

extension SchedulingPlan {
    init(_ process: Process, personality: LinuxPersonality?, memoryPolicy: LinuxMemoryPolicy?) throws(InvalidSpec) {
        if let scheduler = process.scheduler { attributes = try Self.attributes(scheduler) }
        if let priority = process.ioPriority { ioPriority = try Self.ioPriority(priority) }
        if let personality { self.personality = try Self.personality(personality) }
        if let memoryPolicy { self.memoryPolicy = try Self.memoryPolicy(memoryPolicy) }
        if let affinity = process.execCPUAffinity {
            initialAffinity = try Self.affinity(affinity.initial, "process.execCPUAffinity.initial")
            finalAffinity = try Self.affinity(affinity.final, "process.execCPUAffinity.final")
        }
    }

    package static let policies: [(String, UInt32)] = [
        ("SCHED_OTHER", 0), ("SCHED_FIFO", 1), ("SCHED_RR", 2), ("SCHED_BATCH", 3), ("SCHED_ISO", 4),
        ("SCHED_IDLE", 5), ("SCHED_DEADLINE", 6),
    ]
    package static let schedulerFlags: [(String, UInt64)] = [
        ("SCHED_FLAG_RESET_ON_FORK", 0x01), ("SCHED_FLAG_RECLAIM", 0x02), ("SCHED_FLAG_DL_OVERRUN", 0x04),
        ("SCHED_FLAG_KEEP_POLICY", 0x08), ("SCHED_FLAG_KEEP_PARAMS", 0x10), ("SCHED_FLAG_UTIL_CLAMP_MIN", 0x20),
        ("SCHED_FLAG_UTIL_CLAMP_MAX", 0x40),
    ]

    private static func attributes(_ scheduler: Scheduler) throws(InvalidSpec) -> Attributes {
        guard let policy = policies.first(where: { $0.0 == scheduler.policy }) else {
            let meant = suggestion(for: scheduler.policy, among: policies.map { $0.0 }, prefix: "SCHED_")
            throw InvalidSpec(
                keyPath: "process.scheduler.policy", problem: "unknown policy \"\(scheduler.policy)\"\(meant)")
        }
        var flags: UInt64 = 0
        for (index, name) in scheduler.flags.enumerated() {
            guard let flag = schedulerFlags.first(where: { $0.0 == name }) else {
                let meant = suggestion(for: name, among: schedulerFlags.map { $0.0 }, prefix: "SCHED_FLAG_")
                throw InvalidSpec(
                    keyPath: "process.scheduler.flags[\(index)]", problem: "unknown flag \"\(name)\"\(meant)")
            }
            flags |= flag.1
        }
        guard (-20...19).contains(scheduler.nice) else {
            throw InvalidSpec(
                keyPath: "process.scheduler.nice", problem: "must be from -20 to 19, found \(scheduler.nice)")
        }
        if scheduler.priority != 0, policy.1 != 1, policy.1 != 2 {
            throw InvalidSpec(
                keyPath: "process.scheduler.priority", problem: "has a meaning only for SCHED_FIFO and SCHED_RR")
        }
        if policy.1 == 1 || policy.1 == 2, !(1...99).contains(scheduler.priority) {
            throw InvalidSpec(
                keyPath: "process.scheduler.priority",
                problem: "must be from 1 to 99 for \(policy.0), found \(scheduler.priority)")
        }
        let priority = UInt32(scheduler.priority)
        try deadline(scheduler, isDeadline: policy.1 == 6)
        return Attributes(
            policy: policy.1, flags: flags, nice: scheduler.nice, priority: priority, runtime: scheduler.runtime,
            deadline: scheduler.deadline, period: scheduler.period)
    }

    private static func deadline(_ scheduler: Scheduler, isDeadline: Bool) throws(InvalidSpec) {
        guard isDeadline else {
            for (key, value) in [
                ("runtime", scheduler.runtime), ("deadline", scheduler.deadline), ("period", scheduler.period),
            ] where value != 0 {
                throw InvalidSpec(keyPath: "process.scheduler.\(key)", problem: "has a meaning only for SCHED_DEADLINE")
            }
            return
        }
        // sched(7): runtime <= deadline <= period; a period of zero means the deadline.
        for (key, value) in [("runtime", scheduler.runtime), ("deadline", scheduler.deadline)] where value == 0 {
            throw InvalidSpec(keyPath: "process.scheduler.\(key)", problem: "is required for SCHED_DEADLINE")
        }
        guard scheduler.runtime <= scheduler.deadline else {
            throw InvalidSpec(
                keyPath: "process.scheduler.runtime",
                problem: "\(scheduler.runtime) is more than the deadline \(scheduler.deadline)")
        }
        guard scheduler.period == 0 || scheduler.deadline <= scheduler.period else {
            throw InvalidSpec(
                keyPath: "process.scheduler.deadline",
                problem: "\(scheduler.deadline) is more than the period \(scheduler.period)")
        }
    }

    private static func ioPriority(_ value: LinuxIOPriority) throws(InvalidSpec) -> Int32 {
        let classes: [(String, Int32)] = [("IOPRIO_CLASS_RT", 1), ("IOPRIO_CLASS_BE", 2), ("IOPRIO_CLASS_IDLE", 3)]
        guard let found = classes.first(where: { $0.0 == value.class }) else {
            let meant = suggestion(for: value.class, among: classes.map { $0.0 }, prefix: "IOPRIO_CLASS_")
            throw InvalidSpec(
                keyPath: "process.ioPriority.class", problem: "unknown class \"\(value.class)\"\(meant)")
        }
        guard (0...7).contains(value.priority) else {
            throw InvalidSpec(
                keyPath: "process.ioPriority.priority", problem: "must be from 0 to 7, found \(value.priority)")
        }
        return found.1 << 13 | Int32(value.priority)
    }

    private static func personality(_ value: LinuxPersonality) throws(InvalidSpec) -> UInt64 {
        guard value.flags.isEmpty else {
            throw InvalidSpec(keyPath: "linux.personality.flags", problem: "no flags are defined")
        }
        switch value.domain {
        case "LINUX": return 0
        case "LINUX32": return 8
        default:
            throw InvalidSpec(
                keyPath: "linux.personality.domain", problem: "\"\(value.domain)\" is neither LINUX nor LINUX32")
        }
    }

    package static let memoryModes: [(String, Int32)] = [
        ("MPOL_DEFAULT", 0), ("MPOL_PREFERRED", 1), ("MPOL_BIND", 2), ("MPOL_INTERLEAVE", 3), ("MPOL_LOCAL", 4),
        ("MPOL_PREFERRED_MANY", 5), ("MPOL_WEIGHTED_INTERLEAVE", 6),
    ]
    package static let memoryFlags: [(String, Int32)] = [
        ("MPOL_F_NUMA_BALANCING", 1 << 13), ("MPOL_F_RELATIVE_NODES", 1 << 14), ("MPOL_F_STATIC_NODES", 1 << 15),
    ]

    private static func memoryPolicy(_ policy: LinuxMemoryPolicy) throws(InvalidSpec) -> MemoryPolicy {
        guard let mode = memoryModes.first(where: { $0.0 == policy.mode }) else {
            let meant = suggestion(for: policy.mode, among: memoryModes.map { $0.0 }, prefix: "MPOL_")
            throw InvalidSpec(
                keyPath: "linux.memoryPolicy.mode", problem: "invalid memory policy mode \"\(policy.mode)\"\(meant)")
        }
        var value = mode.1
        for (index, name) in policy.flags.enumerated() {
            guard let flag = memoryFlags.first(where: { $0.0 == name }) else {
                let meant = suggestion(for: name, among: memoryFlags.map { $0.0 }, prefix: "MPOL_F_")
                throw InvalidSpec(
                    keyPath: "linux.memoryPolicy.flags[\(index)]",
                    problem: "invalid memory policy flag \"\(name)\"\(meant)")
            }
            value |= flag.1
        }
        let nodes = try memoryNodes(policy.nodes)
        try memoryFlags(value, mode: mode.0, hasNodes: !nodes.isEmpty)
        if nodes.isEmpty, mode.1 != 0, mode.1 != 4, mode.1 != 1 {
            throw InvalidSpec(keyPath: "linux.memoryPolicy.nodes", problem: "\(mode.0) needs at least one node")
        }
        if !nodes.isEmpty, mode.1 == 0 || mode.1 == 4 {
            throw InvalidSpec(
                keyPath: "linux.memoryPolicy.nodes",
                problem: "\(mode.0): mode requires 0 nodes but got \(nodes.count)"
            )
        }
        var words = [UInt64](repeating: 0, count: ((nodes.max() ?? -1) + 64) / 64)
        for node in nodes { words[node / 64] |= 1 << UInt64(node % 64) }
        return MemoryPolicy(mode: value, nodes: words)
    }

    private static func memoryNodes(_ text: String) throws(InvalidSpec) -> [Int] {
        do throws(InvalidSpec) {
            return try numberList(text, "linux.memoryPolicy.nodes", below: 1024)
        } catch {
            throw InvalidSpec(keyPath: error.keyPath, problem: "invalid memory policy node: \(error.problem)")
        }
    }

    // set_mempolicy(2): both flags define how nodes are interpreted, and exclude each other.
    private static func memoryFlags(_ value: Int32, mode: String, hasNodes: Bool) throws(InvalidSpec) {
        let understanding = memoryFlags.filter { $0.0 != "MPOL_F_NUMA_BALANCING" && value & $0.1 != 0 }
        guard let first = understanding.first else { return }
        guard understanding.count == 1 else {
            throw InvalidSpec(
                keyPath: "linux.memoryPolicy.flags",
                problem: "\(understanding.map { $0.0 }.joined(separator: " and ")) exclude each other")
        }
        guard hasNodes else {
            throw InvalidSpec(
                keyPath: "linux.memoryPolicy.flags", problem: "\(first.0) has no meaning for \(mode) without nodes")
        }
    }

    private static func affinity(_ text: String?, _ key: String) throws(InvalidSpec) -> [Int]? {
        guard let text, !text.isEmpty else { return nil }
        return try numberList(text, key, below: 1 << 16)
    }
}
