// Decides when Go's encoding/json considers two property names equal.

/// Compares a name in a document with the name of a property, both ended by a zero byte.
enum JSONKey {
    /// Whether a name equals a key of ASCII letters apart from case. Unicode's simple folding applies: the long s
    /// (U+017F) counts as an s, and the Kelvin sign (U+212A) as a k. Go, encoding/json, `foldName`.
    static func matches(_ name: UnsafePointer<UInt8>, _ key: UnsafePointer<UInt8>) -> Bool {
        var (name, key) = unsafe (name, key)
        while true {
            let letter = unsafe key.pointee
            if unsafe name.pointee == letter {
                if letter == 0 { return true }
                unsafe name += 1
            } else {
                let width = unsafe otherCase(name, lowercase(letter))
                if width == 0 { return false }
                unsafe name += width
            }
            unsafe key += 1
        }
    }

    /// The number of bytes of the character at `name` if it is another form of the letter; otherwise 0.
    private static func otherCase(_ name: UnsafePointer<UInt8>, _ letter: UInt8) -> Int {
        guard letter >= UInt8(ascii: "a"), letter <= UInt8(ascii: "z") else { return 0 }
        if unsafe lowercase(name[0]) == letter { return 1 }
        if letter == UInt8(ascii: "s"), unsafe name[0] == 0xc5, unsafe name[1] == 0xbf { return 2 }
        if letter == UInt8(ascii: "k"), unsafe name[0] == 0xe2, unsafe name[1] == 0x84, unsafe name[2] == 0xaa {
            return 3
        }
        return 0
    }

    private static func lowercase(_ byte: UInt8) -> UInt8 {
        byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
    }
}
