// A process in the foreground: signals are forwarded to it, its terminal is copied, and its status becomes ours.

internal import CLinux
internal import Glibc
internal import Kernel

/// Connects the caller's terminal with a process in a container until that ends.
struct Foreground: ~Copyable {
    private let pid: Int32
    private let pidfd: OwnedDescriptor
    private let signals: OwnedDescriptor
    private let relay: TerminalRelay
    /// Until the container has sent READY=1.
    private var notify: NotifySocket?

    /// Signals are blocked from here on, and read in turn. To be called before the process is cloned.
    /// - Parameter heedsRequests: whether a request to end ends the command until there is a process to forward it to.
    static func blockSignals(heedsRequests: Bool = false) throws(Failure) -> OwnedDescriptor {
        if heedsRequests { RequestToEnd.heed() }
        return try during("block signals") { () throws(Errno) in
            try Kernel.blockSignals(heedsRequests ? RequestToEnd.signals.reduce(.all) { $0.removing($1) } : .all)
            return try openSignals(.all)
        }
    }

    /// From here on requests to end are the process's.
    static func blockRequests(forwardingTo pidfd: borrowing OwnedDescriptor) throws(Failure) {
        _ = try during("block signals") { () throws(Errno) in try Kernel.blockSignals(.all) }
        guard case .bySignal(let signal) = RequestToEnd.current else { return }
        do throws(Errno) { try signalProcess(pidfd, signal.rawValue) } catch {}
    }

    init(
        pid: Int32, pidfd: consuming OwnedDescriptor, signals: consuming OwnedDescriptor,
        terminal: consuming OwnedDescriptor?, notify: NotifySocket? = nil
    ) throws(Failure) {
        relay = try TerminalRelay(terminal)
        self.notify = notify
        self.pid = pid
        self.pidfd = pidfd
        self.signals = signals
    }

    /// Waits for the end of the process, and reaps orphans that become our children.
    consuming func wait(warn: (String) -> Void) throws(Failure) -> TerminationStatus {
        relay.resize()
        while true {
            if let end = try during("wait for the process", { () throws(Errno) in try reap() }) {
                relay.drain(signals.rawValue)
                if relay.hasNoReader {
                    warn("the rest of the terminal's output was dropped: write to stdout: \(Errno.brokenPipe.message)")
                }
                if let code = relay.failure { throw Failure("write the terminal's output to stdout", code) }
                return end
            }
            try during("wait for the process") { () throws(Errno) in
                let ready = try relay.poll(pidfd.rawValue, signals.rawValue, notify?.number)
                if ready.hasSignals { forwardSignals() }
                if ready.hasNotification { forwardNotification() }
            }
        }
    }

    private func reap() throws(Errno) -> TerminationStatus? {
        while let child = try reapEnded() {
            if child.pid == pid { return child.end }
        }
        return nil
    }

    // A vanished service manager is no failure of the container.
    private mutating func forwardNotification() {
        guard let socket = notify else { return }
        do throws(Errno) {
            if try socket.forward(pid, awaitsManager: false) { notify = nil }
        } catch {
            notify = nil
        }
    }

    private func forwardSignals() {
        while let signal = nextSignal(signals.rawValue) {
            switch signal {
            case .child, .urgent: break
            // SIGPIPE of our own stdout. The program notices through its terminal.
            case .brokenPipe where relay.failure != nil || relay.hasNoReader: break
            case .windowChange: relay.resize()
            default: do throws(Errno) { try signalProcess(pidfd, signal.rawValue) } catch {}
            }
        }
    }
}

/// In the foreground the container's terminal is copied to ours; without one its program would wait for input for ever.
func checkOwnTerminal() throws(Failure) {
    if (Int32(0)...2).contains(where: { isTerminal($0) }) { return }
    do throws(Errno) {
        _ = try OwnedDescriptor.open("/dev/tty", .readWrite | .noControllingTerminal)
    } catch {
        throw Failure(
            .invalid,
            "process.terminal: there is no terminal here to be copied to (--detach with --console-socket needs none)")
    }
}

/// Turns off newline translation on the container's terminal, before any output: the caller's terminal translates the
/// copied output already.
func translateNoNewlines(_ master: Int32) {
    do throws(Errno) { try clearNewlineTranslation(master) } catch {}
}

/// Copies between a terminal's master and our stdin and stdout.
private final class TerminalRelay {
    private let master: Int32?
    /// Kept open while the process runs: without any slave the master has no output, and a system that hangs its console up
    /// opens it again for the next login.
    private var slave: OwnedDescriptor?
    private var settings: RawTerminal?
    private var readsInput: Bool
    private var pending: [UInt8] = []
    /// Output that is not written to stdout yet.
    private var shown: [UInt8] = []
    /// The error of the last write to stdout.
    private(set) var failure: Errno?
    /// Whether stdout is a pipe without a reader. The program goes on, because it does not write to that pipe.
    private(set) var hasNoReader = false
    private var masterIsOpen: Bool
    private var isHungUp = false
    private var hasTerminal = false

    init(_ terminal: consuming OwnedDescriptor?) throws(Failure) {
        guard let terminal else {
            master = nil
            readsInput = false
            masterIsOpen = false
            return
        }
        do throws(Errno) { slave = try openTerminalPeer(of: terminal) } catch {}
        let number = terminal.relinquish()
        master = number
        readsInput = true
        masterIsOpen = true
        let flags = clinux_fcntl(number, F_GETFL, 0)
        _ = clinux_fcntl(number, F_SETFL, Int(flags | O_NONBLOCK))
        guard isTerminal(0) else { return }
        hasTerminal = true
        settings = try during("set the terminal to raw mode") { () throws(Errno) in try RawTerminal(0) }
    }

