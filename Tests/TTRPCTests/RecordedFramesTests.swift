// Frames recorded from containerd.

import Glibc
import NIOCore
import TTRPC
import Testing

@Suite struct RecordedFramesTests {
    @Test func `a container's life is nine calls on odd and rising streams`() throws {
        var decoder = FrameDecoder()
        var buffer = ByteBuffer(bytes: try recording("containerd-1.6-run.hex"))
        var requests: [Request] = []
        var streams: [UInt32] = []
        while let element = decoder.next(from: &buffer) {
            guard case .frame(let frame) = element else {
                Issue.record("an oversized frame")
                return
            }
            #expect(frame.header.kind == .request)
            #expect(frame.header.flags == [])
            streams.append(frame.header.stream)
            requests.append(try #require(Request(decoding: frame.payload)))
        }
        #expect(buffer.readableBytes == 0)
        #expect(streams == [1, 3, 5, 7, 9, 11, 13, 15, 17])
        #expect(Set(requests.map(\.service)) == ["containerd.task.v2.Task"])
        #expect(
            requests.map(\.method)
                == ["Create", "Connect", "Connect", "Start", "Wait", "State", "State", "Delete", "Shutdown"])
        // Shutdown has a timeout of three seconds, less the time that has passed.
        let patience = try #require(requests.last?.timeoutNanoseconds)
        #expect((2_900_000_000...3_000_000_000).contains(patience))
        #expect(requests.dropFirst(3).first?.payload == [0x0a, 2] + Array("r1".utf8))
    }

    @Test func `a recorded request is encoded as it was recorded`() throws {
        var decoder = FrameDecoder()
        var buffer = ByteBuffer(bytes: try recording("containerd-1.6-run.hex"))
        while case .frame(let frame)? = decoder.next(from: &buffer) {
            #expect(Request(decoding: frame.payload)?.encoded() == frame.payload)
        }
    }

    /// The bytes of a file of hexadecimal lines.
    private func recording(_ name: String) throws -> [UInt8] {
        let root = #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 }
        let file = try #require(fopen("\(root)/spec-fixtures/ttrpc/\(name)", "r"))
        defer { fclose(file) }
        var text: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 4096)
        while case let count = fread(&block, 1, block.count, file), count > 0 { text += block[..<count] }
        return String(decoding: text, as: UTF8.self).split(separator: "\n").filter { !$0.hasPrefix("#") }
            .flatMap { line in
                stride(from: 0, to: line.utf8.count, by: 2).compactMap { offset in
                    UInt8(String(line.dropFirst(offset).prefix(2)), radix: 16)
                }
            }
    }
}
