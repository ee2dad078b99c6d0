// Evaluates a seccomp filter for a system call by running its program as the kernel does. seccomp(2), bpf(4).

/// A system call from the view of a filter.
struct SystemCallFacts {
    var number: UInt32
    var architecture: UInt32
    var arguments: [UInt64] = []

    /// struct seccomp_data, in 32-bit words.
    fileprivate func word(at offset: UInt32) -> UInt32? {
        switch offset {
        case 0: return number
        case 4: return architecture
        case 8, 12: return 0
        case 16..<64 where offset % 4 == 0:
            let index = Int(offset - 16) / 8
            let value = index < arguments.count ? arguments[index] : 0
            return UInt32(truncatingIfNeeded: offset % 8 == 0 ? value : value >> 32)
        default: return nil
        }
    }
}

/// The result of a program; nil if the program is invalid: a jump outside, or an instruction that seccomp does not
/// allow.
func answer(of program: [UInt8], to call: SystemCallFacts) -> UInt32? {
    var place = 0
    var accumulator: UInt32 = 0
    while (place + 1) * 8 <= program.count {
        let bytes = program[place * 8..<place * 8 + 8]
        let code = UInt16(bytes[place * 8]) | UInt16(bytes[place * 8 + 1]) << 8
        let jumps = (Int(bytes[place * 8 + 2]), Int(bytes[place * 8 + 3]))
        var value: UInt32 = 0
        for byte in bytes.suffix(4).reversed() { value = value << 8 | UInt32(byte) }
        place += 1
        switch code {
        case 0x20:  // BPF_LD | BPF_W | BPF_ABS
            guard let word = call.word(at: value) else { return nil }
            accumulator = word
        case 0x54: accumulator &= value  // BPF_ALU | BPF_AND | BPF_K
        case 0x05: place += Int(value)  // BPF_JMP | BPF_JA
        case 0x15: place += accumulator == value ? jumps.0 : jumps.1  // BPF_JEQ
        case 0x25: place += accumulator > value ? jumps.0 : jumps.1  // BPF_JGT
        case 0x35: place += accumulator >= value ? jumps.0 : jumps.1  // BPF_JGE
        case 0x45: place += accumulator & value != 0 ? jumps.0 : jumps.1  // BPF_JSET
        case 0x06: return value  // BPF_RET | BPF_K
        default: return nil
        }
    }
    return nil
}
