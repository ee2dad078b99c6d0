// Messages on stderr and in --log, in the forms that engines parse.

internal import CSealedStart
internal import ContainerRuntime
internal import Glibc
internal import Kernel
internal import OCISpec

/// The destinations of messages. A failed command writes exactly one record of level error.
struct Log: Sendable {
    enum Format: String, Sendable { case text, json }
    enum Level: Int, Sendable, Comparable {
        case error, warning, info, debug
        var name: String {
            switch self {
            case .error: "error"
            case .warning: "warning"
            case .info: "info"
            case .debug: "debug"
            }
        }
        /// As syslog(3) counts.
        var priority: Int {
            switch self {
            case .error: 3
            case .warning: 4
            case .info: 6
            case .debug: 7
            }
        }
        static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }
    }

    var sink = LogSink.standardError
    var format = Format.text
    /// The least important level that is written.
    var level: Level

    /// Messages that are no errors are for people: an engine that reads the file expects the error alone.
    init(path: String?, format: Format, level: Level?) throws(Failure) {
        self.format = format
        self.level = level ?? (path == nil ? .warning : .error)
        if let path { sink = try LogSink(path) }
    }

    init() { level = .warning }

    func write(_ level: Level, _ message: String) {
        write(level, level == .debug ? message : message.withLongValuesCut, nil, command: nil)
    }

    /// The final error of a command; in the log, and for a person on stderr.
    /// - Parameters:
    ///   - failure: the parts of the message, for programs that read the record.
    ///   - command: the command that failed.
    func fail(_ message: String, _ failure: Failure? = nil, command: String? = nil) {
        let message = message.withLongValuesCut
        write(.error, message, failure, command: command)
        if !sink.isStandardError { LogSink.write(Array((message.printable + "\n").utf8), to: 2) }
    }

    private func write(_ level: Level, _ message: String, _ failure: Failure?, command: String?) {
        guard level <= self.level else { return }
        let line = format == .json ? json(level, message, failure, command) : text(level, message)
        sink.write(line, message: message.printable, priority: level.priority)
    }

    // Engines read the first three properties; the others say the same in parts.
    private func json(_ level: Level, _ message: String, _ failure: Failure?, _ command: String?) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.field("level", level.name)
            writer.field("msg", message)
            writer.field("time", timestamp(fraction: false))
            guard let failure else { return }
            writer.field("code", "\(failure.code)")
            writer.field("errno", failure.errnoName)
            writer.field("operation", failure.operation)
            writer.field("path", failure.path)
            writer.field("phase", command)
        }
        return writer.bytes + [10]
    }

    private func text(_ level: Level, _ message: String) -> [UInt8] {
        // Quoted as JSON quotes: what logfmt readers expect too.
        Array("time=\"\(timestamp(fraction: false))\" level=\(level.name) msg=\(message.quoted)\n".utf8)
    }
}

/// Writes bytes on stdout, all of them.
func writeOutput(_ bytes: [UInt8]) throws(Failure) {
    // A closed stdout has been given the null device, which takes everything.
    let isClosed = sealed_start_found_closed(1) != 0
    do throws(Errno) { if isClosed { throw .badFileDescriptor } else { try writeWaiting(bytes, to: 1) } } catch {
        throw Failure("write to stdout", error)
    }
}

/// Prints bytes on stdout; a command whose output is lost has failed.
func printBytes(_ bytes: [UInt8]) throws(CommandError) {
    do throws(Failure) { try writeOutput(bytes) } catch { throw .failure(error) }
}

/// Prints exactly one line on stdout: text from a container, an image or a config cannot add another.
func printLine(_ text: String) throws(CommandError) { try printBytes(Array((text.printable + "\n").utf8)) }

/// Prints a text of our own on stdout, of several lines.
func printText(_ text: String) throws(CommandError) { try printBytes(Array((text + "\n").utf8)) }