    deinit { if let master, !isHungUp { close(master) } }

    /// Gives the container's terminal the size of ours.
    func resize() {
        guard let master, !isHungUp else { return }
        copyWindowSize(to: master)
    }

    struct Ready {
        var hasSignals: Bool
        var hasNotification: Bool
    }

    /// Waits for an event, and copies the available bytes.
    func poll(_ pidfd: Int32, _ signals: Int32, _ notify: Int32?) throws(Errno) -> Ready {
        var entries = [
            pollfd(fd: pidfd, events: Int16(POLLIN), revents: 0),
            pollfd(fd: signals, events: Int16(POLLIN), revents: 0),
            pollfd(fd: notify ?? -1, events: Int16(POLLIN), revents: 0),
        ]
        if let master {
            let wanted = POLLIN | (pending.isEmpty ? 0 : POLLOUT)
            let reads = masterIsOpen && (shown.isEmpty || !pending.isEmpty)
            entries.append(
                pollfd(fd: reads ? master : -1, events: Int16(shown.isEmpty ? wanted : POLLOUT), revents: 0))
            entries.append(pollfd(fd: readsInput && pending.isEmpty ? 0 : -1, events: Int16(POLLIN), revents: 0))
            entries.append(pollfd(fd: shown.isEmpty ? -1 : 1, events: Int16(POLLOUT), revents: 0))
        }
        try checked { Glibc.poll(&entries, UInt(entries.count), -1) }
        if entries.count > 3 {
            if entries[5].revents != 0 { showOutput() }
            if shown.isEmpty, entries[3].revents & Int16(POLLIN | POLLHUP) != 0 { copyOutput() }
            if entries[4].revents != 0 { readInput() }
            if !pending.isEmpty { writeInput() }
        }
        return Ready(hasSignals: entries[1].revents != 0, hasNotification: entries[2].revents != 0)
    }

    /// Copies the rest of the terminal's output, so that a program's last lines are not lost, unless a signal ends us.
    func drain(_ signals: Int32) {
        slave = nil
        while !hasNoReader {
            if shown.isEmpty, !copyOutput() { return }
            if shown.isEmpty { continue }
            var entries = [
                pollfd(fd: 1, events: Int16(POLLOUT), revents: 0),
                pollfd(fd: signals, events: Int16(POLLIN), revents: 0),
            ]
            do throws(Errno) { try checked { Glibc.poll(&entries, 2, -1) } } catch { return }
            if entries[1].revents != 0, let signal = nextSignal(signals), signal.isRequestToEnd { return }
            showOutput()
        }
    }

    @discardableResult
    private func copyOutput() -> Bool {
        guard let master, masterIsOpen else { return false }
        var buffer = [UInt8](repeating: 0, count: 32 << 10)
        let length = buffer.withUnsafeMutableBytes { read(master, $0.baseAddress, $0.count) }
        if length > 0 {
            shown = Array(buffer[..<length])
            showOutput()
            return true
        }
        if length == 0 || (errno != EAGAIN && errno != EINTR) { masterIsOpen = false }
        return false
    }

    // As much as possible without waiting, because signals must be forwarded too. A writable pipe has room for at least
    // PIPE_BUF bytes; pipe(7).
    private func showOutput() {
        if hasNoReader { shown = [] }
        while !shown.isEmpty, failure == nil {
            var entry = pollfd(fd: 1, events: Int16(POLLOUT), revents: 0)
            guard Glibc.poll(&entry, 1, 0) > 0 else { return }
            let written = shown.withUnsafeBytes { write(1, $0.baseAddress, min($0.count, 4096)) }
            if written > 0 {
                shown.removeFirst(written)
            } else if errno == EAGAIN || errno == EINTR {
                return
            } else if errno == EPIPE {
                hasNoReader = true
                shown = []
            } else {
                // As when the window of a terminal is closed.
                failure = Errno(rawValue: errno)
                shown = []
                readsInput = false
                hangUp()
            }
        }
    }

    private func readInput() {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let length = buffer.withUnsafeMutableBytes { read(0, $0.baseAddress, $0.count) }
        if length > 0 {
            pending = Array(buffer[..<length])
        } else if length == 0 || (errno != EAGAIN && errno != EINTR) {
            readsInput = false
            if hasTerminal { hangUp() }
        }
    }

    // Our terminal hung up, as when its window is closed: the program inside gets SIGHUP, as it would outside a
    // container.
    private func hangUp() {
        guard let master, masterIsOpen else { return }
        masterIsOpen = false
        isHungUp = true
        close(master)
    }

    private func writeInput() {
        guard let master, !isHungUp else { return }
        let written = pending.withUnsafeBytes { write(master, $0.baseAddress, $0.count) }
        if written > 0 {
            pending.removeFirst(written)
        } else if errno != EAGAIN && errno != EINTR {
            pending = []
            readsInput = false
        }
    }
}

/// Gives a container's terminal the size of the caller's, if that has one.
func copyWindowSize(to master: Int32) {
    for number in Int32(0)...2 where isTerminal(number) {
        do throws(Errno) {
            return try setWindowSize(try windowSize(of: number), of: master)
        } catch {}
    }
}
