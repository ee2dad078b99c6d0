// Frames as bytes, and bytes as frames.

import NIOCore
import TTRPC
import Testing

@Suite struct FrameTests {
    @Test func `a frame is ten bytes of header and its data`() {
        var buffer = ByteBuffer()
        Frame(stream: 0x0102_0305, kind: .request, flags: [.remoteClosed], payload: ByteBuffer(bytes: [0xaa, 0xbb]))
            .write(to: &buffer)
        #expect(Array(buffer.readableBytesView) == [0, 0, 0, 2, 1, 2, 3, 5, 1, 1, 0xaa, 0xbb])
    }

    @Test func `an empty frame is only its header`() {
        var buffer = ByteBuffer()
        Frame(stream: 1, kind: .response).write(to: &buffer)
        #expect(Array(buffer.readableBytesView) == [0, 0, 0, 0, 0, 0, 0, 1, 2, 0])
    }

    /// Three frames, one of them empty and one of an unknown kind, cut at every position.
    @Test func `frames come out whole wherever the bytes are cut`() {
        let frames = [
            Frame(stream: 1, kind: .request, payload: ByteBuffer(string: "hello")),
            Frame(stream: 3, kind: .response),
            Frame(stream: 5, kind: .init(rawValue: 77), flags: [.noData], payload: ByteBuffer(string: "?")),
        ]
        let wire = bytes(of: frames)
        for cut in 0...wire.count {
            var decoder = FrameDecoder()
            var found: [FrameDecoder.Element] = []
            var buffer = ByteBuffer()
            for part in [wire[..<cut], wire[cut...]] {
                buffer.writeBytes(part)
                while let element = decoder.next(from: &buffer) { found.append(element) }
            }
            #expect(found == frames.map { .frame($0) }, "cut at \(cut)")
        }
    }

    @Test func `frames come out whole when every byte arrives alone`() {
        let frames = [
            Frame(stream: 1, kind: .request, payload: ByteBuffer(string: "one")),
            Frame(stream: 3, kind: .request, payload: ByteBuffer(string: "two")),
        ]
        var decoder = FrameDecoder()
        var buffer = ByteBuffer()
        var found: [FrameDecoder.Element] = []
        for byte in bytes(of: frames) {
            buffer.writeInteger(byte)
            while let element = decoder.next(from: &buffer) { found.append(element) }
        }
        #expect(found == frames.map { .frame($0) })
    }

    @Test(arguments: [UInt32(Frame.longestPayload) + 1, 5 << 20, .max])
    func `too much data is dropped as it arrives and the next frame is found`(length: UInt32) {
        var decoder = FrameDecoder()
        var buffer = ByteBuffer()
        buffer.writeInteger(length)
        buffer.writeInteger(UInt32(7))
        buffer.writeBytes([1, 0])
        let header = Frame.Header(length: length, stream: 7, kind: .request, flags: [])
        #expect(decoder.next(from: &buffer) == .oversized(header))
        #expect(decoder.next(from: &buffer) == nil)
        let piece = ByteBuffer(repeating: 0xff, count: 1 << 20)
        var left = Int(length)
        while left > 0 {
            buffer = piece.getSlice(at: 0, length: min(left, piece.readableBytes)) ?? ByteBuffer()
            left -= buffer.readableBytes
            #expect(decoder.next(from: &buffer) == nil)
            #expect(buffer.readableBytes == 0)
        }
        let next = Frame(stream: 9, kind: .request, payload: ByteBuffer(string: "next"))
        next.write(to: &buffer)
        #expect(decoder.next(from: &buffer) == .frame(next))
    }

    @Test func `the longest allowed frame is a frame`() {
        let frame = Frame(stream: 1, kind: .data, payload: ByteBuffer(repeating: 1, count: Frame.longestPayload))
        var buffer = ByteBuffer()
        frame.write(to: &buffer)
        var decoder = FrameDecoder()
        #expect(decoder.next(from: &buffer) == .frame(frame))
    }

    private func bytes(of frames: [Frame]) -> [UInt8] {
        var buffer = ByteBuffer()
        for frame in frames { frame.write(to: &buffer) }
        return Array(buffer.readableBytesView)
    }
}
