// Lists of CPUs and memory nodes in the config.

internal import Kernel
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
    for part in text.split(at: ",") {
        let element = trimmed(part)
        if element.isEmpty { continue }
        guard let range = numberRange(element) else {
            throw InvalidSpec(keyPath: key, problem: "\"\(element)\" is neither a number nor a range")
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
