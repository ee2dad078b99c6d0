// The text of a JSON document: checks that json-c lacks, and the line and column of errors.

/// The text of a document before parsing; valid only inside of the closure that lends its bytes.
@safe struct JSONText {
    let bytes: UnsafeBufferPointer<UInt8>

    /// Refuses text that json-c would misread.
    /// - Returns: the number of properties of all objects, and the offset of the first byte that is not JSON.
    func check() throws(InvalidSpec) -> (properties: Int, strange: Int?) {
        if unsafe bytes.allSatisfy(Self.isSpace) { throw InvalidSpec(keyPath: "", problem: "the document is empty") }
        if unsafe bytes.count >= Int(Int32.max) { throw InvalidSpec(keyPath: "", problem: "the document is too large") }
        if unsafe bytes.starts(with: [0xef, 0xbb, 0xbf]) { throw failure("a byte order mark is not allowed", at: 0) }
        do {
            _ = try unsafe UTF8Span(validating: bytes.span)
        } catch {
            throw failure("expected UTF-8", at: error.byteOffsets.lowerBound)
        }
        var tokens = JSONTokens(self)
        var colons = 0
        while let kind = try tokens.next() {
            switch kind {
            case .punctuation(UInt8(ascii: ":")): colons += 1
            case .number where tokens.end - tokens.start >= 19: try checkInteger(tokens.start..<tokens.end)
            default: break
            }
        }
        return (colons, tokens.strange)
    }

    /// Refuses an integer of more than 64 bits: json-c would replace it by the nearest one that fits.
    private func checkInteger(_ token: Range<Int>) throws(InvalidSpec) {
        let text = unsafe String(decoding: bytes[token], as: UTF8.self)
        guard unsafe bytes[token].dropFirst().allSatisfy(Self.isDigit), Int64(text) == nil, UInt64(text) == nil else {
            return
        }
        let position = failure("expected an integer of at most 64 bits", at: token.lowerBound)
        throw try JSONPlace.failure(position.problem, at: token.lowerBound, in: self)
    }

    /// The offset after the escape at an offset.
    ///
    /// Refuses NUL, because the kernel's strings and json-c's property names end there. Refuses half a surrogate pair
    /// too, because json-c would replace it by another character.
    func endOfEscape(at escape: Int) throws(InvalidSpec) -> Int {
        guard let unit = utf16Unit(at: escape) else { return escape + 2 }
        if unit == 0 { throw failure(#"\u0000 is not allowed in a string"#, at: escape) }
        guard (0xd800..<0xe000).contains(unit) else { return escape + 6 }
        guard unit < 0xdc00, let second = utf16Unit(at: escape + 6), (0xdc00..<0xe000).contains(second) else {
            throw failure("half a surrogate pair is not a character", at: escape)
        }
        return escape + 12
    }

    /// The UTF-16 unit of an escape such as `\u00e9`; nil if there is no escape.
    private func utf16Unit(at offset: Int) -> UInt32? {
        guard unsafe bytes.count - offset >= 6, unsafe bytes[offset] == UInt8(ascii: "\\"),
            unsafe bytes[offset + 1] == UInt8(ascii: "u")
        else { return nil }
        return unsafe UInt32(String(decoding: bytes[(offset + 2)..<(offset + 6)], as: UTF8.self), radix: 16)
    }

    /// An error at an offset, reported as line and column.
    func failure(_ problem: String, at offset: Int) -> InvalidSpec {
        let before = unsafe bytes[..<min(offset, bytes.count)]
        let newline = UInt8(ascii: "\n")
        let line = unsafe before.reduce(into: 1) { count, byte in count += byte == newline ? 1 : 0 }
        let column = unsafe before.count - (before.lastIndex(of: newline).map { $0 + 1 } ?? 0) + 1
        return InvalidSpec(keyPath: "", problem: "line \(line), column \(column): \(problem)")
    }

    /// The character at an offset, for messages.
    func character(at offset: Int) -> String {
        guard unsafe offset < bytes.count else { return "end" }
        let byte = unsafe bytes[offset]
        return (0x21..<0x7f).contains(byte) ? String(UnicodeScalar(byte)) : "character"
    }

    static func isSpace(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\t")
            || byte == UInt8(ascii: "\r")
    }

    static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }
}
