// Bytes that are no UTF-8 as text, without loss. A name is what its bytes are; Swift's own conversion puts U+FFFD in
// their place, which is another name.

internal import CLinux

/// The encoding of CLinux.h: a byte that is part of no character as one of the last 128 characters of Unicode, which are
/// for private use, and the bytes of these characters themselves in the same way.
package enum RawText {
    /// Bytes, ended by a zero, as text from which `bytes(_:)` and the system calls of CLinux make the same bytes.
    package static func text(_ bytes: UnsafePointer<CChar>) -> String {
        if let text = String(validatingCString: bytes), clinux_holds_escape(bytes) == 0 { return text }
        var units: [UInt8] = []
        var rest = UnsafeBufferPointer(start: bytes, count: clinux_length(bytes)).map { UInt8(bitPattern: $0) }[...]
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
        let length = clinux_unescape(text, &bytes, bytes.count)
        return Array(bytes[...length])
    }
}
