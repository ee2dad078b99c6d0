// A command of the runtime that runs while another one is stopped at a system call.

internal import CLinux
internal import Glibc
internal import Kernel

/// The result and the duration of a command.
struct CommandResult {
    var words: [String]
    var end: TerminationStatus
    var milliseconds: Int
    var output: String
    /// Whether it ended while the other command was stopped.
    var isPrompt: Bool

    var status: Int32 { end.shellStatus }
    var errorRecords: Int { output.split(separator: "\n").count { $0.contains("level=error") } }
    /// Whether it ended by a trap, a bad access or an abort, which a correct program never does.
    var isCrash: Bool { [SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV].contains(status - 128) }

    /// The value of a member of the printed JSON.
    func member(_ name: String) -> String? {
        guard let start = output.range(of: "\"\(name)\":")?.upperBound else { return nil }
        let rest = output[start...].drop { $0 == " " }
        return rest.first == "\""
            ? String(rest.dropFirst().prefix { $0 != "\"" }) : String(rest.prefix { $0.isNumber || $0 == "-" })
    }
}

extension String {
    fileprivate func range(of part: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(part) { return start..<index(start, offsetBy: part.count) }
            start = index(after: start)
        }
        return nil
    }
}

/// A command that has been started and has not ended.
final class ConcurrentCommand {
    let words: [String]
    private(set) var pid: Int32 = 0
    private let output: OwnedDescriptor
    private let start = now()

    init(_ words: [String]) throws(Errno) {
        self.words = words
        var ends: [Int32] = [-1, -1]
        try checked { clinux_pipe2(&ends, CLINUX_O_CLOEXEC | CLINUX_O_NONBLOCK) }
        output = OwnedDescriptor(adopting: ends[0])
        let other = OwnedDescriptor(adopting: ends[1])
        guard let child = try cloneProcess(namespaces: []) else { Self.execute(words, other.rawValue) }
        pid = child.pid
    }

    private static func execute(_ words: [String], _ output: Int32) -> Never {
        do throws(Errno) {
            let null = try OwnedDescriptor.open("/dev/null", .readWrite)
            for (from, to) in [(null.rawValue, Int32(0)), (output, 1), (output, 2)] {
                try checked { clinux_dup3(from, to, 0) }
            }
            // The pipe is shared with the tracer, which reads without blocking.
            try checked { clinux_fcntl(1, F_SETFL, 1) }
        } catch { _exit(127) }
        var arguments = words.map { strdup($0) } + [nil]
        execv(words[0], &arguments)
        _exit(127)
    }

    var milliseconds: Int { now() - start }

    /// The output so far; a process that the command left running may keep the pipe open.
    func answer(_ end: TerminationStatus, isPrompt: Bool) -> CommandResult {
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let got = read(output.rawValue, &buffer, buffer.count)
            if got <= 0 { break }
            text += buffer[..<got]
        }
        return CommandResult(
            words: words, end: end, milliseconds: milliseconds, output: String(decoding: text, as: UTF8.self),
            isPrompt: isPrompt)
    }

    /// Kills the command.
    func abandon() -> CommandResult {
        kill(pid, SIGKILL)
        var status: Int32 = 0
        _ = clinux_wait_exited(pid, &status, 0)
        return answer(.signalled(SIGKILL), isPrompt: false)
    }
}

/// The monotonic clock in milliseconds.
func now() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
}
