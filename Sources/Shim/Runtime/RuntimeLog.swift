// Why a runtime failed, from what it logged and printed.

internal import OCISpec

/// The log of one call of a runtime: JSON records, and other output on its standard error.
package enum RuntimeLog {
    /// The message of the last error record; without one, the last line that is no record; without one, nil.
    package static func failure(in text: String) -> String? {
        var words: String?
        for line in text.split(whereSeparator: \.isNewline).reversed() {
            if let record = try? Record(json: Array(line.utf8)) {
                if record.level == "error", !record.message.isEmpty { return record.message }
            } else if words == nil {
                words = String(line)
            }
        }
        return words
    }

    private struct Record: JSONDecodable {
        var level: String
        var message: String

        init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
            level = try cursor.required("level")
            message = try cursor.optional("msg") ?? ""
        }
    }

    /// Whether a failure of `kill` or `delete` means that the process or the container no longer exists.
    package static func meansGone(_ message: String) -> Bool {
        let message = message.lowercased()
        return ["process already finished", "container not running", "no such process", "does not exist"]
            .contains { message.contains($0) }
    }
}
