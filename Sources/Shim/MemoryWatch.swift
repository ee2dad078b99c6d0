// Hearing of it when the kernel kills for want of memory in a container.

internal import CLinux
internal import Glibc
internal import Kernel
internal import NIOCore
internal import SystemPackage

/// Watches one container's cgroup until it goes away.
final class MemoryWatch {
    private var channel: (any Channel)?
    private var isOver = false

    /// Watches, when there is something to watch; `killed` is called for every time that processes were killed.
    init?(_ cgroup: TaskCgroup, loop: Loop, killed: @escaping () -> Void) {
        guard let directory = cgroup.directory(of: "memory") else { return nil }
        do throws(Errno) {
            if cgroup.isUnified {
                try watchUnified(directory, loop, killed)
            } else {
                try watchLegacy(directory, loop, killed)
            }
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

    private func keep(_ opening: EventLoopFuture<any Channel>) {
        opening.assumeIsolated().whenSuccess { [self] channel in
            if isOver { channel.close(promise: nil) } else { self.channel = channel }
        }
    }

    private func watchLegacy(_ directory: String, _ loop: Loop, _ killed: @escaping () -> Void) throws(Errno) {
        let control = try OwnedDescriptor.open(directory + "/memory.oom_control")
        let events = OwnedDescriptor(
            adopting: try checked { clinux_eventfd(0, OpenFlags([.nonBlocking, .closeOnExec]).rawValue) })
        try writeFile(directory + "/cgroup.event_control", "\(events.rawValue) \(control.rawValue)")
        keep(
            loop.read(adopting: events) { [weak self] _ in
                // The kernel also signals when the cgroup is removed.
                if access(directory, F_OK) == 0 { killed() } else { self?.end() }
            })
    }

    private func watchUnified(_ directory: String, _ loop: Loop, _ killed: @escaping () -> Void) throws(Errno) {
        let file = directory + "/memory.events"
        let flags = OpenFlags([.nonBlocking, .closeOnExec]).rawValue  // IN_NONBLOCK, IN_CLOEXEC
        let notices = OwnedDescriptor(adopting: try checked { clinux_inotify_init1(flags) })
        let modified: UInt32 = 2  // IN_MODIFY
        try checked { clinux_inotify_add_watch(notices.rawValue, file, modified) }
        var known = Self.kills(file) ?? 0
        keep(
            loop.read(adopting: notices) { [weak self] _ in
                guard let kills = Self.kills(file) else { return self?.end() ?? () }
                if kills > known { killed() }
                known = kills
            })
    }

    private static func kills(_ file: String) -> UInt64? {
        guard let text = try? readText(file) else { return nil }
        let line = text.split(separator: "\n").first { $0.hasPrefix("oom_kill ") }
        return line.flatMap { UInt64($0.dropFirst(9)) }
    }
}
