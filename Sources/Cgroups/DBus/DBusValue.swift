// Values of D-Bus messages, and their bytes.

/// A value in a message (D-Bus specification, Type system).
indirect enum DBusValue: Equatable, Sendable {
    case byte(UInt8)
    case boolean(Bool)
    case int32(Int32)
    case uint32(UInt32)
    case int64(Int64)
    case uint64(UInt64)
    case double(Double)
    case string(String)
    case objectPath(String)
    case signature(String)
    /// Elements of one type. The signature is stored because an empty array has no element to derive it from.
    case array(String, [DBusValue])
    case structure([DBusValue])
    case variant(DBusValue)

    /// The value's type signature.
    var signature: String {
        switch self {
        case .byte: "y"
        case .boolean: "b"
        case .int32: "i"
        case .uint32: "u"
        case .int64: "x"
        case .uint64: "t"
        case .double: "d"
        case .string: "s"
        case .objectPath: "o"
        case .signature: "g"
        case .array(let element, _): "a\(element)"
        case .structure(let members): "(\(members.map({ $0.signature }).joined()))"
        case .variant: "v"
        }
    }

    static func strings(_ values: [String]) -> DBusValue { .array("s", values.map(DBusValue.string)) }
    static func bytes(_ values: [UInt8]) -> DBusValue { .array("y", values.map(DBusValue.byte)) }

    /// The text of a string or object path, or of a variant that contains one.
    var text: String? {
        switch self {
        case .string(let text), .objectPath(let text): text
        case .variant(let value): value.text
        default: nil
        }
    }
}

/// The bytes of a message under construction; every value is aligned to its size from the start of the message.
struct DBusWriter {
    private(set) var bytes: [UInt8] = []

    mutating func align(_ size: Int) { while bytes.count % size != 0 { bytes.append(0) } }

    private mutating func integer<Value: FixedWidthInteger>(_ value: Value) {
        align(MemoryLayout<Value>.size)
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    private mutating func text(_ text: String) {
        bytes.append(contentsOf: text.utf8)
        bytes.append(0)
    }

    mutating func append(_ value: DBusValue) {
        switch value {
        case .byte(let value): bytes.append(value)
        case .boolean(let value): integer(UInt32(value ? 1 : 0))
        case .int32(let value): integer(value)
        case .uint32(let value): integer(value)
        case .int64(let value): integer(value)
        case .uint64(let value): integer(value)
        case .double(let value): integer(value.bitPattern)
        case .string(let value), .objectPath(let value):
            integer(UInt32(value.utf8.count))
            text(value)
        case .signature(let value):
            bytes.append(UInt8(truncatingIfNeeded: value.utf8.count))
            text(value)
        case .array(let element, let values): append(values, of: element)
        case .structure(let members):
            align(8)
            for member in members { append(member) }
        case .variant(let value):
            append(.signature(value.signature))
            append(value)
        }
    }

    private mutating func append(_ values: [DBusValue], of element: String) {
        integer(UInt32(0))
        let length = bytes.count - 4
        align(DBusWriter.alignment(of: element.utf8.first ?? 0))
        let start = bytes.count
        for value in values { append(value) }
        // The padding before the first element does not count.
        withUnsafeBytes(of: UInt32(bytes.count - start).littleEndian) { size in
            for (offset, byte) in size.enumerated() { bytes[length + offset] = byte }
        }
    }

    /// The alignment of a type, by the first letter of its signature.
    static func alignment(of letter: UInt8) -> Int {
        switch letter {
        case UInt8(ascii: "x"), UInt8(ascii: "t"), UInt8(ascii: "d"), UInt8(ascii: "("), UInt8(ascii: "{"): 8
        case UInt8(ascii: "y"), UInt8(ascii: "g"), UInt8(ascii: "v"): 1
        default: 4
        }
    }
}
