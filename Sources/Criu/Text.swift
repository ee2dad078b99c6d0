// Looking for a text in a text. The standard library's firstRange(of:) brings all of its regular expressions into the program.

extension StringProtocol where SubSequence == Substring {
    /// The first place of a text in this one, byte by byte.
    func place(of other: StaticString) -> Range<Index>? {
        let wanted = UnsafeBufferPointer(start: other.utf8Start, count: other.utf8CodeUnitCount)
        var start = utf8.startIndex
        while start != utf8.endIndex {
            let rest = utf8[start...]
            if rest.starts(with: wanted) {
                return start..<(utf8.index(start, offsetBy: wanted.count))
            }
            start = utf8.index(after: start)
        }
        return nil
    }

    func holds(_ other: StaticString) -> Bool { place(of: other) != nil }
}
