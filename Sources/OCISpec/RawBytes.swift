// Bytes that are not UTF-8, in strings: the characters that stand for them (CLinux.h) come from command lines and
// from the kernel. In documents of other programs the same characters stand for themselves.

internal import Glibc

/// The last 128 characters of Unicode; each stands for a byte from 80 to FF.
enum RawBytes {
    static let characters: ClosedRange<UInt32> = 0x10ff80...0x10ffff

    /// A document of another program, with each such character replaced by the four characters that stand for its
    /// bytes; nil if the document contains none, which is the usual case.
    static func escaped(document bytes: [UInt8]) -> [UInt8]? {
        // As UTF-8 the characters begin with this byte; as an escape with this half of a surrogate pair.
        guard index(of: 0xf4, in: bytes[...]) != nil || holdsPair(bytes) else { return nil }
        var result: [UInt8] = []
        var rest = bytes[...]
        while let byte = rest.first {
            if let character = utf8Character(rest) {
                result += character.flatMap(escape)
                rest = rest.dropFirst(4)
            } else if byte == UInt8(ascii: "\\") {
                if let unit = utf16Unit(rest), unit == 0xdbff, let second = utf16Unit(rest.dropFirst(6)),
                    second >= 0xdf80, let scalar = Unicode.Scalar(0x10fc00 + (second - 0xdc00))
                {
                    result += String(scalar).utf8.flatMap(escape)
                    rest = rest.dropFirst(12)
                } else {
                    // Together with the next character, which may be another backslash.
                    result += rest.prefix(2)
                    rest = rest.dropFirst(2)
                }
            } else {
                result.append(byte)
                rest = rest.dropFirst()
            }
        }
        return result
    }

    private static func holdsPair(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while let index = index(of: UInt8(ascii: "\\"), in: rest) {
            if utf16Unit(rest[index...]) == 0xdbff { return true }
            rest = rest[(index + 1)...]
        }
        return false
    }

    private static func index(of byte: UInt8, in bytes: ArraySlice<UInt8>) -> Int? {
        unsafe bytes.withUnsafeBytes { buffer in
            guard let start = buffer.baseAddress, let found = unsafe memchr(start, Int32(byte), buffer.count) else {
                return nil
            }
            return unsafe bytes.startIndex + (UnsafeRawPointer(found) - start)
        }
    }

    private static func utf8Character(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        let character = bytes.prefix(4)
        let isOne =
            character.count == 4
            && (character.starts(with: [0xf4, 0x8f, 0xbe]) || character.starts(with: [0xf4, 0x8f, 0xbf]))
        return isOne ? character : nil
    }

    private static func utf16Unit(_ bytes: ArraySlice<UInt8>) -> UInt32? {
        let escape = bytes.prefix(6)
        guard escape.count == 6, escape.starts(with: #"\u"#.utf8) else { return nil }
        return UInt32(String(decoding: escape.dropFirst(2), as: UTF8.self), radix: 16)
    }

    private static func escape(_ byte: UInt8) -> [UInt8] {
        [0xf4, 0x8f, byte < 0xc0 ? 0xbe : 0xbf, byte < 0xc0 ? byte : byte - 0x40]
    }
}

extension String {
    /// The text for people: `\xe9` for a byte that is not UTF-8, and a character of ``RawBytes`` from another program
    /// unchanged.
    var withBytesShown: String {
        guard unicodeScalars.contains(where: { RawBytes.characters.contains($0.value) }) else { return self }
        var shown = String.UnicodeScalarView()
        var bytes: [UInt8] = []
        for scalar in unicodeScalars {
            if RawBytes.characters.contains(scalar.value) {
                bytes.append(UInt8(truncatingIfNeeded: scalar.value))
                continue
            }
            shown += Self.shown(bytes).unicodeScalars
            bytes = []
            shown.append(scalar)
        }
        shown += Self.shown(bytes).unicodeScalars
        return String(shown)
    }

    private static func shown(_ bytes: [UInt8]) -> String {
        var text = ""
        var rest = bytes[...]
        while let byte = rest.first {
            if let character = String(validating: rest.prefix(4), as: UTF8.self), rest.count >= 4 {
                text += character
                rest = rest.dropFirst(4)
            } else {
                text += "\\x" + String(byte, radix: 16)
                rest = rest.dropFirst()
            }
        }
        return text
    }
}
