// Hides the runtime's processes from processes inside a container that can see them.

internal import CLinux
internal import Glibc
internal import Kernel

/// Clones while the runtime's arguments and environment are moved away, so that the clone never has them: every process in
/// its pid namespace may read its arguments.
func withHiddenArguments<Value: ~Copyable>(_ clone: () throws(Errno) -> Value) throws(Errno) -> Value {
    let kept = UnsafeMutableRawPointer.allocate(byteCount: clinux_words_size(), alignment: 1)
    clinux_hide_words(kept, "swiftrun init")
    defer {
        clinux_show_words(kept)
        kept.deallocate()
    }
    return try clone()
}

/// Whether this process may still inspect its own processes once they are hidden.
func mayInspectHiddenProcesses() -> Bool {
    guard geteuid() == 0 else { return false }
    do throws(Errno) { return try capabilitySets().permitted.contains(.tracing) } catch { return false }
}

/// Hides this process from every process without CAP_SYS_PTRACE in the user namespace in which the runtime was started; a
/// capability in a container's user namespace does not count (CVE-2016-9962). The process cannot be traced or read then,
/// and its clones are hidden from their first instruction on.
func hideProcess() throws(Errno) { try processControl(.setDumpable, 0) }

/// Hides this process and its later clones, if it may still inspect them then.
/// - Returns: whether it has.
func hideProcesses() throws(Failure) -> Bool {
    guard mayInspectHiddenProcesses() else { return false }
    try during("hide the runtime's processes") { () throws(Errno) in try hideProcess() }
    return true
}

/// After a change of ids or of the user namespace: it makes a process dumpable again if fs.suid_dumpable is 1.
/// proc_sys_fs(5).
func hideAgain() throws(Errno) { try hideProcess() }
