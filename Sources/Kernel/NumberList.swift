// Lists of CPUs and memory nodes. cpuset(7), "List format".

/// The numbers of a list that the kernel or this program has written, such as `0-3,7`; malformed elements are skipped.
/// - Parameter limit: the first number that is too large.
package func numbers(inList text: String, below limit: Int) -> [Int] {
    text.split(at: ",").flatMap { element -> [Int] in
        guard let range = numberRange(element), range.upperBound < limit else { return [] }
        return Array(range)
    }
}

/// Text without blanks, tabs and line ends around it.
package func trimmed(_ text: Substring) -> Substring {
    func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0a }
    var bytes = text.utf8.drop(while: isBlank)
    while let last = bytes.last, isBlank(last) { bytes = bytes.dropLast() }
    return Substring(bytes)
}

/// A number or a range of them, such as `7` or `0-3`; blanks around it are ignored.
package func numberRange(_ element: Substring) -> ClosedRange<Int>? {
    let ends = trimmed(element).utf8.split(separator: UInt8(ascii: "-"), maxSplits: 1, omittingEmptySubsequences: false)
    guard let first = number(ends[0]), let last = ends.count == 1 ? first : number(ends[1]), first <= last else {
        return nil
    }
    return first...last
}

private func number(_ digits: Substring.UTF8View) -> Int? {
    guard digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return nil }
    return Int(String(decoding: digits, as: UTF8.self))
}
