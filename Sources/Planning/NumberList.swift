// Lists of CPUs and memory nodes.

package import OCISpec

/// The numbers of a list such as `0-3,7`, in ascending order without duplicates. cpuset(7), "List format".
///
/// Blanks around an element and empty elements are ignored, as in other runtimes.
/// - Parameters:
///   - key: the config's key, for the error.
///   - limit: the first number that is too large.
/// - Throws: a malformed list, or a number that is not below `limit`.
package func numberList(_ text: String, _ key: String, below limit: Int) throws(InvalidSpec) -> [Int] {
    guard !text.isEmpty else { return [] }
    // A table instead of a growing list: the time for overlapping ranges stays proportional to the length of the
    // text.
    var isMember = [Bool](repeating: false, count: limit)
    var work = 0
    for part in text.utf8.split(separator: UInt8(ascii: ",")) {
        let element = trimmed(part)
        if element.isEmpty { continue }
        guard let range = range(element) else {
            throw InvalidSpec(
                keyPath: key, problem: "\"\(String(decoding: element, as: UTF8.self))\" is neither a number nor a range"
            )
        }
        guard range.upperBound < limit else {
            throw InvalidSpec(keyPath: key, problem: "\(range.upperBound) is more than \(limit - 1)")
        }
        work += range.count
        guard work <= 16 * limit else { throw InvalidSpec(keyPath: key, problem: "has too many overlapping ranges") }
        for number in range { isMember[number] = true }
    }
    let numbers = isMember.indices.filter { isMember[$0] }
    guard !numbers.isEmpty else { throw InvalidSpec(keyPath: key, problem: "\"\(text)\" has no numbers") }
    return numbers
}

private func trimmed(_ part: Substring.UTF8View) -> Substring.UTF8View {
    func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0a }
    var part = part.drop(while: isBlank)
    while let last = part.last, isBlank(last) { part = part.dropLast() }
    return part
}

private func range(_ element: Substring.UTF8View) -> ClosedRange<Int>? {
    let ends = element.split(separator: UInt8(ascii: "-"), maxSplits: 1, omittingEmptySubsequences: false)
    guard let first = number(ends[0]), let last = ends.count == 1 ? first : number(ends[1]), first <= last else {
        return nil
    }
    return first...last
}

private func number(_ digits: Substring.UTF8View) -> Int? {
    guard digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return nil }
    return Int(String(decoding: digits, as: UTF8.self))
}
