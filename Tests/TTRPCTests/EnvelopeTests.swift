// Requests and responses as protobuf.

import NIOCore
import TTRPC
import Testing

@Suite struct EnvelopeTests {
    // service: "s" method: "m" payload: 01 timeout_nano: 300 metadata {key: "k" value: "v"}
    private let requestBytes: [UInt8] = [
        0x0a, 1, 0x73, 0x12, 1, 0x6d, 0x1a, 1, 1, 0x20, 0xac, 0x02, 0x2a, 6, 0x0a, 1, 0x6b, 0x12, 1, 0x76,
    ]
    private let request = Request(
        service: "s", method: "m", payload: [1], timeoutNanoseconds: 300, metadata: [.init("k", "v")])

    @Test func `a request is its fields in order`() {
        #expect(Array(request.encoded().readableBytesView) == requestBytes)
    }

    @Test func `a request is read back`() {
        #expect(Request(decoding: ByteBuffer(bytes: requestBytes)) == request)
    }

    @Test func `unknown fields are ignored`() {
        let future: [UInt8] = [
            0x30, 5, 0x39, 1, 2, 3, 4, 5, 6, 7, 8, 0x45, 1, 2, 3, 4, 0x4a, 2, 9, 9,
        ]
        #expect(Request(decoding: ByteBuffer(bytes: requestBytes + future)) == request)
    }

    @Test func `a request cut short is no request`() {
        let whole: Set = [0, 3, 6, 9, 12, requestBytes.count]
        for length in 0...requestBytes.count {
            let decoded = Request(decoding: ByteBuffer(bytes: requestBytes[..<length]))
            #expect((decoded != nil) == whole.contains(length), "\(length) bytes")
        }
    }

    @Test(
        arguments: [
            [0x08, 1],  // service as a number
            [0x20],  // a number that is missing
            [0x20, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],  // a number without an end
            [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],  // a length past everything
            [0x0b, 0x0c],  // groups
            [0x00, 0x00],  // field zero
        ] as [[UInt8]])
    func `garbage is no request`(bytes: [UInt8]) {
        #expect(Request(decoding: ByteBuffer(bytes: bytes)) == nil)
    }

    @Test func `success without data is no bytes at all`() {
        #expect(Response(.success([])).encoded().readableBytes == 0)
        #expect(Response(decoding: ByteBuffer()) == Response(.success([])))
    }

    @Test func `a failure has a code and a message`() {
        let response = Response(.failure(Status(.notFound, "gone")))
        let bytes: [UInt8] = [0x0a, 8, 0x08, 5, 0x12, 4, 0x67, 0x6f, 0x6e, 0x65]
        #expect(Array(response.encoded().readableBytesView) == bytes)
        #expect(Response(decoding: ByteBuffer(bytes: bytes)) == response)
    }

    @Test func `code zero is success and an undefined code is unknown`() {
        #expect(Response(decoding: ByteBuffer(bytes: [0x0a, 0, 0x12, 1, 7])) == Response(.success([7])))
        let strange = Response(decoding: ByteBuffer(bytes: [0x0a, 2, 0x08, 99]))
        #expect(strange == Response(.failure(Status(.unknown, ""))))
    }
}
