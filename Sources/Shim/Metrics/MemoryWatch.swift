// Watches for OOM kills in a container.

internal import CLinux
internal import Glibc
internal import Kernel
internal import NIOCore

/// One OOM kill.
struct MemoryKill {
    var owner: MemoryLimitOwner
    /// The limit in bytes, where there is one.
    var limit: UInt64?
}

extension MemoryKill: CustomStringConvertible {
    /// For a sentence: `out of memory at the limit of container, 65536 bytes`.
    var description: String {
        "out of memory at the limit of \(owner)" + (limit.map { ", \($0) bytes" } ?? "")
    }
}

/// Watches one container's cgroup until it goes away.
final class MemoryWatch {
    private let loop: Loop
    private let isInitAlive: () -> Bool
    private let killed: (MemoryKill) -> Void
    private let isUnified: Bool
    /// The container's cgroup and those above it.
    private let levels: [MemoryLevel]
    private var kills = MemoryKills(counted: 0)
    private var channel: (any Channel)?
    private var isOver = false
    private var last: MemoryKill?
    private var lastTime: NIODeadline?

    /// Watches, when there is something to watch; `killed` is called once for each kill.
    init?(
        _ cgroup: TaskCgroup, loop: Loop, isInitAlive: @escaping () -> Bool, killed: @escaping (MemoryKill) -> Void
    ) {
        guard let place = cgroup.location(of: "memory") else { return nil }
        self.loop = loop
        self.isInitAlive = isInitAlive
        self.killed = killed
        isUnified = cgroup.isUnified
        levels = MemoryLevel.levels(of: place, isUnified: isUnified)
        kills = MemoryKills(counted: count ?? 0)
        do throws(Errno) {
            if isUnified { try watchUnified() } else { try watchLegacy() }
        } catch {
            return nil
        }
    }

    /// Stops watching.
    func end() {
        isOver = true
        channel?.close(promise: nil)
        channel = nil
    }

    /// Tells of kills whose notice has not come yet: they may be why a process is gone.
    func lookAgain() { look() }

    /// The kill that ended the init, which has just been ended by SIGKILL; nothing when it was another's doing.
    var endOfInit: MemoryKill? { kills.mayHaveEndedFirst ? last : nil }

    @discardableResult
    private func look() -> Bool {
        guard !isOver, let count else { return false }
        let new = kills.count(count)
        if new == 0 { return false }
        let kill = blame(new)
        last = kill
        lastTime = .now()
        for _ in 0..<new { killed(kill) }
        // A process chosen by the OOM killer ends at once; one that is still alive a while later was not chosen.
        loop.after(.milliseconds(50)) { [weak self] in
            guard let self, !isOver, !look(), isInitAlive() else { return }
            kills.settle()
        }
        return true
    }

    private func blame(_ count: UInt64) -> MemoryKill {
        for level in levels { level.look() }
        let reached = levels.map { $0.pending > 0 }
        guard let index = reached.lastIndex(of: true) else {
            // One notice may stand for several kills, of which some are counted later.
            if let last, let lastTime, .now() - lastTime < .seconds(1) { return last }
            return MemoryKill(owner: .host, limit: nil)
        }
        for level in levels[...index] { level.settle(count) }
        let owner = MemoryLimitOwner(paths: levels.map(\.path), reached: reached)
        return MemoryKill(owner: owner, limit: levels[index].limit)
    }

    private var count: UInt64? { levels.first?.kills }

    // MARK: notices

    private func keep(_ opening: EventLoopFuture<any Channel>) {
        opening.assumeIsolated().whenSuccess { [self] channel in
            if isOver { channel.close(promise: nil) } else { self.channel = channel }
        }
    }

    private func watchLegacy() throws(Errno) {
        guard let own = levels.first, let number = own.notices?.rawValue else { throw .noSuchFileOrDirectory }
        let notices = OwnedDescriptor(adopting: try checked { fcntl(number, F_DUPFD_CLOEXEC, 0) })
        keep(
            loop.read(adopting: notices) { [weak self] bytes in
                guard let self else { return }
                // The kernel also signals when the cgroup is removed.
                guard clinux_access(own.directory, F_OK) == 0 else { return end() }
                own.add(bytes.withUnsafeBytes { $0.count < 8 ? 1 : $0.loadUnaligned(as: UInt64.self) })
                // It signals before it kills, and counts when it kills.
                lookUntilCounted([1, 5, 20, 100, 500])
            })
    }

    private func lookUntilCounted(_ delays: [Int64]) {
        if isOver || look() { return }
        guard let delay = delays.first else {
            // A limit was reached without a kill.
            for level in levels {
                level.look()
                level.settle(.max)
            }
            return
        }
        loop.after(.milliseconds(delay)) { [weak self] in self?.lookUntilCounted(Array(delays.dropFirst())) }
    }

    private func watchUnified() throws(Errno) {
        guard let own = levels.first else { throw .noSuchFileOrDirectory }
        let flags = OpenFlags([.nonBlocking, .closeOnExec]).rawValue  // IN_NONBLOCK, IN_CLOEXEC
        let notices = OwnedDescriptor(adopting: try checked { clinux_inotify_init1(flags) })
        let modified: UInt32 = 2  // IN_MODIFY
        try checked { clinux_inotify_add_watch(notices.rawValue, own.directory + "/memory.events", modified) }
        keep(
            loop.read(adopting: notices) { [weak self] _ in
                guard let self else { return }
                if count == nil { end() } else { look() }
            })
    }
}
