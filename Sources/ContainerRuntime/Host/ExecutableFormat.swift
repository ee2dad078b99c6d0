// Recognises how a file is executed by its first bytes. execve(2), elf(5).

internal import CLinux
internal import Glibc
internal import Kernel

/// A program's file, as the kernel takes it.
enum ExecutableFormat: Equatable {
    case empty
    /// Begins with `#!` and the path of who reads it.
    case script(interpreter: String)
    /// An ELF file for a machine (`EM_*`), with the path of the loader it asks for, if it is linked dynamically.
    case binary(machine: UInt16, loader: String?)
    case unknown

    /// - Parameter bytes: the beginning of the file; 4096 bytes hold what is asked of them.
    init(_ bytes: [UInt8]) {
        if bytes.isEmpty {
            self = .empty
        } else if bytes.starts(with: [0x23, 0x21]) {
            self = .script(interpreter: Self.interpreter(bytes.dropFirst(2)))
        } else if bytes.starts(with: [0x7f, 0x45, 0x4c, 0x46]), let machine = Self.number(bytes, 18, 2) {
            self = .binary(machine: UInt16(machine), loader: Self.loader(bytes))
        } else {
            self = .unknown
        }
    }

    // Up to the first blank; a carriage return is part of it, as it is for the kernel.
    private static func interpreter(_ line: ArraySlice<UInt8>) -> String {
        let isBlank = { (byte: UInt8) in byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        let text = line.prefix { $0 != UInt8(ascii: "\n") && $0 != 0 }.drop(while: isBlank)
        return RawText.text(Array(text.prefix { !isBlank($0) }))
    }

    // The program header PT_INTERP.
    private static func loader(_ bytes: [UInt8]) -> String? {
        let is64Bit = bytes.count > 4 && bytes[4] == 2
        guard let table = number(bytes, is64Bit ? 32 : 28, is64Bit ? 8 : 4),
            let size = number(bytes, is64Bit ? 54 : 42, 2), let count = number(bytes, is64Bit ? 56 : 44, 2),
            table < bytes.count
        else { return nil }
        for index in 0..<Int(min(count, 64)) {
            let header = Int(table) + index * Int(size)
            guard number(bytes, header, 4) == 3,
                let offset = number(bytes, header + (is64Bit ? 8 : 4), is64Bit ? 8 : 4), offset < bytes.count
            else { continue }
            let name = bytes[Int(offset)...].prefix { $0 != 0 }
            // One that is cut short would be another file's.
            return name.endIndex < bytes.endIndex ? RawText.text(Array(name)) : nil
        }
        return nil
    }

    // Little-endian, or as the fifth byte says.
    private static func number(_ bytes: [UInt8], _ offset: Int, _ size: Int) -> UInt64? {
        guard offset >= 0, offset <= bytes.count - size else { return nil }
        let digits = bytes[offset..<offset + size]
        let isBigEndian = bytes[5] == 2
        return (isBigEndian ? Array(digits) : digits.reversed()).reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// The first bytes of a file: as many as are asked of it.
    static func beginning(behind place: borrowing OwnedDescriptor) throws(Errno) -> [UInt8] {
        let file = try openRegular(behind: place)
        var bytes = [UInt8](repeating: 0, count: bytesNeeded)
        let number = file.rawValue
        let length = try checked { bytes.withUnsafeMutableBytes { pread(number, $0.baseAddress, $0.count, 0) } }
        return Array(bytes[..<length])
    }

    private static let bytesNeeded = 4096

    /// Why the kernel executes no file of this format; nil if it does.
    /// - Parameters:
    ///   - bytes: the file's beginning.
    ///   - mayHaveOlderMachine: whether a kernel may be built to execute binaries of the machine's predecessor of 32 bits,
    ///     which is not asked.
    func refusal(_ bytes: [UInt8], mayHaveOlderMachine: Bool) -> String? {
        switch self {
        case .empty: return "the file is empty"
        case .unknown: return Self.loss(bytes) ?? "it is neither a binary nor a script that begins with \"#!\""
        case .script(""): return "its first line names no interpreter"
        case .script: return nil
        case .binary(let machine, _):
            let own = Self.ownMachine
            if machine == own || mayHaveOlderMachine && Self.isOlder(machine, than: own) { return Self.loss(bytes) }
            let name = Self.name(ofMachine: own)
            return "it is a binary for \(Self.name(ofMachine: machine)), and this machine is \(name)"
        }
    }

    private static func loss(_ bytes: [UInt8]) -> String? {
        guard let least = leastLength(bytes), bytes.count < min(least, bytesNeeded) else { return nil }
        return "the file is cut short: it has \(bytes.count) bytes, and its headers need \(least)"
    }

    private static func isOlder(_ machine: UInt16, than own: UInt16) -> Bool {
        own == 62 && machine == 3 || own == 183 && machine == 40
    }

    /// The least length of an ELF file: its header and the program headers; nil for another file.
    private static func leastLength(_ bytes: [UInt8]) -> Int? {
        guard bytes.starts(with: [0x7f, 0x45, 0x4c, 0x46]) else { return nil }
        let is64Bit = bytes.count > 4 && bytes[4] == 2
        let header = is64Bit ? 64 : 52
        guard bytes.count >= header else { return header }
        guard let table = number(bytes, is64Bit ? 32 : 28, is64Bit ? 8 : 4), table < 1 << 32,
            let size = number(bytes, is64Bit ? 54 : 42, 2), let count = number(bytes, is64Bit ? 56 : 44, 2)
        else { return nil }
        return max(header, Int(table + size * count))
    }

    /// The problem of a script whose first line has a line end of Windows.
    static func carriageReturn(_ interpreter: String, of path: String) -> String {
        "the first line of \(path) ends with a carriage return, as files from Windows do, "
            + "which makes its interpreter \"\(interpreter.dropLast())\\r\""
    }

    /// The machine that a binary is for, by its usual name.
    static func name(ofMachine machine: UInt16) -> String {
        switch machine {
        case 3: "x86"
        case 8: "mips"
        case 21: "ppc64"
        case 22: "s390x"
        case 40: "arm"
        case 62: "x86-64"
        case 183: "arm64"
        case 243: "riscv64"
        default: "machine \(machine)"
        }
    }

    /// The machine this program runs on.
    static var ownMachine: UInt16 { UInt16(CLINUX_ELF_MACHINE) }
}
