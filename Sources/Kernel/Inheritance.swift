// Attributes that a process inherits over execve(2), where they would break the runtime or the program that it
// starts.

internal import CLinux
internal import Glibc

/// Makes the runtime independent of its caller's settings. Called once, at the start.
///
/// Settings that only slow it down or take something away, such as limits, priorities and CPUs, remain the caller's
/// choice.
package func settleInheritance() {
    // If a process ignores SIGCHLD, the kernel reaps its children and their exit status is lost. wait(2).
    _ = clinux_set_signal_default(SIGCHLD)
    // A write to a closed pipe or beyond a size limit must return an error, not end the process without a message.
    var silent = SignalMask.none.adding(.brokenPipe).adding(.fileSize)
    // A timer of the caller, or its limit of CPU seconds, would end the runtime between two steps without a message.
    // setitimer(2), getrlimit(2).
    for timer in [SIGALRM, SIGVTALRM, SIGPROF, SIGXCPU] { silent = silent.adding(Signal(rawValue: timer)) }
    do throws(Errno) { try checked { clinux_sigprocmask(SIG_BLOCK, silent.rawValue, nil) } } catch {}
    // The timer slack is inherited by every process that is started from here. prctl(2), PR_SET_TIMERSLACK.
    let usualSlack: UInt = 50_000
    do throws(Errno) { try processControl(.setTimerSlack, usualSlack) } catch {}
    // The owner of a new file must be able to use it, and only the owner may change it. The caller may restrict
    // reading.
    let found = umask(0o022)
    let wanted = found & 0o055 | 0o022
    if wanted != 0o022 { umask(wanted) }
}

/// The signals that the runtime's caller ignores; read once, before the first clone.
private let ignoredSignals = readIgnoredSignals()

/// Reads which signals are ignored and must be reset before a program starts. Called in the runtime, because its
/// /proc is the host's.
package func noteIgnoredSignals() { _ = ignoredSignals }

/// Gives every signal its default action and unblocks all, as programs expect. Ignored and blocked signals stay so
/// over execve(2).
package func releaseSignals() throws(Errno) {
    var rest = ignoredSignals.rawValue
    while rest != 0 {
        let signal = Int32(rest.trailingZeroBitCount) + 1
        rest &= rest - 1
        try checked { clinux_set_signal_default(signal) }
    }
    try blockSignals(.none)
}

// One read of /proc replaces 64 calls of sigaction(2). Without /proc any signal may be ignored.
private func readIgnoredSignals() -> SignalMask {
    let unchangeable = SignalMask.none.adding(Signal(rawValue: SIGKILL)).adding(Signal(rawValue: SIGSTOP))
    let unknown = SignalMask(rawValue: ~unchangeable.rawValue)
    do throws(Errno) {
        return ignoredSignals(inStatus: try readFile("/proc/self/status")) ?? unknown
    } catch {
        return unknown
    }
}

/// The mask of the line `SigIgn:`; nil if there is none. proc_pid_status(5).
package func ignoredSignals(inStatus bytes: [UInt8]) -> SignalMask? {
    for line in bytes.split(separator: UInt8(ascii: "\n")) where line.starts(with: "SigIgn:".utf8) {
        let digits = line.dropFirst(7).drop { $0 == UInt8(ascii: "\t") || $0 == UInt8(ascii: " ") }
        return UInt64(String(decoding: digits, as: UTF8.self), radix: 16).map { SignalMask(rawValue: $0) }
    }
    return nil
}
