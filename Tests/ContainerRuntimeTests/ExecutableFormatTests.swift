// The format of a program, from its first bytes.

import Testing

@testable import ContainerRuntime

struct ExecutableFormatTests {
    @Test(
        "a script's interpreter is what the kernel takes for it",
        arguments: [
            ("#!/bin/sh\n", "/bin/sh"), ("#! /bin/sh\n", "/bin/sh"), ("#!\t/usr/bin/env python\nprint", "/usr/bin/env"),
            ("#!/bin/sh\r\n", "/bin/sh\r"), ("#!/bin/sh", "/bin/sh"), ("#!\n", ""), ("#!", ""),
        ])
    func script(text: String, interpreter: String) {
        #expect(ExecutableFormat(Array(text.utf8)) == .script(interpreter: interpreter))
    }

    @Test("an empty file, and one that is neither binary nor script, are recognised")
    func others() {
        #expect(ExecutableFormat([]) == .empty)
        #expect(ExecutableFormat([0x23]) == .unknown)
        #expect(ExecutableFormat(Array("echo".utf8)) == .unknown)
        #expect(ExecutableFormat([0x7f, 0x45, 0x4c, 0x46]) == .unknown)
    }

    @Test("a binary's machine is read in the binary's byte order")
    func machine() {
        #expect(ExecutableFormat(elf(machine: 183)) == .binary(machine: 183, loader: nil))
        var big = elf(machine: 0)
        big[5] = 2
        big[19] = 22
        #expect(ExecutableFormat(big) == .binary(machine: 22, loader: nil))
    }

    @Test("the loader is found in the program headers")
    func loader() {
        #expect(ExecutableFormat(elf(machine: 62, loader: "/lib/ld.so")) == .binary(machine: 62, loader: "/lib/ld.so"))
    }

    @Test("a loader's name that was read only in part is ignored")
    func loaderCutShort() {
        let whole = elf(machine: 62, loader: "/lib/ld.so")
        #expect(ExecutableFormat(Array(whole.dropLast())) == .binary(machine: 62, loader: nil))
        #expect(ExecutableFormat(Array(whole.dropLast(5))) == .binary(machine: 62, loader: nil))
    }

    @Test("a binary cut short at any byte is read without harm")
    func truncated() {
        let whole = elf(machine: 62, loader: "/lib/ld.so")
        for length in 20..<whole.count {
            guard case .binary(62, _) = ExecutableFormat(Array(whole[..<length])) else {
                Issue.record("\(length) bytes are no binary")
                return
            }
        }
    }

    @Test("what the kernel refuses has a reason")
    func refusals() {
        func refusal(_ bytes: [UInt8], older: Bool = false) -> String? {
            ExecutableFormat(bytes).refusal(bytes, mayHaveOlderMachine: older)
        }
        let own = ExecutableFormat.ownMachine
        let whole = elf(machine: UInt8(own), loader: "/lib/ld.so")
        #expect(refusal(whole) == nil)
        #expect(refusal(Array(whole[..<119])) == "the file is cut short: it has 119 bytes, and its headers need 120")
        #expect(refusal(Array(whole[..<40])) == "the file is cut short: it has 40 bytes, and its headers need 64")
        #expect(refusal(Array(whole[..<5])) == "the file is cut short: it has 5 bytes, and its headers need 64")
        #expect(refusal(Array(whole[..<4])) == "the file is cut short: it has 4 bytes, and its headers need 52")
        #expect(refusal([]) == "the file is empty")
        #expect(refusal(Array("#!\n".utf8)) == "its first line names no interpreter")
        #expect(refusal(Array("#!/bin/sh\n".utf8)) == nil)
        let older = elf(machine: own == 62 ? 3 : 40)
        #expect(refusal(older)?.hasPrefix("it is a binary for") == true)
        #expect(refusal(older, older: true) == nil)
        #expect(refusal(elf(machine: 8), older: true)?.hasPrefix("it is a binary for mips") == true)
    }

    @Test("offsets beyond the file, and beyond the range of integers, are refused")
    func wildOffsets() {
        var bytes = elf(machine: 62, loader: "/lib/ld.so")
        for index in 32..<40 { bytes[index] = 0xff }
        bytes[56] = 0xff
        #expect(ExecutableFormat(bytes) == .binary(machine: 62, loader: nil))
        bytes = elf(machine: 62, loader: "/lib/ld.so")
        for index in 72..<80 { bytes[index] = 0xff }
        #expect(ExecutableFormat(bytes) == .binary(machine: 62, loader: nil))
    }

    /// A 64-bit little-endian header with at most one program header.
    private func elf(machine: UInt8, loader: String? = nil) -> [UInt8] {
        var bytes: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1] + [UInt8](repeating: 0, count: 57)
        bytes[18] = machine
        bytes[32] = 64
        bytes[54] = 56
        guard let loader else { return bytes }
        bytes[56] = 1
        var header = [UInt8](repeating: 0, count: 56)
        header[0] = 3
        header[8] = 120
        return bytes + header + Array(loader.utf8) + [0]
    }
}
