// Notifications about the OOM killer.

internal import CLinux
internal import Glibc
package import Kernel

/// Reports that the cgroup's memory limit was reached, and how many processes were killed for it.
package struct OOMEvents: ~Copyable {
    /// Becomes readable when there may be an event; then call ``next()`` until it returns `nothing` or `gone`.
    package let descriptor: OwnedDescriptor

    private let directory: CgroupDirectory
    private var killed: UInt64
    private var mayHaveMore = false

    /// An event.
    package enum Event: Equatable, Sendable {
        /// No event that concerns memory.
        case nothing
        /// The limit was reached, and this many processes were killed since the last event.
        case outOfMemory(killed: UInt64)
        /// The cgroup no longer exists or has no process left; no event will follow.
        case gone
    }

    private init(_ descriptor: consuming OwnedDescriptor, _ directory: CgroupDirectory, killed: UInt64) {
        self.descriptor = descriptor
        self.directory = directory
        self.killed = killed
    }

    /// Watches `memory.events` of cgroup v2, and `cgroup.events`, because the removal of a cgroup causes no event of
    /// its own.
    static func unified(_ directory: CgroupDirectory) throws(Errno) -> OOMEvents {
        let descriptor = OwnedDescriptor(adopting: try checked { clinux_inotify_init1(nonBlocking) })
        let number = descriptor.rawValue
        let modified: UInt32 = 0x2  // IN_MODIFY
        for file in ["memory.events", "cgroup.events"] {
            try checked { clinux_inotify_add_watch(number, "\(directory.fullPath)/\(file)", modified) }
        }
        return OOMEvents(descriptor, directory, killed: try count(directory))
    }

    /// Watches `memory.oom_control` of cgroup v1.
    static func legacy(_ directory: CgroupDirectory) throws(Errno) -> OOMEvents {
        let descriptor = OwnedDescriptor(adopting: try checked { clinux_eventfd(0, nonBlocking) })
        let own = try open(directory)
        let control = try OwnedDescriptor.open("memory.oom_control", .readOnly, at: own.rawValue)
        try writeFile("cgroup.event_control", "\(descriptor.rawValue) \(control.rawValue)", at: own.rawValue)
        return OOMEvents(descriptor, directory, killed: try count(directory))
    }

    private static let nonBlocking: Int32 = CLINUX_IN_CLOEXEC_NONBLOCK

    /// Reads the next event.
    package mutating func next() -> Event {
        var buffer = [UInt8](repeating: 0, count: 4_096)
        let length = buffer.withUnsafeMutableBytes { Glibc.read(descriptor.rawValue, $0.baseAddress, $0.count) }
        let hasRead = length > 0
        guard hasRead || mayHaveMore else { return .nothing }
        guard let count = try? Self.count(directory) else { return .gone }
        let more = count > killed ? count - killed : 0
        killed = max(killed, count)
        // v1 reports the limit before a kill, or without one, and nothing else; v2 reports many other changes.
        if more > 0 || (hasRead && !directory.isUnified) {
            mayHaveMore = directory.isUnified
            return .outOfMemory(killed: more)
        }
        mayHaveMore = false
        let isPopulated =
            !directory.isUnified
            || (try? readText("\(directory.fullPath)/cgroup.events")).flatMap { FlatKeyed($0)["populated"] } == 1
        return isPopulated ? .nothing : .gone
    }

    private static func count(_ directory: CgroupDirectory) throws(Errno) -> UInt64 {
        let file = directory.isUnified ? "memory.events" : "memory.oom_control"
        return FlatKeyed(try readText("\(directory.fullPath)/\(file)"))["oom_kill"] ?? 0
    }
}

extension Cgroup {
    /// Watches for processes that are killed because the memory limit was reached.
    package func oomEvents() throws(CgroupFailure) -> OOMEvents {
        guard let directory = location.directory(of: "memory") else {
            throw CgroupFailure(.unavailable, "watch for processes out of memory: there is no memory cgroup")
        }
        return try during("watch for processes out of memory in cgroup \(directory.fullPath)") { () throws(Errno) in
            directory.isUnified ? try OOMEvents.unified(directory) : try OOMEvents.legacy(directory)
        }
    }

    /// The number of processes of the cgroup that the OOM killer ended; nil if it cannot be read.
    package func oomKillCount() -> UInt64? {
        guard let directory = location.directory(of: "memory") else { return nil }
        let file = directory.isUnified ? "memory.events" : "memory.oom_control"
        return (try? readText("\(directory.fullPath)/\(file)")).flatMap { FlatKeyed($0)["oom_kill"] }
    }

    /// The memory limit and the highest usage, in bytes, for the message about an init that was killed.
    package func memoryUse() -> MemoryUse? {
        guard let directory = location.directory(of: "memory") else { return nil }
        let names =
            directory.isUnified
            ? ("memory.max", "memory.current", "memory.peak")
            : ("memory.limit_in_bytes", "memory.usage_in_bytes", "memory.max_usage_in_bytes")
        func bytes(_ file: String) -> UInt64? {
            (try? readText("\(directory.fullPath)/\(file)")).flatMap { UInt64(trimmed($0)) }
        }
        return MemoryUse(limit: bytes(names.0), current: bytes(names.1), peak: bytes(names.2))
    }
}

/// The memory limit of a cgroup and its usage, in bytes; nil if the kernel does not report it, or for no limit.
package struct MemoryUse: Equatable, Sendable, CustomStringConvertible {
    package var limit: UInt64?
    package var current: UInt64?
    package var peak: UInt64?

    package init(limit: UInt64?, current: UInt64?, peak: UInt64?) {
        self.limit = limit
        self.current = current
        self.peak = peak
    }

    /// Part of a sentence: `the limit is 65536 bytes, and at most 61440 were used`.
    package var description: String {
        var parts: [String] = []
        // The kernel counts in pages and rounds a limit down to whole ones.
        if let limit { parts.append(limit == 0 ? "the limit is less than a page" : "the limit is \(limit) bytes") }
        if let peak, peak > 0 || limit != 0 {
            parts.append("at most \(peak) were used")
        } else if let current, current > 0 || limit != 0 {
            parts.append("\(current) are in use")
        }
        return parts.isEmpty ? "the kernel does not tell how much was used" : parts.joined(separator: ", and ")
    }
}
