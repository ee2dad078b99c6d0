// From a seccomp profile to a program for the kernel, by libseccomp.

internal import CLinux
internal import CSeccomp
internal import Glibc
internal import Kernel
internal import OCISpec
internal import Planning

/// Compiles a profile.
struct SeccompCompiler {
    let plan: SeccompPlan

    /// The default without flags in the config: the mitigation that a filter would otherwise switch on costs programs
    /// much more than it gives. seccomp(2), `SECCOMP_FILTER_FLAG_SPEC_ALLOW`.
    static func flags(_ plan: SeccompPlan) -> SeccompFlags {
        var flags = plan.flags ?? .allowSpeculation
        // One thread is all there is.
        flags.remove(.threadSync)
        if plan.notifies { flags.insert(.newListener) }
        return flags
    }

    /// - Returns: instructions of eight bytes each, in the machine's byte order.
    /// - Throws: what libseccomp refuses.
    func program() throws(Failure) -> [UInt8] {
        guard let context = seccomp_init(plan.defaultAction) else {
            throw Failure(.other, "linux.seccomp.defaultAction: libseccomp knows no such action")
        }
        defer { seccomp_release(context) }
        let x32: UInt32 = 0x4000_003e  // SCMP_ARCH_X32: numbers with bit 30 set, of x86_64
        var architectures = [seccomp_arch_native()]
        for name in plan.architectures {
            let token = seccomp_arch_resolve_name(name)
            // An architecture that this libseccomp does not know cannot be what this machine runs.
            guard token != 0, token != seccomp_arch_native() else { continue }
            let code = seccomp_arch_add(context, token)
            guard code == 0 || code == -EEXIST else {
                throw Failure("linux.seccomp.architectures: add \(name)", Errno(rawValue: -code))
            }
            if token != x32 { architectures.append(token) }
        }
        if plan.rules.count > 32 || plan.rules.contains(where: { $0.names.count > 32 }) {
            seccomp_attr_set(context, scmp_filter_attr(8), 2)  // SCMP_FLTATR_CTL_OPTIMIZE: a binary tree
        }
        var seen = SeenRules()
        for (index, rule) in plan.rules.enumerated() where rule.action != plan.defaultAction {
            for name in rule.names where try seen.isNew(name, rule, index) { try add(name, rule, index, to: context) }
        }
        return refusalOfNewCalls(architectures) + (try export(context))
    }

    private func add(
        _ name: String, _ rule: SeccompPlan.Rule, _ index: Int, to context: scmp_filter_ctx
    ) throws(Failure) {
        let number = seccomp_syscall_resolve_name(name)
        // Profiles name calls of kernels to come: what is not known cannot be made.
        guard number != -1 else { return }
        let comparisons = rule.comparisons.map { comparison in
            scmp_arg_cmp(
                arg: comparison.argument, op: scmp_compare(comparison.operation), datum_a: comparison.first,
                datum_b: comparison.second)
        }
        let code = seccomp_rule_add_array(context, rule.action, number, UInt32(comparisons.count), comparisons)
        // A rule that exists already, or equals the default, changes nothing.
        guard code == 0 || code == -EEXIST || code == -EACCES else {
            throw Failure("linux.seccomp.syscalls[\(index)]: add \(name)", Errno(rawValue: -code))
        }
    }

    private func export(_ context: scmp_filter_ctx) throws(Failure) -> [UInt8] {
        try during("linux.seccomp: export the filter") { () throws(Errno) in
            let file = OwnedDescriptor(adopting: try checked { clinux_memfd_create("seccomp", 1) })
            let code = seccomp_export_bpf(context, file.rawValue)
            if code != 0 { throw Errno(rawValue: -code) }
            lseek(file.rawValue, 0, SEEK_SET)
            return try readAll(file.rawValue)
        }
    }

