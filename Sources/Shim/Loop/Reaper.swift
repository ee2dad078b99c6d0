// Exits of children: of the runtimes we start and of the containers' processes they leave to us.

internal import CLinux
internal import Glibc
internal import Kernel
internal import NIOCore

/// A moment, as protobuf counts it.
struct Timestamp: Equatable {
    var seconds: Int64
    var nanoseconds: Int32

    static var now: Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(seconds: Int64(time.tv_sec), nanoseconds: Int32(time.tv_nsec))
    }
}

/// How and when a process ended.
struct Exit: Equatable {
    /// The exit code, or 128 and the signal.
    var status: UInt32
    var time: Timestamp
}

/// Collects exited children and tells who waits for them.
///
/// The shim is a subreaper: a container's processes become its children when the runtime that started them exits. As
/// only this type waits, a process id stays valid until its exit is delivered here, so signals cannot hit a stranger.
final class Reaper {
    private let loop: Loop
    private var handlers: [pid_t: (Exit) -> Void] = [:]
    private var unclaimedExits: [pid_t: Exit] = [:]
    private var expectations = 0
    /// Those that have been asked to end.
    private var asked: Set<pid_t> = []

    init(_ loop: Loop) { self.loop = loop }

    /// Becomes a subreaper and starts to collect; `SIGCHLD` must be blocked in every thread.
    func start() throws(ShimFailure) {
        try during("become a subreaper") { () throws(Errno) in
            let setChildSubreaper: Int32 = 36  // PR_SET_CHILD_SUBREAPER
            try checked { clinux_prctl(setChildSubreaper, 1, 0, 0, 0) }
        }
        try during("watch for exits") { () throws(Errno) in
            let signals = try signalDescriptor([SIGCHLD])
            _ = loop.read(adopting: signals, received: { [weak self] _ in self?.collect() })
        }
    }

    /// Calls the handler when a child exits, or soon if it already has.
    func whenExited(_ process: pid_t, _ handler: @escaping (Exit) -> Void) {
        // An id remembered from before may have been given to a new process meanwhile.
        if let exit = unclaimedExits.removeValue(forKey: process), kill(process, 0) != 0 {
            loop.after(.nanoseconds(0)) { handler(exit) }
        } else {
            handlers[process] = handler
        }
    }

    /// Asks a child to end, which is killed after twelve seconds, as containerd's shim does, or when the shim itself ends.
    func ask(_ process: pid_t) {
        asked.insert(process)
        kill(process, SIGTERM)
        loop.after(.seconds(12)) { [self] in
            if asked.contains(process) { kill(process, SIGKILL) }
        }
    }

    /// Runs a body when those that were asked to end have ended, or have been killed after so long.
    func endAsked(within time: TimeAmount, _ body: @escaping () -> Void) { endAsked(until: .now() + time, body) }

    private func endAsked(until deadline: NIODeadline, _ body: @escaping () -> Void) {
        if asked.isEmpty { return body() }
        if NIODeadline.now() >= deadline {
            for process in asked { kill(process, SIGKILL) }
            return body()
        }
        loop.after(.milliseconds(10)) { self.endAsked(until: deadline, body) }
    }

    /// Announces that a process is being started whose id is not known yet; until `stopExpecting`, exits of unknown
    /// processes are remembered.
    func expectChild() { expectations += 1 }

    /// Ends what `expectChild` began.
    func stopExpecting() {
        expectations -= 1
        if expectations == 0 { unclaimedExits = [:] }
    }

    /// Whether a process is a child that has not been reaped.
    func isChild(_ process: pid_t) -> Bool {
        let line = (try? readText("/proc/\(process)/status"))?.split(separator: "\n").first { $0.hasPrefix("PPid:") }
        return line?.split(separator: "\t").last == Substring(String(getpid()))
    }

    private func collect() {
        while true {
            var status: Int32 = 0
            let process = clinux_wait_exited(-1, &status, WNOHANG)
            if process <= 0 { return }
            let exit = Exit(status: Self.code(status), time: .now)
            asked.remove(process)
            if let handler = handlers.removeValue(forKey: process) {
                handler(exit)
            } else if expectations > 0 {
                unclaimedExits[process] = exit
            }
        }
    }

    private static func code(_ status: Int32) -> UInt32 {
        let signal = UInt32(status & 0x7f)
        return signal == 0 ? UInt32(status >> 8 & 0xff) : 128 + signal
    }
}

/// A descriptor on which blocked signals can be read.
func signalDescriptor(_ signals: [Int32]) throws(Errno) -> OwnedDescriptor {
    let flags = OpenFlags([.nonBlocking, .closeOnExec]).rawValue  // SFD_NONBLOCK, SFD_CLOEXEC
    return OwnedDescriptor(adopting: try checked { clinux_signalfd(-1, signalMask(signals), flags) })
}

/// The kernel's mask of some signals.
func signalMask(_ signals: [Int32]) -> UInt64 {
    signals.reduce(0) { $0 | 1 << UInt64($1 - 1) }
}
