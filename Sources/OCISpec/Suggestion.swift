// A suggestion in place of a misspelt word, for error messages and warnings.

/// The end of a message about an unknown word: ` (did you mean pid?)`, or nothing if no known word is similar.
/// - Parameter prefix: the beginning of all known words, which is often left out: `CAP_`, for example.
package func suggestion(for word: String, among known: [String], prefix: String = "") -> String {
    // Longer words cannot be similar, and may be of any length.
    guard word.utf8.count <= 64 else { return "" }
    let short = letters(word, without: letters(prefix))
    var best: (word: String, distance: Int, edits: Int)?
    for other in known {
        let rest = letters(other, without: letters(prefix))
        let least = min(short.count, rest.count)
        let isBeginning = least >= 3 && (rest.starts(with: short) || short.starts(with: rest))
        let edits = editDistance(short, rest)
        let distance = isBeginning ? min(1, edits) : edits
        // Of several words that begin alike the one of most letters in common was meant, not the first.
        let isNearer = best.map { distance < $0.distance || distance == $0.distance && edits < $0.edits } ?? true
        if distance <= max(1, least / 3), isNearer { best = (other, distance, edits) }
    }
    guard let best, best.distance < short.count else { return "" }
    return " (did you mean \(best.word)?)"
}

private func letters(_ word: String, without prefix: [UInt8] = []) -> [UInt8] {
    let bytes = word.utf8.map { UInt8(ascii: "A") <= $0 && $0 <= UInt8(ascii: "Z") ? $0 | 0x20 : $0 }
    return bytes.starts(with: prefix) ? Array(bytes.dropFirst(prefix.count)) : bytes
}

/// How many letters have to be inserted, removed, replaced or exchanged with the next one: the optimal string alignment
/// distance.
private func editDistance(_ one: [UInt8], _ other: [UInt8]) -> Int {
    var before: [Int] = []
    var above = Array(0...other.count)
    for row in one.indices {
        var current = [row + 1]
        for column in other.indices {
            let replaced = above[column] + (one[row] == other[column] ? 0 : 1)
            var least = min(replaced, above[column + 1] + 1, current[column] + 1)
            if row > 0, column > 0, one[row] == other[column - 1], one[row - 1] == other[column] {
                least = min(least, before[column - 1] + 1)
            }
            current.append(least)
        }
        (before, above) = (above, current)
    }
    return above[other.count]
}
