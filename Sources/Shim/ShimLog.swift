// The shim's log: containerd copies what is written to standard error into its own.

internal import Glibc
internal import Kernel
internal import OCISpec

/// Writes records in containerd's own text form.
enum ShimLog {
    static func info(_ message: String) { write("info", message) }
    static func warning(_ message: String) { write("warning", message) }
    static func error(_ message: String) { write("error", message) }

    private static func write(_ level: String, _ message: String) {
        try? writeAll(record(level, message).utf8, to: STDERR_FILENO)
    }

    /// One line, even if a container or an image has put newlines into the message.
    static func record(_ level: String, _ message: String) -> String {
        "time=\"\(now)\" level=\(level) msg=\(message.quoted) runtime=swift-shim\n"
    }

    private static var now: String {
        var seconds = time(nil)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        var text = [CChar](repeating: 0, count: 32)
        let length = strftime(&text, text.count, "%Y-%m-%dT%H:%M:%SZ", &parts)
        return String(decoding: text[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
