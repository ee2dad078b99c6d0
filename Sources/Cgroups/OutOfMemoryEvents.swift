// Being told when the kernel kills for want of memory.

internal import CLinux
internal import Glibc
package import Kernel
internal import SystemPackage

/// A source of news about the cgroup's memory limit being reached, and processes killed for it.
package struct OutOfMemoryEvents: ~Copyable {
    /// Becomes readable when there may be news; then ``next()`` tells, until it says `nothing` or `gone`.
    package let descriptor: OwnedDescriptor

    private let directory: CgroupDirectory
    private var killed: UInt64
    private var hasHeard = false

    /// What the news said.
    package enum News: Equatable, Sendable {
        /// Nothing that concerns memory.
        case nothing
        /// The limit was reached, and so many processes were killed since the last news.
        case outOfMemory(killed: UInt64)
        /// The cgroup is gone, or holds no process any more; nothing will follow.
        case gone
    }

    private init(_ descriptor: consuming OwnedDescriptor, _ directory: CgroupDirectory, killed: UInt64) {
        self.descriptor = descriptor
        self.directory = directory
        self.killed = killed
    }

    /// Starts to listen to `memory.events` of cgroup v2, and to `cgroup.events`, because nothing tells of a removal.
    static func unified(_ directory: CgroupDirectory) throws(Errno) -> OutOfMemoryEvents {
        let descriptor = OwnedDescriptor(adopting: try checked { clinux_inotify_init1(nonBlocking) })
        let number = descriptor.rawValue
        let modified: UInt32 = 0x2  // IN_MODIFY
        for file in ["memory.events", "cgroup.events"] {
            try checked { clinux_inotify_add_watch(number, "\(directory.fullPath)/\(file)", modified) }
        }
        return OutOfMemoryEvents(descriptor, directory, killed: try count(directory))
    }

    /// Starts to listen to `memory.oom_control` of cgroup v1.
    static func legacy(_ directory: CgroupDirectory) throws(Errno) -> OutOfMemoryEvents {
        let descriptor = OwnedDescriptor(adopting: try checked { clinux_eventfd(0, nonBlocking) })
        let own = try open(directory)
        let control = try OwnedDescriptor.open("memory.oom_control", .readOnly, at: own.rawValue)
        try writeFile("cgroup.event_control", "\(descriptor.rawValue) \(control.rawValue)", at: own.rawValue)
        return OutOfMemoryEvents(descriptor, directory, killed: try count(directory))
    }

    private static let nonBlocking: Int32 = CLINUX_IN_CLOEXEC_NONBLOCK

    /// Reads what news there is.
    package mutating func next() -> News {
        var buffer = [UInt8](repeating: 0, count: 4_096)
        let length = buffer.withUnsafeMutableBytes { Glibc.read(descriptor.rawValue, $0.baseAddress, $0.count) }
        let heardNow = length > 0
        guard heardNow || hasHeard else { return .nothing }
        guard let count = try? Self.count(directory) else { return .gone }
        let more = count > killed ? count - killed : 0
        killed = max(killed, count)
        // v1 tells of the limit before it has killed, or without, and of nothing else; v2 tells of much.
        if more > 0 || (heardNow && !directory.isUnified) {
            hasHeard = directory.isUnified
            return .outOfMemory(killed: more)
        }
        hasHeard = false
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
    /// Starts to listen for processes killed because the memory limit was reached.
    package func outOfMemoryEvents() throws(CgroupFailure) -> OutOfMemoryEvents {
        guard let directory = location.directory(of: "memory") else {
            throw CgroupFailure(.unavailable, "watch for processes out of memory: there is no memory cgroup")
        }
        return try naming("watch for processes out of memory in cgroup \(directory.fullPath)") { () throws(Errno) in
            directory.isUnified ? try OutOfMemoryEvents.unified(directory) : try OutOfMemoryEvents.legacy(directory)
        }
    }

    /// How many processes of the cgroup were killed because a memory limit was reached; nil when it cannot be told.
    package func oomKillCount() -> UInt64? {
        guard let directory = location.directory(of: "memory") else { return nil }
        let file = directory.isUnified ? "memory.events" : "memory.oom_control"
        return (try? readText("\(directory.fullPath)/\(file)")).flatMap { FlatKeyed($0)["oom_kill"] }
    }

    /// The memory limit and the most that was used, in bytes, for the message about an init that was killed.
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

/// How much memory a cgroup may use and does, in bytes; nil where the kernel does not tell, or for no limit.
package struct MemoryUse: Equatable, Sendable, CustomStringConvertible {
    package var limit: UInt64?
    package var current: UInt64?
    package var peak: UInt64?

    package init(limit: UInt64?, current: UInt64?, peak: UInt64?) {
        self.limit = limit
        self.current = current
        self.peak = peak
    }

    /// For a sentence: `the limit is 65536 bytes, and at most 61440 were used`.
    package var description: String {
        var parts: [String] = []
        if let limit { parts.append("the limit is \(limit) bytes") }
        if let peak {
            parts.append("at most \(peak) were used")
        } else if let current {
            parts.append("\(current) are in use")
        }
        return parts.isEmpty ? "the kernel does not tell how much was used" : parts.joined(separator: ", and ")
    }
}
