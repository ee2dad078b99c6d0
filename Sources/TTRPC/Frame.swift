// The ttrpc frame: a ten-byte header and its data.

package import NIOCore

/// One message on the wire.
package struct Frame: Equatable, Sendable {
    /// The maximum size of a frame's data.
    package static let longestPayload = 4 << 20

    package var header: Header
    package var payload: ByteBuffer

    package init(stream: UInt32, kind: Kind, flags: Flags = [], payload: ByteBuffer = ByteBuffer()) {
        let length = UInt32(clamping: payload.readableBytes)
        header = Header(length: length, stream: stream, kind: kind, flags: flags)
        self.payload = payload
    }

    init(header: Header, payload: ByteBuffer) {
        self.header = header
        self.payload = payload
    }

    /// Appends the encoded frame.
    package func write(to buffer: inout ByteBuffer) {
        buffer.reserveCapacity(minimumWritableBytes: Header.size + payload.readableBytes)
        buffer.writeInteger(UInt32(clamping: payload.readableBytes))
        buffer.writeInteger(header.stream)
        buffer.writeInteger(header.kind.rawValue)
        buffer.writeInteger(header.flags.rawValue)
        buffer.writeImmutableBuffer(payload)
    }
}

extension Frame {
    /// The type byte. Unknown values are kept, because a receiver must ignore such frames.
    package struct Kind: RawRepresentable, Hashable, Sendable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }

        package static let request = Kind(rawValue: 1)
        package static let response = Kind(rawValue: 2)
        package static let data = Kind(rawValue: 3)
    }

    /// The state of the sender's half of the stream.
    package struct Flags: OptionSet, Hashable, Sendable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }

        package static let remoteClosed = Flags(rawValue: 1)
        package static let remoteOpen = Flags(rawValue: 2)
        package static let noData = Flags(rawValue: 4)
    }

    /// Length (big-endian), stream, type and flags.
    package struct Header: Hashable, Sendable {
        static let size = 10

        package var length: UInt32
        package var stream: UInt32
        package var kind: Kind
        package var flags: Flags

        package init(length: UInt32, stream: UInt32, kind: Kind, flags: Flags) {
            self.length = length
            self.stream = stream
            self.kind = kind
            self.flags = flags
        }
    }
}
