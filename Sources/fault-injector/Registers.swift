// The registers that contain a system call's number and result, by architecture. ptrace(2), PTRACE_GETREGSET.

internal import CLinux
internal import Glibc
internal import Kernel

/// The general registers of a stopped process; the array has room for the larger set of the two architectures.
struct Registers {
    private var words = [UInt64](repeating: 0, count: 34)
    private static let generalSet: UInt = 1  // NT_PRSTATUS

    init(of pid: Int32) throws(Errno) {
        try Self.transfer(0x4204, pid, Self.generalSet, &words)  // PTRACE_GETREGSET
    }

    func write(to pid: Int32) throws(Errno) {
        var copy = words
        copy.removeLast(words.count - Self.count)
        try Self.transfer(0x4205, pid, Self.generalSet, &copy)  // PTRACE_SETREGSET
    }

    private static func transfer(_ request: Int, _ pid: Int32, _ set: UInt, _ words: inout [UInt64]) throws(Errno) {
        let size = words.count * 8
        let result: Result<Void, Errno> = words.withUnsafeMutableBytes { buffer in
            var vector = iovec(iov_base: buffer.baseAddress, iov_len: size)
            let failed = withUnsafeMutablePointer(to: &vector) { clinux_ptrace(request, pid, set, $0) } != 0
            return failed ? .failure(Errno(rawValue: errno)) : .success(())
        }
        try result.get()
    }

    #if arch(x86_64)
    // struct user_regs_struct: rax is the eleventh word, rdi the fifteenth, orig_rax the sixteenth.
    private static let count = 27
    var systemCall: Int { Int(truncatingIfNeeded: words[15]) }
    mutating func setResult(_ value: Int) { words[10] = UInt64(bitPattern: Int64(value)) }
    var firstArgument: UInt64 {
        get { words[14] }
        set { words[14] = newValue }
    }
    /// Restores the register after the call, because the caller relies on its value.
    mutating func restoreFirstArgument(_ value: UInt64) { firstArgument = value }

    /// Makes the kernel skip the call.
    static func skipCall(of pid: Int32) throws(Errno) {
        var registers = try Registers(of: pid)
        registers.words[15] = UInt64.max
        try registers.write(to: pid)
    }
    #elseif arch(arm64)
    // struct user_pt_regs: x0 to x30, sp, pc, pstate; the call's number is in x8, and in a set of its own.
    private static let count = 34
    var systemCall: Int { Int(truncatingIfNeeded: words[8]) }
    mutating func setResult(_ value: Int) { words[0] = UInt64(bitPattern: Int64(value)) }
    var firstArgument: UInt64 {
        get { words[0] }
        set { words[0] = newValue }
    }
    /// The result register is the same one, so there is nothing to restore.
    mutating func restoreFirstArgument(_ value: UInt64) {}

    static func skipCall(of pid: Int32) throws(Errno) {
        var none: Int32 = -1
        let failed = withUnsafeMutablePointer(to: &none) { pointer in
            var vector = iovec(iov_base: pointer, iov_len: 4)
            // NT_ARM_SYSTEM_CALL
            return withUnsafeMutablePointer(to: &vector) { clinux_ptrace(0x4205, pid, 0x404, $0) } != 0
        }
        if failed { throw Errno(rawValue: errno) }
    }
    #else
    #error("the registers of this machine are not written down")
    #endif
}
