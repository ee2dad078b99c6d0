// What a process has from its caller and keeps over execve(2), where that would break the runtime or what it starts.

internal import CLinux
internal import Glibc
package import SystemPackage

/// Makes the runtime independent of what its caller has set. To be called once, at the start.
///
/// What only slows it down or takes something away, such as limits, priorities and CPUs, stays the caller's choice.
package func settleInheritance() {
    // Children of a process that ignores SIGCHLD are reaped by the kernel, and how they ended is lost. wait(2).
    _ = clinux_set_signal_default(SIGCHLD)
    // What is written to nobody, or beyond a limit, is an error that is told, and not an end without a word.
    let silent = SignalMask.none.adding(.brokenPipe).adding(.fileSize)
    do throws(Errno) { try checked { clinux_sigprocmask(SIG_BLOCK, silent.rawValue, nil) } } catch {}
    // Timers may be late by so much, and that is everybody's who is started from here. prctl(2), PR_SET_TIMERSLACK.
    let usualSlack: UInt = 50_000
    do throws(Errno) { try processControl(.setTimerSlack, usualSlack) } catch {}
    // Who makes a file can use it, and only its owner can change it; the caller may hide it from others.
    let found = umask(0o022)
    let wanted = found & 0o055 | 0o022
    if wanted != 0o022 { umask(wanted) }
}

/// The signals that the runtime's caller ignores; read once, before anything is cloned.
private let ignoredSignals = readIgnoredSignals()

/// Learns which signals the program that is to be started must not find ignored. To be called in the runtime, whose
/// /proc is the host's.
package func noteIgnoredSignals() { _ = ignoredSignals }

/// Gives every signal its default action and blocks none, as a program expects that is started by nobody in particular.
/// What is ignored or blocked stays so over execve(2).
package func releaseSignals() throws(Errno) {
    var rest = ignoredSignals.rawValue
    while rest != 0 {
        let signal = Int32(rest.trailingZeroBitCount) + 1
        rest &= rest - 1
        try checked { clinux_set_signal_default(signal) }
    }
    try blockSignals(.none)
}

// A few calls where asking for each of the 64 takes as many; without /proc all of them may be ignored.
private func readIgnoredSignals() -> SignalMask {
    let unchangeable = SignalMask.none.adding(Signal(rawValue: SIGKILL)).adding(Signal(rawValue: SIGSTOP))
    let unknown = SignalMask(rawValue: ~unchangeable.rawValue)
    do throws(Errno) {
        return ignoredSignals(inStatus: try readFile("/proc/self/status")) ?? unknown
    } catch {
        return unknown
    }
}

/// The mask behind `SigIgn:`; nil when there is none. proc_pid_status(5).
package func ignoredSignals(inStatus bytes: [UInt8]) -> SignalMask? {
    for line in bytes.split(separator: UInt8(ascii: "\n")) where line.starts(with: "SigIgn:".utf8) {
        let digits = line.dropFirst(7).drop { $0 == UInt8(ascii: "\t") || $0 == UInt8(ascii: " ") }
        return UInt64(String(decoding: digits, as: UTF8.self), radix: 16).map { SignalMask(rawValue: $0) }
    }
    return nil
}
