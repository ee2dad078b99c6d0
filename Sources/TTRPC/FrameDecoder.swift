// Finds the frames in a byte stream that arrives in pieces of any size.

package import NIOCore

/// Finds the frames in received bytes, and skips frames that are too long.
package struct FrameDecoder: Sendable {
    /// The next part of the stream.
    package enum Element: Equatable, Sendable {
        case frame(Frame)
        /// A frame announced more data than is allowed; the decoder drops the data as it arrives.
        case oversized(Frame.Header)
    }

    private var bytesToDrop = 0

    package init() {}

    /// Removes the next element from the front of the buffer; nil if more bytes are needed.
    package mutating func next(from buffer: inout ByteBuffer) -> Element? {
        if bytesToDrop > 0 {
            let dropped = min(bytesToDrop, buffer.readableBytes)
            buffer.moveReaderIndex(forwardBy: dropped)
            bytesToDrop -= dropped
            if bytesToDrop > 0 { return nil }
        }
        guard let header = Frame.Header(peekingAt: buffer) else { return nil }
        let length = Int(header.length)
        if length > Frame.longestPayload {
            buffer.moveReaderIndex(forwardBy: Frame.Header.size)
            bytesToDrop = length
            return .oversized(header)
        }
        guard let payload = buffer.getSlice(at: buffer.readerIndex + Frame.Header.size, length: length) else {
            return nil
        }
        buffer.moveReaderIndex(forwardBy: Frame.Header.size + length)
        return .frame(Frame(header: header, payload: payload))
    }
}

extension Frame.Header {
    fileprivate init?(peekingAt buffer: ByteBuffer) {
        let start = buffer.readerIndex
        guard let length: UInt32 = buffer.getInteger(at: start),
            let stream: UInt32 = buffer.getInteger(at: start + 4),
            let kind: UInt8 = buffer.getInteger(at: start + 8),
            let flags: UInt8 = buffer.getInteger(at: start + 9)
        else { return nil }
        self.init(length: length, stream: stream, kind: .init(rawValue: kind), flags: .init(rawValue: flags))
    }
}
