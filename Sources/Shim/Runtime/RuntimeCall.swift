// A runtime at work.

internal import Glibc
internal import NIOCore

/// A running call of a runtime: a child of ours that has not been collected.
final class RuntimeCall {
    let process: pid_t
    let operation: String
    let begin = NIODeadline.now()
    private let loop: Loop
    private let isUnkillable: () -> Void
    private var isOver = false

    /// How long a runtime that has been killed may take to end.
    private static let patience: TimeAmount = .seconds(5)

    /// `isUnkillable` is called when it does not even end by SIGKILL, as in a frozen cgroup.
    init(_ process: pid_t, _ operation: RuntimeOperation, loop: Loop, isUnkillable: @escaping () -> Void) {
        self.process = process
        self.operation = operation.name
        self.loop = loop
        self.isUnkillable = isUnkillable
    }

    /// It has been collected; its process id may be another's.
    func ended() { isOver = true }

    /// Ends it, so that what waits for it gets its turn.
    func kill() {
        if isOver { return }
        Glibc.kill(process, SIGKILL)
        loop.after(Self.patience) { [self] in
            if !isOver { isUnkillable() }
        }
    }
}
