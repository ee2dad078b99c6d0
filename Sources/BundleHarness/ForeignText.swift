// Text of cases and containers, made safe to show, and the known word that a misspelt one resembles.
//
// These are the only parts of the runtime that the harness uses: no verdict depends on them.

internal import OCISpec

/// The text on one line: a character that is not printable, or that reorders others, becomes an escape.
package func shown(_ text: String) -> String { text.printable }

/// The same for text of several lines.
func shownLines(_ text: String) -> [String] {
    // By bytes: in Swift CR and LF together are one character.
    text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        .map { shown(String(Substring($0))) }
}

/// Whether the character shows as itself.
func isShown(_ character: Unicode.Scalar) -> Bool { character.isPrintable }

/// The end of a message about an unknown word: ` (did you mean root?)`, or nothing.
/// - Parameter prefix: what may stand before the word and does not belong to it.
func suggested(for word: String, among known: [String], prefix: String = "") -> String {
    suggestion(for: word, among: known, prefix: prefix)
}
