// From a seccomp profile to a program for the kernel, by libseccomp.

internal import CLinux
internal import CSeccomp
internal import Glibc
internal import Kernel
internal import OCISpec
internal import Planning
internal import SystemPackage

/// Compiles a profile.
struct SeccompCompiler {
    let plan: SeccompPlan

    /// The runtime's choice where the config has none: the mitigation that a filter would else switch on costs
    /// programs much more than it gives. seccomp(2), `SECCOMP_FILTER_FLAG_SPEC_ALLOW`.
    static func flags(_ plan: SeccompPlan) -> SeccompFlags {
        var flags = plan.flags ?? .allowSpeculation
        // One thread is all there is.
        flags.remove(.threadSync)
        if plan.notifies { flags.insert(.newListener) }
        return flags
    }

    /// - Throws: what libseccomp refuses.
    func program() throws(Failure) -> [UInt8] {
        guard let context = seccomp_init(plan.defaultAction) else {
            throw Failure(.other, "linux.seccomp.defaultAction: libseccomp knows no such action")
        }
        defer { seccomp_release(context) }
        var native = true
        for name in plan.architectures {
            let token = seccomp_arch_resolve_name(name)
            // An architecture that this libseccomp does not know cannot be what this machine runs.
            guard token != 0, token != seccomp_arch_native() else { continue }
            let code = seccomp_arch_add(context, token)
            guard code == 0 || code == -EEXIST else {
                throw Failure("linux.seccomp.architectures: add \(name)", Errno(rawValue: -code))
            }
            native = false
        }
        if plan.rules.count > 32 || plan.rules.contains(where: { $0.names.count > 32 }) {
            seccomp_attr_set(context, scmp_filter_attr(8), 2)  // SCMP_FLTATR_CTL_OPTIMIZE: a binary tree
        }
        for (index, rule) in plan.rules.enumerated() where rule.action != plan.defaultAction {
            for name in rule.names { try add(name, rule, index, to: context) }
        }
        _ = native
        return refusalOfNewCalls() + (try export(context))
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
        // A rule that is there already, or that cannot be told from the default, changes nothing.
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

    // A libc tries a new call and falls back to an old one on ENOSYS; the default of most profiles, EPERM, would be
    // taken for the truth. So whatever is newer than all that the profile's author knew does not exist.
    private func refusalOfNewCalls() -> [UInt8] {
        let allows: [UInt32] = [0x7fff_0000, 0x7ffc_0000, SeccompPlan.errno | UInt32(ENOSYS)]
        guard !allows.contains(plan.defaultAction) else { return [] }
        let newest = plan.rules.flatMap(\.names).map { seccomp_syscall_resolve_name($0) }.max() ?? -1
        guard newest > 0, let architecture = Self.nativeAudit else { return [] }
        // struct seccomp_data: nr at 0, arch at 4. An x32 call has bit 30 set, and is another table's.
        var program: [UInt8] = []
        func add(_ code: UInt16, _ jumpTrue: UInt8, _ jumpFalse: UInt8, _ value: UInt32) {
            withUnsafeBytes(of: code) { program.append(contentsOf: $0) }
            program.append(jumpTrue)
            program.append(jumpFalse)
            withUnsafeBytes(of: value) { program.append(contentsOf: $0) }
        }
        let load: UInt16 = 0x20  // BPF_LD | BPF_W | BPF_ABS
        let equal: UInt16 = 0x15  // BPF_JMP | BPF_JEQ | BPF_K
        let greater: UInt16 = 0x25  // BPF_JMP | BPF_JGT | BPF_K
        let atLeast: UInt16 = 0x35  // BPF_JMP | BPF_JGE | BPF_K
        let answer: UInt16 = 0x06  // BPF_RET | BPF_K
        add(load, 0, 0, 4)
        add(equal, 0, 4, architecture)
        add(load, 0, 0, 0)
        add(atLeast, 2, 0, 0x4000_0000)
        add(greater, 0, 1, UInt32(newest))
        add(answer, 0, 0, SeccompPlan.errno | UInt32(ENOSYS))
        return program
    }

    #if arch(x86_64)
    private static let nativeAudit: UInt32? = 0xc000_003e  // AUDIT_ARCH_X86_64
    #elseif arch(arm64)
    private static let nativeAudit: UInt32? = 0xc000_00b7  // AUDIT_ARCH_AARCH64
    #else
    private static let nativeAudit: UInt32? = nil
    #endif
}
