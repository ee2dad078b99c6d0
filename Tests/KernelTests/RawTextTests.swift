// Bytes as text and back.

import Testing

@testable import Kernel

struct RawTextTests {
    @Test(
        arguments: [
            [], [0x61], [0x63, 0x61, 0x66, 0xe9], [0xff], [0x80, 0xc3], [0xc3, 0xa9], [0xf0, 0x9f, 0x98, 0x80],
            [0xf0, 0x9f, 0x98], [0xe2, 0x28, 0xa1], [0xed, 0xa0, 0x80], [0xc0, 0xaf],
            // The characters that the encoding uses, whole and in part.
            [0xf4, 0x8f, 0xbe, 0x80], [0xf4, 0x8f, 0xbf, 0xbf], [0xf4, 0x8f, 0xbe],
            [0x61, 0xf4, 0x8f, 0xbd, 0xbf, 0xe9],
        ] as [[UInt8]])
    func `come back as they were`(bytes: [UInt8]) {
        let name = bytes.map { CChar(bitPattern: $0) } + [0]
        #expect(RawText.bytes(RawText.text(name)) == name)
    }

    @Test(arguments: UInt8(1)...255) func `of one byte too`(byte: UInt8) {
        let name = [CChar(bitPattern: byte), 0]
        #expect(RawText.bytes(RawText.text(name)) == name)
    }

    @Test func `are the text itself where they are one`() {
        #expect(RawText.text("grün") == "grün")
        #expect(RawText.bytes("a\u{10ff80}\u{10ffff}b") == [0x61, -128, -1, 0x62, 0])
    }
}
