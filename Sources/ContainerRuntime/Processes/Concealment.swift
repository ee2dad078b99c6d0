// What a process of the runtime's must not show to those who can see it from inside a container.

internal import CLinux
internal import Glibc
internal import Kernel
internal import SystemPackage

/// Clones while the runtime's arguments and environment are put away: the clone never has them, and anybody in its pid
/// namespace may read a process's arguments.
func withHiddenWords<Value: ~Copyable>(_ clone: () throws(Errno) -> Value) throws(Errno) -> Value {
    let kept = UnsafeMutableRawPointer.allocate(byteCount: clinux_words_size(), alignment: 1)
    clinux_hide_words(kept, "swiftrun init")
    defer {
        clinux_show_words(kept)
        kept.deallocate()
    }
    return try clone()
}

/// Whether this process may look into those that others may not look into: into its own, once they are hidden.
func mayLookIntoHidden() -> Bool {
    guard geteuid() == 0 else { return false }
    do throws(Errno) { return try capabilitySets().permitted.contains(.tracing) } catch { return false }
}

/// Hides this process from all that have no CAP_SYS_PTRACE in the user namespace that the runtime was started in: what is
/// below it, a container's, does not count (CVE-2016-9962). Nothing of it can be traced or read then, and what it clones
/// is hidden from the first.
func hideProcess() throws(Errno) { try processControl(.setDumpable, 0) }

/// After a change of ids or of the user namespace, which shows a process again on a host whose fs.suid_dumpable is 1.
/// proc_sys_fs(5).
func hideAgain() throws(Errno) { try hideProcess() }
