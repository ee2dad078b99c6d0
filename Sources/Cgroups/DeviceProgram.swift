// A device policy as the eBPF program that cgroup v2 asks about every access to a device.

/// One instruction of eBPF, `struct bpf_insn`.
struct DeviceInstruction: Equatable {
    var code: UInt8
    var destination: UInt8 = 0
    var source: UInt8 = 0
    var offset: Int16 = 0
    var immediate: Int32 = 0

    /// As the kernel takes it: the registers share a byte, the destination in its low half.
    var encoded: UInt64 {
        UInt64(code) | UInt64(destination | source << 4) << 8 | UInt64(UInt16(bitPattern: offset)) << 16
            | UInt64(UInt32(bitPattern: immediate)) << 32
    }
}

/// The program of a policy.
///
/// Its context is `struct bpf_cgroup_dev_ctx`: the kind in the low and the access in the high half of a word, then major
/// and minor. It answers 1 for allowed. An access may ask for several things at once, of which each is decided by the
/// last rule that speaks of it; so the rules come in reverse, and a rule that allows only a part leaves the rest to those
/// after it. Only instructions that the oldest verifier knows are used.
struct DeviceProgram: Equatable {
    private(set) var instructions: [DeviceInstruction] = []

    init(_ policy: DevicePolicy) {
        load(.kind, at: 0)
        add(0x54, .kind, immediate: 0xffff)  // w2 &= 0xffff
        load(.access, at: 0)
        add(0x74, .access, immediate: 16)  // w3 >>= 16
        load(.major, at: 4)
        load(.minor, at: 8)
        for rule in policy.rules.reversed() { add(rule) }
        answer(policy.allowsByDefault)
    }

    private enum Register: UInt8 {
        case answer = 0
        case scratch = 1
        case kind = 2
        case access = 3
        case major = 4
        case minor = 5
    }

    private mutating func add(
        _ code: UInt8, _ destination: Register, _ source: Register = .answer, offset: Int16 = 0, immediate: Int32 = 0
    ) {
        instructions.append(
            DeviceInstruction(
                code: code, destination: destination.rawValue, source: source.rawValue, offset: offset,
                immediate: immediate))
    }

    /// `rN = *(u32 *)(r1 + offset)`
    private mutating func load(_ register: Register, at offset: Int16) { add(0x61, register, .scratch, offset: offset) }

    /// `r0 = answer; exit`
    private mutating func answer(_ allow: Bool) {
        add(0xb7, .answer, immediate: allow ? 1 : 0)
        add(0x95, .answer)
    }

    private mutating func add(_ rule: DeviceRule) {
        let start = instructions.count
        skip(.kind, unless: rule.kind.rawValue)
        if let major = rule.major { skip(.major, unless: major) }
        if let minor = rule.minor { skip(.minor, unless: minor) }
        if rule.access != .all {
            if rule.allow {
                // Granted; what else was asked for is left to the rules before.
                add(0x54, .access, immediate: Int32(DeviceAccess.all.subtracting(rule.access).rawValue))
                add(0x55, .access)  // if r3 != 0
            } else {
                add(0xbc, .scratch, .access)  // w1 = w3
                add(0x54, .scratch, immediate: Int32(rule.access.rawValue))
                add(0x15, .scratch)  // if r1 == 0
            }
        }
        answer(rule.allow)
        // Every jump of the block leads behind it.
        for index in start..<instructions.count where [0x55, 0x15].contains(instructions[index].code) {
            instructions[index].offset = Int16(instructions.count - index - 1)
        }
    }

    /// `if rN != value` goes on to the next rule.
    private mutating func skip(_ register: Register, unless value: UInt32) {
        add(0x55, register, immediate: Int32(bitPattern: value))
    }
}
