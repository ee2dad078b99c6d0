// Text without loss for bytes that are not UTF-8. Swift's own conversion replaces them by U+FFFD, which would change
// a file's name.

internal import CLinux

/// The encoding of CLinux.h: a byte that is not part of a valid character becomes one of the last 128 characters of
/// Unicode, which are for private use. The bytes of those characters are encoded in the same way.
package enum RawText {
    /// Bytes, ended by a zero, as text that `bytes(_:)` and the system calls of CLinux convert back to the same
    /// bytes.
    package static func text(_ bytes: UnsafePointer<CChar>) -> String {
        if let text = unsafe String(validatingCString: bytes), unsafe clinux_holds_escape(bytes) == 0 { return text }
        let length = unsafe clinux_length(bytes)
        return unsafe escaped(UnsafeBufferPointer(start: bytes, count: length).map { UInt8(bitPattern: $0) })
    }

    /// The same for bytes without a final zero: the content of a file.
    package static func text(_ bytes: [UInt8]) -> String {
        // The encoding's characters begin with this byte, and hardly any others do.
        if let text = String(validating: bytes, as: UTF8.self), !bytes.contains(0xf4) { return text }
        return escaped(bytes)
    }

    private static func escaped(_ bytes: [UInt8]) -> String {
        var units: [UInt8] = []
        var rest = bytes[...]
        while let first = rest.first {
            let width = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
            let character = rest.prefix(width)
            let isOurs = character.starts(with: [0xf4, 0x8f, 0xbe]) || character.starts(with: [0xf4, 0x8f, 0xbf])
            if !isOurs, String(validating: character, as: UTF8.self) != nil {
                units += character
                rest = rest.dropFirst(character.count)
            } else {
                units += [0xf4, 0x8f, first < 0xc0 ? 0xbe : 0xbf, first < 0xc0 ? first : first - 0x40]
                rest = rest.dropFirst()
            }
        }
        return String(decoding: units, as: UTF8.self)
    }

    /// The bytes that a text stands for, ended by a zero.
    package static func bytes(_ text: String) -> [CChar] {
        var bytes = [CChar](repeating: 0, count: text.utf8.count + 1)
        let length = unsafe clinux_unescape(text, &bytes, bytes.count)
        return Array(bytes[...length])
    }
}
