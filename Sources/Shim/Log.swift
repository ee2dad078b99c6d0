// The shim's log: containerd copies what is written to standard error into its own.

internal import Glibc
internal import Kernel

/// Writes records in containerd's own text form.
enum Log {
    static func warning(_ message: String) { write("warning", message) }
    static func error(_ message: String) { write("error", message) }

    private static func write(_ level: String, _ message: String) {
        let line = "time=\"\(now)\" level=\(level) msg=\"\(quote(message))\" runtime=swift-shim\n"
        try? writeAll(line.utf8, to: STDERR_FILENO)
    }

    /// What comes from a container or an image must neither forge a record nor steer a terminal.
    static func quote(_ text: String) -> String {
        var quoted = ""
        for scalar in text.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned:
                let digits = String(scalar.value, radix: 16)
                quoted +=
                    scalar == "\n" ? "\\n" : "\\u" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
            default:
                if scalar == "\"" || scalar == "\\" { quoted += "\\" }
                quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted
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
