// The text of a JSON document: checks that json-c lacks, and the line and column of errors.

internal import Glibc

/// The text of a document before parsing.
struct JSONText {
    let bytes: UnsafeBufferPointer<UInt8>

    /// Refuses text that json-c would misread.
    func check() throws(InvalidSpec) {
        if bytes.allSatisfy(Self.isSpace) { throw InvalidSpec(keyPath: "", problem: "the document is empty") }
        if bytes.count >= Int(Int32.max) { throw InvalidSpec(keyPath: "", problem: "the document is too large") }
        if bytes.starts(with: [0xef, 0xbb, 0xbf]) { throw failure("a byte order mark is not allowed", at: 0) }
        do {
            _ = try UTF8Span(validating: bytes.span)
        } catch {
            throw failure("expected UTF-8", at: error.byteOffsets.lowerBound)
        }
        try checkEscapes()
        if hasLongNumber { try checkIntegers() }
    }

    /// Refuses NUL in any form, because the kernel's strings and json-c's property names end there. Refuses half a
    /// surrogate pair too, because json-c would replace it by another character.
    private func checkEscapes() throws(InvalidSpec) {
        if let offset = firstIndex(of: 0, from: 0) { throw failure("a NUL byte is not allowed", at: offset) }
        var offset = 0
        while let escape = firstIndex(of: UInt8(ascii: "\\"), from: offset) {
            if bytes[escape...].starts(with: #"\u0000"#.utf8) {
                throw failure(#"\u0000 is not allowed in a string"#, at: escape)
            }
            offset = min(escape + 2, bytes.count)
            guard let unit = utf16Unit(at: escape), (0xd800..<0xe000).contains(unit) else { continue }
            offset = escape + 6
            guard unit < 0xdc00, let second = utf16Unit(at: offset), (0xdc00..<0xe000).contains(second) else {
                throw failure("half a surrogate pair is not a character", at: escape)
            }
            offset += 6
        }
    }

    /// The UTF-16 unit of an escape such as `\u00e9`; nil if there is no escape.
    private func utf16Unit(at offset: Int) -> UInt32? {
        guard bytes.count - offset >= 6, bytes[offset] == UInt8(ascii: "\\"), bytes[offset + 1] == UInt8(ascii: "u")
        else { return nil }
        return UInt32(String(decoding: bytes[(offset + 2)..<(offset + 6)], as: UTF8.self), radix: 16)
    }

    /// Whether the text may contain an integer of more than 64 bits.
    ///
    /// Such an integer has at least 19 digits, so it suffices to look at every 19th byte.
    private var hasLongNumber: Bool {
        let length = 19
        var offset = 0
        while offset < bytes.count {
            if Self.isDigit(bytes[offset]) {
                let before = bytes[..<offset].reversed().prefix { Self.isDigit($0) }.count
                let after = bytes[offset...].prefix { Self.isDigit($0) }.count
                if before + after >= length { return true }
            }
            offset += length
        }
        return false
    }

    /// Refuses integers of more than 64 bits: json-c would replace them by the nearest one that fits.
    private func checkIntegers() throws(InvalidSpec) {
        var offset = 0
        while offset < bytes.count {
            let byte = bytes[offset]
            if byte == UInt8(ascii: "\"") {
                offset = endOfString(from: offset + 1)
            } else if byte == UInt8(ascii: "-") || Self.isDigit(byte) {
                let token = bytes[offset...].prefix { Self.isDigit($0) || Self.isNumberSign($0) }
                let text = String(decoding: token, as: UTF8.self)
                let isInteger = token.dropFirst().allSatisfy(Self.isDigit)
                if isInteger, text != "-", Int64(text) == nil, UInt64(text) == nil {
                    throw failure("expected an integer of at most 64 bits", at: offset)
                }
                offset += token.count
            } else {
                offset += 1
            }
        }
    }

    /// The offset after the quote that ends a string.
    private func endOfString(from start: Int) -> Int {
        var offset = start
        while offset < bytes.count, bytes[offset] != UInt8(ascii: "\"") {
            offset += bytes[offset] == UInt8(ascii: "\\") ? 2 : 1
        }
        return offset + 1
    }

    /// An error at an offset, reported as line and column.
    func failure(_ problem: String, at offset: Int) -> InvalidSpec {
        let before = bytes[..<min(offset, bytes.count)]
        let newline = UInt8(ascii: "\n")
        let line = before.reduce(into: 1) { count, byte in count += byte == newline ? 1 : 0 }
        let column = before.count - (before.lastIndex(of: newline).map { $0 + 1 } ?? 0) + 1
        return InvalidSpec(keyPath: "", problem: "line \(line), column \(column): \(problem)")
    }

    /// The character at an offset, for messages.
    func character(at offset: Int) -> String {
        guard offset < bytes.count else { return "end" }
        let byte = bytes[offset]
        return (0x21..<0x7f).contains(byte) ? String(UnicodeScalar(byte)) : "character"
    }

    private func firstIndex(of byte: UInt8, from offset: Int) -> Int? {
        guard let start = bytes.baseAddress, let found = memchr(start + offset, Int32(byte), bytes.count - offset)
        else { return nil }
        return UnsafeRawPointer(found) - UnsafeRawPointer(start)
    }

    static func isSpace(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\t")
            || byte == UInt8(ascii: "\r")
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func isNumberSign(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"): true
        default: false
        }
    }
}
