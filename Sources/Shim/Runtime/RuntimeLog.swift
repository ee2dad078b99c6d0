// Why a runtime failed, from what it logged and printed.

internal import OCISpec

/// The log of one call of a runtime: JSON records, and anything else it wrote to its standard error.
package enum RuntimeLog {
    /// The sentence of the last error record; else the last line that is no record; else nothing.
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

    /// Whether a failure of `kill` or `delete` says that there is nothing left to kill or delete.
    package static func meansGone(_ message: String) -> Bool {
        let message = message.lowercased()
        return ["process already finished", "container not running", "no such process", "does not exist"]
            .contains { message.contains($0) }
    }
}
