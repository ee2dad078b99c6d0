// The destination of records: stderr, a file, systemd's journal, or the system log.

internal import ContainerRuntime
internal import Glibc
internal import Kernel
internal import OCISpec

/// The value of --log: a path or `file:PATH`, `journald:IDENTIFIER`, `syslog:IDENTIFIER`; without it, stderr.
enum LogSink: Sendable {
    case standardError
    case file(Int32)
    /// A socket of systemd-journald, and what entries are found by: `journalctl -t IDENTIFIER`.
    case journal(Int32, identifier: String)
    /// A socket of the system's logger, and the tag of its lines.
    case systemLog(Int32, identifier: String)

    init(_ argument: String) throws(Failure) {
        guard !["journald", "journald:", "syslog", "syslog:"].contains(argument) else {
            let sink = argument.prefix { $0 != ":" }
            throw Failure(
                .invalid, "--log \(argument): a name is missing, as in \(sink):swiftrun; a file is ./\(argument)")
        }
        if argument.hasPrefix("journald:") {
            let socket = try Self.connect("/run/systemd/journal/socket", argument)
            self = .journal(socket, identifier: Self.identifier(argument))
        } else if argument.hasPrefix("syslog:") {
            self = .systemLog(try Self.connect("/dev/log", argument), identifier: Self.identifier(argument))
        } else {
            let path = argument.hasPrefix("file:") ? String(argument.dropFirst(5)) : argument
            self = .file(try CallersFile.openToAppend(path, flag: "--log").relinquish())
        }
    }

    private static func identifier(_ argument: String) -> String {
        String(argument.drop { $0 != ":" }.dropFirst()).printable
    }

    private static func connect(_ path: String, _ argument: String) throws(Failure) -> Int32 {
        do throws(Errno) {
            return try connectDatagramSocket(to: path).relinquish()
        } catch {
            throw Failure("--log \(argument): connect to \(path)", error)
        }
    }

    var isStandardError: Bool {
        if case .standardError = self { return true }
        return false
    }

    /// Writes one record.
    /// - Parameters:
    ///   - line: the record as a file has it, with its newline.
    ///   - message: its sentence alone.
    ///   - priority: as syslog counts, 3 for an error.
    func write(_ line: [UInt8], message: String, priority: Int) {
        switch self {
        case .standardError: Self.write(line, to: 2)
        case .file(let number): Self.write(line, to: number)
        case .journal(let number, let identifier):
            Self.write(Self.journalEntry(message, identifier: identifier, priority: priority), to: number)
        case .systemLog(let number, let identifier):
            Self.write(Self.systemLogLine(message, identifier: identifier, priority: priority), to: number)
        }
    }

    // One call, so that records of commands side by side do not mix. The command ends even if nobody reads the record.
    static func write(_ bytes: [UInt8], to number: Int32) {
        do throws(Errno) { try writeWaiting(bytes, to: number, milliseconds: 5000) } catch {}
    }

    /// The journal's native protocol: a field a line, and one with newlines in it by its length.
    static func journalEntry(_ message: String, identifier: String, priority: Int) -> [UInt8] {
        let text = Array(message.utf8)
        let length = (0..<8).map { UInt8(truncatingIfNeeded: text.count >> ($0 * 8)) }
        return Array("PRIORITY=\(priority)\nSYSLOG_IDENTIFIER=\(identifier)\nMESSAGE\n".utf8) + length + text + [10]
    }

    /// The line that syslog(3) sends, of the facility "daemon"; the logger adds the time.
    static func systemLogLine(_ message: String, identifier: String, priority: Int) -> [UInt8] {
        let daemon = 3
        return Array("<\(daemon << 3 | priority)>\(identifier): \(message)".utf8)
    }
}
