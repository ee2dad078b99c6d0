// `--refuse CALL:ERRNO` or `--refuse CALL:kill`: executes the program under a seccomp filter that answers a system call
// with an error, or kills the process that makes it, as the profile of an engine's container may do.

internal import CSeccomp
internal import Glibc

/// Puts the filter on this process and executes the program.
/// - Returns: why that failed.
func execute(_ program: [String], refusing text: String) -> String {
    // SCMP_ACT_* of seccomp_rule_add(3), which are macros.
    let (allow, fail, kill): (UInt32, UInt32, UInt32) = (0x7fff_0000, 0x0005_0000, 0x8000_0000)
    let parts = text.split(separator: ":").map(String.init)
    let number = parts.first.map { seccomp_syscall_resolve_name($0) } ?? -1
    guard parts.count == 2, number >= 0, let action = parts[1] == "kill" ? kill : UInt32(parts[1]).map({ fail | $0 })
    else { return "--refuse \(text): expected CALL:ERRNO or CALL:kill" }
    guard let filter = seccomp_init(allow) else { return "no memory for a filter" }
    // The program keeps the privileges of files, as in an engine's container.
    seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0)
    guard seccomp_rule_add_array(filter, action, number, 0, nil) == 0, seccomp_load(filter) == 0 else {
        return "install the filter: \(String(cString: strerror(errno)))"
    }
    var arguments = program.map { strdup($0) }
    arguments.append(nil)
    execvp(program[0], arguments)
    return "execute \(program[0]): \(String(cString: strerror(errno)))"
}
