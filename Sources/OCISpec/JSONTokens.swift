// Reads the tokens of a JSON document. json-c accepts more than RFC 8259 allows, and reads some of it as something else.

/// The tokens of a document, front to back; valid as long as its text.
@safe struct JSONTokens {
    /// One token. Punctuation is its character, a word is `true`, `false` or `null`.
    enum Kind: Equatable { case punctuation(UInt8), string, number, word }

    /// Where the last token begins.
    private(set) var start = 0
    /// Where the last token ends.
    private(set) var end = 0
    /// The offset of the first byte that is not JSON: no token follows. If the parser refuses it too, its sentence is
    /// the better one.
    private(set) var strange: Int?

    private let text: JSONText
    private let bytes: UnsafeBufferPointer<UInt8>

    init(_ text: JSONText) {
        self.text = text
        unsafe bytes = unsafe text.bytes
    }

    /// The kind of the next token; nil at the end of the document.
    mutating func next() throws(InvalidSpec) -> Kind? {
        // A variable of its own stays in a register.
        var offset = end
        while unsafe offset < bytes.count, unsafe JSONText.isSpace(bytes[offset]) { offset += 1 }
        end = offset
        guard unsafe end < bytes.count else { return nil }
        start = end
        let kind: Kind
        let byte = unsafe bytes[end]
        switch byte {
        case UInt8(ascii: "{"), UInt8(ascii: "}"), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: ","),
            UInt8(ascii: ":"):
            end += 1
            kind = .punctuation(byte)
        case UInt8(ascii: "\""):
            try skipString()
            kind = .string
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            skipNumber()
            kind = .number
        default:
            if byte == 0 { throw text.failure("a NUL byte is not allowed", at: end) }
            skipWord()
            kind = .word
        }
        guard let strange else { return kind }
        end = unsafe bytes.count
        return strange < end ? nil : kind
    }

    // json-c itself refuses unknown escapes.
    private mutating func skipString() throws(InvalidSpec) {
        var offset = end + 1
        defer { end = offset }
        while unsafe offset < bytes.count {
            let byte = unsafe bytes[offset]
            if byte == UInt8(ascii: "\"") {
                offset += 1
                return
            }
            if byte == UInt8(ascii: "\\") {
                offset = unsafe min(try text.endOfEscape(at: offset), bytes.count)
            } else if byte < 0x20 {
                if byte == 0 { throw text.failure("a NUL byte is not allowed", at: offset) }
                strange = offset
                return
            } else {
                offset += 1
            }
        }
    }

    // number = [ "-" ] ( "0" / digit1-9 *digit ) [ "." 1*digit ] [ ("e" / "E") [ "-" / "+" ] 1*digit ]
    private mutating func skipNumber() {
        if unsafe bytes[end] == UInt8(ascii: "-") { end += 1 }
        let first = end
        skipDigits()
        if end - first > 1, unsafe bytes[first] == UInt8(ascii: "0") { strange = strange ?? first + 1 }
        if unsafe end < bytes.count, unsafe bytes[end] == UInt8(ascii: ".") {
            end += 1
            skipDigits()
        }
        guard unsafe end < bytes.count, unsafe bytes[end] | 0x20 == UInt8(ascii: "e") else { return }
        end += 1
        if unsafe end < bytes.count, unsafe bytes[end] == UInt8(ascii: "+") || bytes[end] == UInt8(ascii: "-") {
            end += 1
        }
        skipDigits()
    }

    private mutating func skipDigits() {
        let first = end
        while unsafe end < bytes.count, unsafe JSONText.isDigit(bytes[end]) { end += 1 }
        if end == first { strange = strange ?? end }
    }

    private mutating func skipWord() {
        while unsafe end < bytes.count, unsafe JSONText.isLetter(bytes[end]) { end += 1 }
        if !isWord("true"), !isWord("false"), !isWord("null") { strange = start }
    }

    private func isWord(_ name: StaticString) -> Bool {
        let name = unsafe UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
        guard end - start == name.count else { return false }
        for index in 0..<name.count where unsafe bytes[start + index] != name[index] { return false }
        return true
    }
}
