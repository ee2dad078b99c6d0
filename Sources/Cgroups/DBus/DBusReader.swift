// Decodes values of a D-Bus message.

/// Reads values from a message; a malformed value reads as nil, and no read passes the end.
struct DBusReader {
    private let bytes: ArraySlice<UInt8>
    private(set) var position: Int

    /// - Parameter bytes: a message from its first byte, because alignment counts from there.
    init(_ bytes: [UInt8], at position: Int = 0) {
        self.bytes = bytes[...]
        self.position = position
    }

    mutating func align(_ size: Int) { position = (position + size - 1) / size * size }

    private mutating func integer<Value: FixedWidthInteger>(_ type: Value.Type) -> Value? {
        let size = MemoryLayout<Value>.size
        align(size)
        guard position + size <= bytes.endIndex else { return nil }
        var value: Value = 0
        for offset in (0..<size).reversed() { value = value << 8 | Value(truncatingIfNeeded: bytes[position + offset]) }
        position += size
        return value
    }

    private mutating func text(_ length: Int) -> String? {
        guard position + length < bytes.endIndex else { return nil }
        defer { position += length + 1 }
        return String(decoding: bytes[position..<(position + length)], as: UTF8.self)
    }

    /// Reads all values of a signature.
    mutating func values(_ signature: String) -> [DBusValue]? {
        var letters = Array(signature.utf8)[...]
        var values: [DBusValue] = []
        while !letters.isEmpty {
            guard let value = value(&letters, depth: 0) else { return nil }
            values.append(value)
        }
        return values
    }

    private mutating func value(_ letters: inout ArraySlice<UInt8>, depth: Int) -> DBusValue? {
        guard depth < 32, let letter = letters.popFirst() else { return nil }
        switch letter {
        case UInt8(ascii: "y"):
            guard position < bytes.endIndex else { return nil }
            defer { position += 1 }
            return .byte(bytes[position])
        case UInt8(ascii: "b"): return integer(UInt32.self).map { .boolean($0 != 0) }
        case UInt8(ascii: "i"): return integer(Int32.self).map(DBusValue.int32)
        case UInt8(ascii: "u"), UInt8(ascii: "h"): return integer(UInt32.self).map(DBusValue.uint32)
        case UInt8(ascii: "x"): return integer(Int64.self).map(DBusValue.int64)
        case UInt8(ascii: "t"): return integer(UInt64.self).map(DBusValue.uint64)
        case UInt8(ascii: "d"): return integer(UInt64.self).map { .double(Double(bitPattern: $0)) }
        case UInt8(ascii: "s"): return integer(UInt32.self).flatMap { text(Int($0)) }.map(DBusValue.string)
        case UInt8(ascii: "o"): return integer(UInt32.self).flatMap { text(Int($0)) }.map(DBusValue.objectPath)
        case UInt8(ascii: "g"): return integer(UInt8.self).flatMap { text(Int($0)) }.map(DBusValue.signature)
        case UInt8(ascii: "v"):
            guard let signature = integer(UInt8.self).flatMap({ text(Int($0)) }) else { return nil }
            var inner = Array(signature.utf8)[...]
            return value(&inner, depth: depth + 1).map(DBusValue.variant)
        case UInt8(ascii: "("), UInt8(ascii: "{"): return structure(&letters, depth: depth)
        case UInt8(ascii: "a"): return array(&letters, depth: depth)
        default: return nil
        }
    }

    private mutating func structure(_ letters: inout ArraySlice<UInt8>, depth: Int) -> DBusValue? {
        align(8)
        var members: [DBusValue] = []
        while let letter = letters.first {
            if letter == UInt8(ascii: ")") || letter == UInt8(ascii: "}") {
                letters.removeFirst()
                return .structure(members)
            }
            guard let member = value(&letters, depth: depth + 1) else { return nil }
            members.append(member)
        }
        return nil
    }

    private mutating func array(_ letters: inout ArraySlice<UInt8>, depth: Int) -> DBusValue? {
        guard let length = integer(UInt32.self), let first = letters.first else { return nil }
        align(DBusWriter.alignment(of: first))
        let end = position + Int(length)
        guard end <= bytes.endIndex, let size = Self.lengthOfType(letters) else { return nil }
        let element = letters.prefix(size)
        letters = letters.dropFirst(size)
        var values: [DBusValue] = []
        while position < end {
            var one = element
            guard let value = value(&one, depth: depth + 1) else { return nil }
            values.append(value)
        }
        return .array(String(decoding: element, as: UTF8.self), values)
    }

    /// The number of letters of the first complete type in a signature.
    private static func lengthOfType(_ letters: ArraySlice<UInt8>) -> Int? {
        var depth = 0
        for (count, letter) in letters.enumerated() {
            if letter == UInt8(ascii: "(") || letter == UInt8(ascii: "{") { depth += 1 }
            if letter == UInt8(ascii: ")") || letter == UInt8(ascii: "}") { depth -= 1 }
            if depth == 0, letter != UInt8(ascii: "a") { return count + 1 }
        }
        return nil
    }
}
