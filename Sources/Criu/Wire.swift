// The binary form of Protocol Buffers, as far as CRIU's messages use it: numbers, texts, and messages in messages.
// protobuf.dev, "Encoding".

/// Writes the fields of a message.
struct WireWriter {
    private(set) var bytes: [UInt8] = []

    private enum Kind: UInt64 { case number = 0, bytes = 2 }

    private mutating func append(_ number: UInt64) {
        var rest = number
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    private mutating func tag(_ field: UInt64, _ kind: Kind) { append(field << 3 | kind.rawValue) }

    /// A number; nil writes nothing, and zero is written: whether a field is there means something to CRIU.
    mutating func number(_ field: UInt64, _ value: UInt64?) {
        guard let value else { return }
        tag(field, .number)
        append(value)
    }

    /// A signed number, which is extended to 64 bits: a negative one takes ten bytes.
    mutating func signed(_ field: UInt64, _ value: Int32?) {
        number(field, value.map { UInt64(bitPattern: Int64($0)) })
    }

    mutating func flag(_ field: UInt64, _ value: Bool?) { number(field, value.map { $0 ? 1 : 0 }) }

    /// A flag that is left out when it is not set.
    mutating func setFlag(_ field: UInt64, _ value: Bool) { if value { flag(field, true) } }

    mutating func text(_ field: UInt64, _ value: String?) {
        guard let value else { return }
        content(field, Array(value.utf8))
    }

    mutating func texts(_ number: UInt64, _ values: [String]) { for value in values { text(number, value) } }

    mutating func message(_ number: UInt64, _ write: (inout WireWriter) -> Void) {
        var inner = WireWriter()
        write(&inner)
        content(number, inner.bytes)
    }

    private mutating func content(_ number: UInt64, _ content: [UInt8]) {
        tag(number, .bytes)
        append(UInt64(content.count))
        bytes += content
    }
}

/// The error for bytes that are not a message.
package struct WireError: Error, Equatable {
    package let problem: String
}

/// Reads the fields of a message, in the order in which they come.
struct WireReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: some Sequence<UInt8>) { rest = ArraySlice(bytes) }

    /// A field's value; numbers of a fixed size are passed over, as none of the messages that are read has any.
    enum Value {
        case number(UInt64)
        case bytes(ArraySlice<UInt8>)

        var int32: Int32? { if case .number(let value) = self { Int32(truncatingIfNeeded: value) } else { nil } }
        var flag: Bool? { if case .number(let value) = self { value != 0 } else { nil } }
        var text: String? { if case .bytes(let value) = self { String(decoding: value, as: UTF8.self) } else { nil } }
        var message: WireReader? { if case .bytes(let value) = self { WireReader(value) } else { nil } }
    }

    /// - Returns: nil at the end.
    /// - Throws: the bytes are cut short, or of a kind that there is not.
    mutating func next() throws(WireError) -> (field: UInt64, value: Value)? {
        while !rest.isEmpty {
            let tag = try number()
            switch tag & 7 {
            case 0: return (tag >> 3, .number(try number()))
            case 1: _ = try take(8)
            case 2: return (tag >> 3, .bytes(try take(try number())))
            case 5: _ = try take(4)
            default: throw WireError(problem: "a field of the unknown kind \(tag & 7)")
            }
        }
        return nil
    }

    private mutating func number() throws(WireError) -> UInt64 {
        var result: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            guard let byte = rest.popFirst() else { throw WireError(problem: "a number is cut short") }
            result |= shift < 64 ? UInt64(byte & 0x7f) << shift : 0
            if byte & 0x80 == 0 { return result }
        }
        throw WireError(problem: "a number has more than ten bytes")
    }

    private mutating func take(_ count: UInt64) throws(WireError) -> ArraySlice<UInt8> {
        guard count <= UInt64(rest.count) else { throw WireError(problem: "a field is cut short") }
        let result = rest.prefix(Int(count))
        rest = rest.dropFirst(Int(count))
        return result
    }
}
