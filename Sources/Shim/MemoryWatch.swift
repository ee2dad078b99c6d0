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
    private let killed: () -> Void
    /// Where the kernel counts the kills, and how many of them have been told.
    private var file = ""
    private var known: UInt64 = 0

    /// Watches, when there is something to watch; `killed` is called for every time that processes were killed.
    init?(_ cgroup: TaskCgroup, loop: Loop, killed: @escaping () -> Void) {
        guard let directory = cgroup.directory(of: "memory") else { return nil }
        self.killed = killed
        file = directory + (cgroup.isUnified ? "/memory.events" : "/memory.oom_control")
        known = kills ?? 0
        do throws(Errno) {
            if cgroup.isUnified { try watchUnified(loop) } else { try watchLegacy(directory, loop) }
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

    /// Tells of kills whose notice has not come yet: they may be why a process is gone.
    func lookAgain() {
        if !isOver, let kills, kills > known { tell(kills) }
    }

    private func tell(_ kills: UInt64) {
        known = kills
        killed()
    }

    private func watchLegacy(_ directory: String, _ loop: Loop) throws(Errno) {
        let control = try OwnedDescriptor.open(file)
        let events = OwnedDescriptor(
            adopting: try checked { clinux_eventfd(0, OpenFlags([.nonBlocking, .closeOnExec]).rawValue) })
        try writeFile(directory + "/cgroup.event_control", "\(events.rawValue) \(control.rawValue)")
        keep(
            loop.read(adopting: events) { [weak self] _ in
                guard let self else { return }
                // The kernel also signals when the cgroup is removed.
                guard clinux_access(directory, F_OK) == 0 else { return end() }
                // It signals before it kills, so the kill is counted later than it is told.
                tell(known + 1)
            })
    }

    private func watchUnified(_ loop: Loop) throws(Errno) {
        let flags = OpenFlags([.nonBlocking, .closeOnExec]).rawValue  // IN_NONBLOCK, IN_CLOEXEC
        let notices = OwnedDescriptor(adopting: try checked { clinux_inotify_init1(flags) })
        let modified: UInt32 = 2  // IN_MODIFY
        try checked { clinux_inotify_add_watch(notices.rawValue, file, modified) }
        keep(
            loop.read(adopting: notices) { [weak self] _ in
                guard let self else { return }
                guard let kills else { return end() }
                if kills > known { tell(kills) }
            })
    }

    private var kills: UInt64? {
        guard let text = try? readText(file) else { return nil }
        let line = text.split(separator: "\n").first { $0.hasPrefix("oom_kill ") }
        return line.flatMap { UInt64($0.dropFirst(9)) }
    }
}
