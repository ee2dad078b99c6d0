// Signals by name and number. signal(7).

internal import CLinux
internal import Glibc

/// A signal's number.
package struct Signal: RawRepresentable, Hashable, Sendable {
    package let rawValue: Int32
    package init(rawValue: Int32) { self.rawValue = rawValue }

    package static let hangup = Self(rawValue: SIGHUP)
    package static let interrupt = Self(rawValue: SIGINT)
    package static let quit = Self(rawValue: SIGQUIT)
    package static let kill = Self(rawValue: SIGKILL)
    package static let brokenPipe = Self(rawValue: 13)
    package static let fileSize = Self(rawValue: 25)
    package static let terminate = Self(rawValue: SIGTERM)
    package static let child = Self(rawValue: SIGCHLD)
    package static let urgent = Self(rawValue: SIGURG)
    package static let windowChange = Self(rawValue: SIGWINCH)

    /// Whether the signal is a request to end, not a notification of an event.
    package var isRequestToEnd: Bool { RequestToEnd.signals.contains(self) }

    private static let numbers: [(String, Int32)] = [
        ("HUP", SIGHUP), ("INT", SIGINT), ("QUIT", SIGQUIT), ("ILL", SIGILL), ("TRAP", SIGTRAP), ("ABRT", SIGABRT),
        ("IOT", SIGIOT), ("BUS", SIGBUS), ("FPE", SIGFPE), ("KILL", SIGKILL), ("USR1", SIGUSR1), ("SEGV", SIGSEGV),
        ("USR2", SIGUSR2), ("PIPE", SIGPIPE), ("ALRM", SIGALRM), ("TERM", SIGTERM), ("STKFLT", SIGSTKFLT),
        ("CHLD", SIGCHLD), ("CONT", SIGCONT), ("STOP", SIGSTOP), ("TSTP", SIGTSTP), ("TTIN", SIGTTIN),
        ("TTOU", SIGTTOU), ("URG", SIGURG), ("XCPU", SIGXCPU), ("XFSZ", SIGXFSZ), ("VTALRM", SIGVTALRM),
        ("PROF", SIGPROF), ("WINCH", SIGWINCH), ("IO", SIGIO), ("POLL", SIGPOLL), ("PWR", SIGPWR), ("SYS", SIGSYS),
        ("CLD", SIGCHLD),
        ("RTMIN", 34), ("RTMAX", 64),
    ]

    /// All names, without `SIG`.
    package static var names: [String] { numbers.map { $0.0 } }

    /// Reads a number, or a name in any case with or without `SIG`.
    package init?(_ text: String) {
        if let number = Int32(text) {
            guard (0...64).contains(number) else { return nil }
            self.init(rawValue: number)
            return
        }
        var name = text.uppercased()
        if name.hasPrefix("SIG") { name.removeFirst(3) }
        guard let entry = Self.numbers.first(where: { $0.0 == name }) else { return nil }
        self.init(rawValue: entry.1)
    }

    /// The usual name, such as `SIGTERM`.
    package var name: String {
        Self.numbers.first { $0.1 == rawValue }.map { "SIG" + $0.0 } ?? "signal \(rawValue)"
    }
}

/// A request that this process end.
package enum RequestToEnd: Equatable, Sendable {
    case bySignal(Signal)
    /// `delete --force` takes the container away from the command.
    case ofDeletion

    /// The request that has arrived since ``heed()``.
    package static var current: RequestToEnd? {
        switch Int(clinux_request_to_end()) {
        case CLINUX_REQUEST_BY_SIGNAL: .bySignal(Signal(rawValue: clinux_signal_of_request()))
        case CLINUX_REQUEST_OF_DELETION: .ofDeletion
        default: nil
        }
    }

    /// The signals that ask.
    package static let signals = [Signal.terminate, .hangup, .interrupt, .quit]

    /// Makes these signals interrupt the call that waits, so that the command fails, cleans up and reports, instead of
    /// ending without a word. A program that is executed gets the default action again. execve(2).
    package static func heed() { _ = clinux_heed_requests_to_end() }
}

/// A set of signals as the kernel's 64-bit mask.
package struct SignalMask: Equatable, Sendable {
    package var rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }
    package static let all = Self(rawValue: ~0)
    package static let none = Self(rawValue: 0)
    package func adding(_ signal: Signal) -> Self { Self(rawValue: rawValue | 1 << UInt64(signal.rawValue - 1)) }
    package func removing(_ signal: Signal) -> Self { Self(rawValue: rawValue & ~(1 << UInt64(signal.rawValue - 1))) }
}

/// Replaces the mask of blocked signals and returns the old one. sigprocmask(2).
@discardableResult
package func blockSignals(_ mask: SignalMask) throws(Errno) -> SignalMask {
    var old: UInt64 = 0
    try checked { unsafe clinux_sigprocmask(SIG_SETMASK, mask.rawValue, &old) }
    return SignalMask(rawValue: old)
}

/// A descriptor from which blocked signals are read. signalfd(2).
package func openSignals(_ mask: SignalMask) throws(Errno) -> OwnedDescriptor {
    OwnedDescriptor(adopting: try checked { clinux_signalfd(-1, mask.rawValue, CLINUX_SFD_CLOEXEC_NONBLOCK) })
}

/// The next signal of a descriptor of ``openSignals(_:)``; nil if none is pending.
package func nextSignal(_ descriptor: Int32) -> Signal? {
    unsafe withUnsafeTemporaryAllocation(byteCount: 128, alignment: 8) { buffer in
        guard unsafe read(descriptor, buffer.baseAddress, 128) == 128 else { return nil }
        return unsafe Signal(rawValue: Int32(buffer.load(as: UInt32.self)))
    }
}
