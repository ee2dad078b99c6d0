// The part of protobuf's encoding that the two envelopes of ttrpc need, straight from and to NIO's buffers.

internal import NIOCore

/// The value of a field in a message.
enum WireValue {
    case varint(UInt64)
    case bytes(ByteBuffer)
    case other
}

extension ByteBuffer {
    mutating func readVarint() -> UInt64? {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            guard let byte: UInt8 = readInteger() else { return nil }
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return value }
        }
        return nil
    }

    /// The number and value of the next field; nil if the bytes are not protobuf.
    mutating func readField() -> (number: UInt64, value: WireValue)? {
        guard let key = readVarint(), key >> 3 != 0 else { return nil }
        switch key & 7 {
        case 0:
            guard let value = readVarint() else { return nil }
            return (key >> 3, .varint(value))
        case 1, 5:
            let size = key & 7 == 1 ? 8 : 4
            guard readSlice(length: size) != nil else { return nil }
            return (key >> 3, .other)
        case 2:
            guard let length = readVarint(), length <= UInt64(readableBytes), let bytes = readSlice(length: Int(length))
            else { return nil }
            return (key >> 3, .bytes(bytes))
        default:
            return nil
        }
    }

    mutating func writeVarint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            writeInteger(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        writeInteger(UInt8(rest))
    }

    /// Writes a varint field; zero, the default, is omitted.
    mutating func writeField(_ number: UInt64, _ value: UInt64) {
        if value == 0 { return }
        writeVarint(number << 3)
        writeVarint(value)
    }

    /// Writes a length-delimited field; an empty one, the default, is omitted.
    mutating func writeField(_ number: UInt64, _ bytes: some Collection<UInt8>) {
        if bytes.isEmpty { return }
        writeMessage(number, bytes)
    }

    /// Writes a length-delimited field even if it is empty, because a present message must be written.
    mutating func writeMessage(_ number: UInt64, _ bytes: some Collection<UInt8>) {
        writeVarint(number << 3 | 2)
        writeVarint(UInt64(bytes.count))
        writeBytes(bytes)
    }

    /// The remaining bytes as text; ill-formed UTF-8 is repaired.
    var text: String { String(buffer: self) }
    /// The remaining bytes.
    var array: [UInt8] { Array(readableBytesView) }
}