    // A libc tries a new call and falls back to an old one on ENOSYS, but not on EPERM, the default of most profiles.
    // So calls that are newer than every call of the profile answer ENOSYS.
    private func refusalOfNewCalls(_ architectures: [UInt32]) -> [UInt8] {
        let permissive: [UInt32] = [0x7fff_0000, 0x7ffc_0000, SeccompPlan.errno | UInt32(ENOSYS)]
        guard !permissive.contains(plan.defaultAction), plan.defaultAction & 0xffff_0000 != SeccompPlan.trace else {
            return []
        }
        let names = plan.rules.flatMap { $0.names }
        let known = architectures.compactMap { token -> (token: UInt32, newest: UInt32)? in
            let newest = names.map { seccomp_syscall_resolve_name_arch(token, $0) }.max() ?? -1
            return newest > 0 ? (token, UInt32(newest)) : nil
        }
        guard !known.isEmpty else { return [] }
        var program = BPFProgram()
        program.load(offset: 4)
        for (index, architecture) in known.enumerated() {
            // To the first instruction after this prelude: the filter proper.
            let rest = UInt8((known.count - 1 - index) * 5)
            program.jump(.equal, architecture.token, then: 0, else: 4)
            program.load(offset: 0)
            // An x32 call has bit 30 set, and is another table's.
            program.jump(.atLeast, 0x4000_0000, then: 2 + rest, else: 0)
            program.jump(.greater, architecture.newest, then: 0, else: 1 + rest)
            program.answer(SeccompPlan.errno | UInt32(ENOSYS))
        }
        return program.bytes
    }
}

/// The rules that libseccomp has got: it compares each further rule of a call with all earlier ones.
private struct SeenRules {
    private struct Rule: Hashable {
        let name: String
        let action: UInt32
        let comparisons: [SeccompPlan.Comparison]
    }

    private var all: Set<Rule> = []
    private var conditional: [String: Int] = [:]

    /// - Throws: a call has more rules with different arguments than a filter has instructions. BPF_MAXINSNS of
    ///   <linux/bpf_common.h>.
    mutating func isNew(_ name: String, _ rule: SeccompPlan.Rule, _ index: Int) throws(Failure) -> Bool {
        let isNew = all.insert(Rule(name: name, action: rule.action, comparisons: rule.comparisons)).inserted
        guard isNew, !rule.comparisons.isEmpty else { return isNew }
        let count = conditional[name, default: 0] + 1
        guard count <= 4096 else {
            throw Failure(
                .invalid,
                "linux.seccomp.syscalls[\(index)]: \(name) has more than 4096 rules; the kernel takes no larger filter")
        }
        conditional[name] = count
        return true
    }
}

/// Instructions of classic BPF over struct seccomp_data: the call's number at 0, the architecture at 4. seccomp(2).
private struct BPFProgram {
    enum Comparison: UInt16 {
        case equal = 0x15  // BPF_JMP | BPF_JEQ | BPF_K
        case greater = 0x25  // BPF_JMP | BPF_JGT | BPF_K
        case atLeast = 0x35  // BPF_JMP | BPF_JGE | BPF_K
    }

    private(set) var bytes: [UInt8] = []

    private mutating func add(_ code: UInt16, _ jumpTrue: UInt8, _ jumpFalse: UInt8, _ value: UInt32) {
        withUnsafeBytes(of: code) { bytes.append(contentsOf: $0) }
        bytes += [jumpTrue, jumpFalse]
        withUnsafeBytes(of: value) { bytes.append(contentsOf: $0) }
    }

    mutating func load(offset: UInt32) { add(0x20, 0, 0, offset) }  // BPF_LD | BPF_W | BPF_ABS
    mutating func jump(_ comparison: Comparison, _ value: UInt32, then yes: UInt8, else no: UInt8) {
        add(comparison.rawValue, yes, no, value)
    }
    mutating func answer(_ action: UInt32) { add(0x06, 0, 0, action) }  // BPF_RET | BPF_K
}
