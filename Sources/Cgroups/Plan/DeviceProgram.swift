// A device policy as an eBPF program, which the kernel runs for every access of a cgroup v2 to a device.

/// One instruction of eBPF, `struct bpf_insn`.
struct DeviceInstruction: Equatable {
    var code: UInt8
    var destination: UInt8 = 0
    var source: UInt8 = 0
    var offset: Int16 = 0
    var immediate: Int32 = 0

    /// The kernel's encoding: the registers share a byte, with the destination in the lower half.
    var encoded: UInt64 {
        UInt64(code) | UInt64(destination | source << 4) << 8 | UInt64(UInt16(bitPattern: offset)) << 16
            | UInt64(UInt32(bitPattern: immediate)) << 32
    }
}

/// The program of a policy.
///
/// Its context is `struct bpf_cgroup_dev_ctx`: the kind in the lower and the access in the upper half of a word, then
/// major and minor. It returns 1 if the access is allowed. An access may request several rights at once, and for each
/// right the last matching rule decides. Therefore the rules are tested in reverse order, and a rule that allows only
/// some of the rights leaves the others to the rules after it. The program uses only instructions that the oldest
/// verifier accepts.
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
                // Allowed; the remaining rights are left to the earlier rules.
                add(0x54, .access, immediate: Int32(DeviceAccess.all.subtracting(rule.access).rawValue))
                add(0x55, .access)  // if r3 != 0
            } else {
                add(0xbc, .scratch, .access)  // w1 = w3
                add(0x54, .scratch, immediate: Int32(rule.access.rawValue))
                add(0x15, .scratch)  // if r1 == 0
            }
        }
        answer(rule.allow)
        // Every jump of the block leads to its end.
        for index in start..<instructions.count where [0x55, 0x15].contains(instructions[index].code) {
            instructions[index].offset = Int16(instructions.count - index - 1)
        }
    }

    /// Continues with the next rule if `rN != value`.
    private mutating func skip(_ register: Register, unless value: UInt32) {
        add(0x55, register, immediate: Int32(bitPattern: value))
    }
}
