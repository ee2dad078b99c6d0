// Being told when the kernel kills for want of memory.

internal import CLinux
internal import Glibc
package import Kernel
internal import SystemPackage

/// A source of news about processes killed because the cgroup's memory limit was reached.
package struct OutOfMemoryEvents: ~Copyable {
    /// Becomes readable when there is news, and when the cgroup goes away.
    package let descriptor: OwnedDescriptor

    private let kind: Kind
    private var seen: UInt64

    private enum Kind {
        case eventCounter(String)
        case watched(path: String)
    }

    /// What reading the news said.
    package enum News: Equatable, Sendable {
        /// Nothing that concerns memory.
        case nothing
        /// This many more were killed (v2), or one and maybe more (v1).
        case killed(UInt64)
        /// The cgroup is gone; nothing will follow.
        case gone
    }

    private init(_ descriptor: consuming OwnedDescriptor, _ kind: Kind, seen: UInt64) {
        self.descriptor = descriptor
        self.kind = kind
        self.seen = seen
    }

    /// Starts to listen to `memory.events` of cgroup v2.
    static func unified(_ directory: CgroupDirectory) throws(Errno) -> OutOfMemoryEvents {
        let path = "\(directory.fullPath)/memory.events"
        let descriptor = OwnedDescriptor(adopting: try checked { clinux_inotify_init1(nonBlocking) })
        let number = descriptor.rawValue
        let changes: UInt32 = 0x2 | 0x400 | 0x800  // IN_MODIFY | IN_DELETE_SELF | IN_MOVE_SELF
        try checked { clinux_inotify_add_watch(number, path, changes) }
        return OutOfMemoryEvents(descriptor, .watched(path: path), seen: try count(path))
    }

    /// Starts to listen to `memory.oom_control` of cgroup v1.
    static func legacy(_ directory: CgroupDirectory) throws(Errno) -> OutOfMemoryEvents {
        let descriptor = OwnedDescriptor(adopting: try checked { clinux_eventfd(0, nonBlocking) })
        let own = try open(directory)
        let control = try OwnedDescriptor.open("memory.oom_control", .readOnly, at: own.rawValue)
        try writeFile("cgroup.event_control", "\(descriptor.rawValue) \(control.rawValue)", at: own.rawValue)
        return OutOfMemoryEvents(descriptor, .eventCounter(directory.fullPath), seen: 0)
    }

    private static let nonBlocking: Int32 = 0o2004000  // O_CLOEXEC | O_NONBLOCK

    /// Reads the news after the descriptor became readable.
    package mutating func next() -> News {
        var buffer = [UInt8](repeating: 0, count: 4_096)
        let length = buffer.withUnsafeMutableBytes { Glibc.read(descriptor.rawValue, $0.baseAddress, $0.count) }
        guard length > 0 else { return .nothing }
        switch kind {
        case .eventCounter(let path):
            // The kernel also counts the removal of the cgroup.
            return Glibc.access(path, F_OK) == 0 ? .killed(1) : .gone
        case .watched(let path):
            guard let now = try? Self.count(path) else { return .gone }
            defer { seen = max(seen, now) }
            return now > seen ? .killed(now - seen) : .nothing
        }
    }

    private static func count(_ path: String) throws(Errno) -> UInt64 {
        FlatKeyed(try readText(path))["oom_kill"] ?? 0
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
package struct MemoryUse: Equatable, Sendable {
    package var limit: UInt64?
    package var current: UInt64?
    package var peak: UInt64?
}
