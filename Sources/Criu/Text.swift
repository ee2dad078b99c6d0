// Looking for a text in a text, without what the standard library's own takes to start with.

extension StringProtocol where SubSequence == Substring {
    /// The first place of a text in this one, byte by byte.
    func firstRange(of other: StaticString) -> Range<Index>? {
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

    func holds(_ other: StaticString) -> Bool { firstRange(of: other) != nil }
}
