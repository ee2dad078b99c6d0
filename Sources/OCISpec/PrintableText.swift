// Makes foreign text safe to show: text from a container, an image or a config can contain any character.

extension Unicode.Scalar {
    /// Whether the character is visible or blank, and does not change how other characters are displayed.
    ///
    /// Excluded are control characters (with DEL and C1; 9B starts a sequence as ESC does) and characters that
    /// reorder text (bidi), break lines, or have no width: Unicode's categories Cc, Cf, Zl and Zp, and
    /// Default_Ignorable_Code_Point.
    package var isPrintable: Bool {
        if value < 0x7f { return value >= 0x20 }
        if value < 0xa0 { return false }
        return !Self.hidden.contains { $0.contains(value) }
    }

    private static let hidden: [ClosedRange<UInt32>] = [
        0xad...0xad, 0x34f...0x34f, 0x600...0x605, 0x61c...0x61c, 0x6dd...0x6dd, 0x70f...0x70f, 0x890...0x891,
        0x8e2...0x8e2, 0x115f...0x1160, 0x17b4...0x17b5, 0x180b...0x180f, 0x200b...0x200f, 0x2028...0x202e,
        0x2060...0x206f, 0x3164...0x3164, 0xfe00...0xfe0f, 0xfeff...0xfeff, 0xffa0...0xffa0, 0xfff0...0xfffb,
        0x110bd...0x110bd, 0x110cd...0x110cd, 0x13430...0x1343f, 0x1bca0...0x1bca3, 0x1d173...0x1d17a,
        0xe0000...0xe0fff, RawBytes.characters,
    ]
}

extension String {
    /// The text on one line; characters that are not printable become escapes such as `\n` and `\u{1b}`.
    package var printable: String {
        if utf8.allSatisfy({ (0x20..<0x7f).contains($0) }) { return self }
        var result = ""
        for scalar in withBytesShown.unicodeScalars {
            switch scalar {
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case _ where scalar.isPrintable: result.unicodeScalars.append(scalar)
            default: result += "\\u{" + String(scalar.value, radix: 16) + "}"
            }
        }
        return result
    }

    /// The text with long values cut, for a message: what stands in quotes, or is one word outside of them. Most paths are
    /// shorter than the limit and stay whole.
    package var withLongValuesCut: String {
        let quote = UInt8(ascii: "\"")
        let parts = utf8.split(separator: quote, omittingEmptySubsequences: false)
        guard parts.contains(where: { $0.count > Self.longestValue }) else { return self }
        var result: [UInt8] = []
        for (index, part) in parts.enumerated() {
            if index > 0 { result.append(quote) }
            // The first part precedes a quote, so that every second one is in quotes.
            result += Self.cut(Array(part)[...], at: index % 2 == 1 ? [] : [UInt8(ascii: " "), UInt8(ascii: "\n")])
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static let longestValue = 1024

    private static func cut(_ bytes: ArraySlice<UInt8>, at separators: ArraySlice<UInt8>) -> [UInt8] {
        guard bytes.count > longestValue else { return Array(bytes) }
        if let separator = separators.first {
            var result: [UInt8] = []
            for part in bytes.split(separator: separator, omittingEmptySubsequences: false) {
                if part.startIndex != bytes.startIndex { result.append(separator) }
                result += cut(part, at: separators.dropFirst())
            }
            return result
        }
        let bytes = Array(bytes)
        var kept = 128
        // Not inside of a character.
        while kept > 0, bytes[kept] & 0xc0 == 0x80 { kept -= 1 }
        return Array(bytes[..<kept]) + Array("… (\(bytes.count) bytes)".utf8)
    }

    /// The text in double quotes with JSON's escapes, which readers of logfmt accept too; characters that are not
    /// printable are escaped.
    package var quoted: String { String(decoding: json(), as: UTF8.self) }
}
