// Processes: creating, waiting, signalling, and identifying one although its number can be reused.

internal import CLinux
internal import Glibc

/// A process made by ``cloneProcess(namespaces:into:asSibling:)``.
package struct ChildProcess: ~Copyable {
    package let pid: Int32
    package let pidfd: OwnedDescriptor

    /// Takes over a child that another process created for the caller.
    package init(pid: Int32, pidfd: consuming OwnedDescriptor) {
        self.pid = pid
        self.pidfd = pidfd
    }
}

private let returnPidfd: UInt64 = 0x1000  // CLONE_PIDFD
private let intoCgroup: UInt64 = 0x2_0000_0000  // CLONE_INTO_CGROUP

/// Creates a child that continues in Swift; returns nil in the child. clone3(2), or clone(2) if clone3 is refused.
///
/// Allowed only while the caller has one thread: locks that other threads hold would stay locked in the child for
/// ever.
/// - Parameters:
///   - cgroup: the cgroup v2 directory in which the child starts.
///   - asSibling: the new process becomes a child of the caller's parent.
package func cloneProcess(
    namespaces: NamespaceSet, into cgroup: Int32? = nil, asSibling: Bool = false
) throws(Errno) -> ChildProcess? {
    let parentOfCaller: UInt64 = 0x8000  // CLONE_PARENT
    var number: Int32 = -1
    let pid = try unsafe withUnsafeMutablePointer(to: &number) { pointer throws(Errno) -> Int32 in
        // With CLONE_PARENT the exit signal must be zero: the sibling's is the caller's own.
        var arguments = unsafe clinux_clone(
            flags: namespaces.rawValue | returnPidfd | (cgroup == nil ? 0 : intoCgroup)
                | (asSibling ? parentOfCaller : 0),
            pidfd: pointer, exit_signal: asSibling ? 0 : SIGCHLD, cgroup_fd: cgroup ?? 0)
        do throws(Errno) {
            return try checked { unsafe clinux_clone3(&arguments) }
        } catch {
            // Seccomp profiles of engines cannot inspect clone3's arguments, so they answer ENOSYS, old ones EPERM.
            let isRefused = error == .noFunction || error == .notPermitted && isFiltered()
            guard isRefused, !namespaces.contains(.time) else { throw error }
            let flags = unsafe arguments.flags & ~intoCgroup | UInt64(arguments.exit_signal)
            guard let cgroup else { return try checked { unsafe clinux_clone(flags, pointer) } }
            return try unsafe cloneAndEnter(cgroup, flags, pointer)
        }
    }
    guard pid != 0 else { return nil }
    return ChildProcess(pid: pid, pidfd: OwnedDescriptor(adopting: number))
}

/// clone(2) of a child that moves itself into a cgroup before it goes on, as clone3's CLONE_INTO_CGROUP does.
private func cloneAndEnter(
    _ cgroup: Int32, _ flags: UInt64, _ pidfd: UnsafeMutablePointer<Int32>
) throws(Errno) -> Int32 {
    var ends: [Int32] = [-1, -1]
    try checked { unsafe clinux_pipe2(&ends, CLINUX_O_CLOEXEC) }
    let here = OwnedDescriptor(adopting: ends[0])
    let there = OwnedDescriptor(adopting: ends[1])
    let pid = try checked { unsafe clinux_clone(flags, pidfd) }
    var code: Int32 = 0
    if pid == 0 {
        do throws(Errno) {
            let file = try unsafe OwnedDescriptor.open("cgroup.procs", .writeOnly, at: cgroup)
            try writeAll("0".utf8, to: file.rawValue)
        } catch {
            code = error.rawValue
        }
        unsafe write(there.rawValue, &code, 4)
        if code != 0 { _exit(1) }
        return 0
    }
    // A child in a frozen cgroup answers when it is thawed: the caller watches for that.
    guard try waitUntilReadable(here.rawValue, milliseconds: 2000) else { return pid }
    unsafe read(here.rawValue, &code, 4)
    if code == 0 { return pid }
    unsafe close(pidfd.pointee)
    _ = try waitForEnd(of: pid)
    throw Errno(rawValue: code)
}

/// Creates a child that shares the caller's memory, as after vfork(2): the caller is suspended until the child ends.
///
/// This avoids copying the caller's page tables and the page faults after it. The OOM killer does not choose such a
/// child; under a seccomp profile without clone3 the call fails with ENOSYS or EPERM.
/// - Parameters:
///   - freezers: files of which one begins with `1` while the child is frozen. A frozen child may leave the memory
///     inconsistent; after a second it is killed and this program is executed again.
///   - sibling: where the child stores the pid of a process that it creates for the caller.
///   - life: the code of the child, to its end; its changes to memory are visible to the caller.
package func cloneProcessInMemory(
    into cgroup: Int32?, freezers: [String]?, sibling: UnsafeMutablePointer<Int32>, _ life: @escaping () -> Never
) throws(Errno) -> ChildProcess {
    var number: Int32 = -1
    var life = life
    var names: [UInt8] = []
    for name in freezers ?? [] { names += Array(name.utf8) + [0] }
    names.append(0)
    let pid = try unsafe withUnsafeMutablePointer(to: &number) { pointer throws(Errno) -> Int32 in
        var arguments = unsafe clinux_clone(
            flags: returnPidfd | (cgroup == nil ? 0 : intoCgroup), pidfd: pointer, exit_signal: SIGCHLD,
            cgroup_fd: cgroup ?? 0)
        return try unsafe withUnsafeMutablePointer(to: &life) { context throws(Errno) -> Int32 in
            try checked {
                unsafe names.withUnsafeBytes { buffer in
                    let files = unsafe freezers == nil ? nil : buffer.assumingMemoryBound(to: CChar.self).baseAddress
                    return unsafe clinux_clone3_in_memory(
                        &arguments, { unsafe $0?.assumingMemoryBound(to: (() -> Never).self).pointee() },
                        unsafe context, unsafe files,
                        unsafe sibling)
                }
            }
        }
    }
    return ChildProcess(pid: pid, pidfd: OwnedDescriptor(adopting: number))
}

/// How a process ended.
package enum TerminationStatus: Equatable, Sendable {
    case exited(Int32)
    case signalled(Int32)

    /// The status that a shell reports: `128 + signal` for a process that was killed.
    package var shellStatus: Int32 {
        switch self {
        case .exited(let status): status
        case .signalled(let signal): 128 + signal
        }
    }
}

extension TerminationStatus {
    /// The end in words, for a sentence about it.
    package var words: String {
        switch self {
        case .exited(let status): "exit status \(status)"
        case .signalled(let signal): "killed by \(Signal(rawValue: signal).name)"
        }
    }
}

/// Waits for a child to end, and reaps it.
package func waitForEnd(of pid: Int32) throws(Errno) -> TerminationStatus {
    var status: Int32 = 0
    try checked { unsafe clinux_wait_exited(pid, &status, 0) }
    return TerminationStatus(waitStatus: status)
}

/// Reaps any child that has ended, without waiting.
/// - Returns: nil if there is none.
package func reapEnded() throws(Errno) -> (pid: Int32, end: TerminationStatus)? {
    var status: Int32 = 0
    do throws(Errno) {
        let pid = try checked { unsafe clinux_wait_exited(-1, &status, WNOHANG) }
        return pid > 0 ? (pid, TerminationStatus(waitStatus: status)) : nil
    } catch {
        if error == .noChildProcess { return nil }
        throw error
    }
}

extension TerminationStatus {
    /// Decodes a status of wait(2).
    package init(waitStatus status: Int32) {
        let signal = status & 0x7f
        self = signal == 0 ? .exited(status >> 8 & 0xff) : .signalled(signal)
    }
}

/// A descriptor that refers to one process even if the number is reused. pidfd_open(2).
package func openProcess(_ pid: Int32) throws(Errno) -> OwnedDescriptor {
    OwnedDescriptor(adopting: try checked { clinux_pidfd_open(pid, 0) })
}

/// Signals the process behind a pidfd.
package func signalProcess(_ pidfd: borrowing OwnedDescriptor, _ signal: Int32) throws(Errno) {
    let number = pidfd.rawValue
    try checked { clinux_pidfd_send_signal(number, signal) }
}

/// Waits until a descriptor is readable (a pidfd: until the process has ended).
/// - Returns: whether that happened within the time, in milliseconds; a negative time means no limit.
package func waitUntilReadable(_ descriptor: Int32, milliseconds: Int32) throws(Errno) -> Bool {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return try checked { unsafe poll(&entry, 1, milliseconds) } > 0
}

/// The fields of /proc/PID/stat that are used.
package struct ProcessStat: Equatable, Sendable {
    package var state: UInt8
    package var parent: Int32
    /// In clock ticks after boot, as the time namespace of the reader counts them. With the pid it identifies a process
    /// for ever.
    package var startTime: UInt64

    /// Whether it has executed a program since it was forked.
    package var hasExecuted: Bool

    package var hasEnded: Bool { state == UInt8(ascii: "Z") || state == UInt8(ascii: "X") }

    /// Parses the content of /proc/PID/stat.
    package init?(stat bytes: [UInt8]) {
        guard let fields = StatFields(bytes, upTo: 22), let state = fields.state, let parent = fields[4],
            let start = fields[22]
        else { return nil }
        self.state = state
        self.parent = Int32(truncatingIfNeeded: parent)
        startTime = start
        let forkedOnly: UInt64 = 0x40  // PF_FORKNOEXEC of the kernel's include/linux/sched.h
        hasExecuted = (fields[9] ?? 0) & forkedOnly == 0
    }
}

/// The fields of /proc/PID/stat by their numbers in proc_pid_stat(5).
package struct StatFields {
    private let afterCommand: [ArraySlice<UInt8>]
    /// The bytes of the second field without its parentheses.
    package let command: ArraySlice<UInt8>

    /// - Parameter last: the last field that is needed.
    package init?(_ bytes: [UInt8], upTo last: Int) {
        // The command may contain blanks and parentheses.
        guard let open = bytes.firstIndex(of: UInt8(ascii: "(")), let end = bytes.lastIndex(of: UInt8(ascii: ")")),
            open < end
        else { return nil }
        command = bytes[(open + 1)..<end]
        afterCommand = bytes[(end + 1)...].split(separator: UInt8(ascii: " "), maxSplits: last - 2)
        guard afterCommand.count > last - 3 else { return nil }
    }

    package var state: UInt8? { afterCommand[0].first }

    /// A field that is a number and not negative, from the fourth on.
    package subscript(field: Int) -> UInt64? { UInt64(String(decoding: afterCommand[field - 3], as: UTF8.self)) }

    /// A field that is a number, from the fourth on.
    package func number(_ field: Int) -> Int? { Int(String(decoding: afterCommand[field - 3], as: UTF8.self)) }

    /// Whether the process is exiting: PF_EXITING of the kernel's include/linux/sched.h.
    package var isExiting: Bool {
        let exiting: UInt64 = 0x4
        return (self[9] ?? 0) & exiting != 0
    }
}

/// A number that identifies a process as long as the system runs: the inode number of its pidfd. Pidfds have a
/// filesystem of their own from Linux 6.9 on; 0 before.
package func identity(ofPidfd pidfd: Int32) throws(Errno) -> UInt64 {
    let pidfs: Int64 = 0x5049_4446  // PID_FS_MAGIC
    return try filesystem(of: pidfd).magic == pidfs ? try fileStatus(pidfd).inode : 0
}

/// Whether the numbers under /proc are process ids of the caller's own pid namespace.
///
/// A procfs shows the pid namespace for which it was mounted: after `unshare --pid` without `--mount-proc` it is the
/// parent's, where the same number is another process. pid_namespaces(7). True if there is no /proc.
package let isProcOwn: Bool = {
    do throws(Errno) {
        return Int32(try readLink(OwnedDescriptor.currentDirectory, "/proc/self")) == clinux_getpid()
    } catch {
        // In a procfs that does not show the caller the link leads nowhere.
        let procfs: Int64 = 0x9fa0  // PROC_SUPER_MAGIC
        do throws(Errno) { return try filesystem(at: "/proc").magic != procfs } catch { return true }
    }
}()

/// The facts of a process; nil if there is no such process, or /proc hides it from the caller (hidepid, proc(5)).
package func processStat(_ pid: Int32) throws(Errno) -> ProcessStat? {
    do throws(Errno) {
        return ProcessStat(stat: try readFile("/proc/\(pid)/stat"))
    } catch {
        let absences: [Errno] = [.noSuchFileOrDirectory, .noSuchProcess, .notPermitted, .permissionDenied]
        if absences.contains(error) { return nil }
        throw error
    }
}

/// Whether a process has been killed and is about to end: SIGKILL is pending, or the process is exiting. In
/// /proc/PID/stat, the field `flags` contains PF_EXITING (the kernel's include/linux/sched.h), and `signal` the
/// pending signals. proc(5).
package func isBeingKilled(_ pid: Int32) throws(Errno) -> Bool {
    let bytes: [UInt8]
    do throws(Errno) { bytes = try readFile("/proc/\(pid)/stat") } catch {
        return error == .noSuchFileOrDirectory || error == .noSuchProcess
    }
    guard let fields = StatFields(bytes, upTo: 31) else { return false }
    let killed: UInt64 = 1 << 8
    return fields.isExiting || (fields[31] ?? 0) & killed != 0
}

/// Whether a process has begun to exit: it executes no program any more. False if that cannot be seen.
package func isExiting(_ pid: Int32) -> Bool {
    do throws(Errno) {
        return StatFields(try readFile("/proc/\(pid)/stat"), upTo: 9)?.isExiting ?? false
    } catch {
        return false
    }
}

/// The number of threads of the calling process.
package func threadCount() -> Int {
    // Every thread is a directory under task; the link count includes "." and "..".
    do throws(Errno) { return unsafe Int(try fileStatus(at: "/proc/self/task").links) - 2 } catch { return 1 }
}

/// prctl(2), by number and argument.
@discardableResult
package func processControl(_ option: ProcessControl, _ argument: UInt = 0, _ second: UInt = 0) throws(Errno) -> Int32 {
    try checked { clinux_prctl(option.rawValue, argument, second, 0, 0) }
}

/// The operations of prctl(2) that are used.
package enum ProcessControl: Int32, Sendable {
    case setParentDeathSignal = 1  // PR_SET_PDEATHSIG
    case setDumpable = 4  // PR_SET_DUMPABLE
    case setKeepCapabilities = 8  // PR_SET_KEEPCAPS
    case isInBoundingSet = 23  // PR_CAPBSET_READ
    case dropFromBoundingSet = 24  // PR_CAPBSET_DROP
    case setSubreaper = 36  // PR_SET_CHILD_SUBREAPER
    case setNoNewPrivileges = 38  // PR_SET_NO_NEW_PRIVS
    case hasNoNewPrivileges = 39  // PR_GET_NO_NEW_PRIVS
    case ambientCapability = 47  // PR_CAP_AMBIENT
    case setTimerSlack = 29  // PR_SET_TIMERSLACK
}

/// Restricts a thread, the calling one unless another is named, to certain CPUs. sched_setaffinity(2).
package func setAffinity(_ cpus: [Int], of thread: Int32 = 0) throws(Errno) {
    var mask = [UInt8](repeating: 0, count: max(128, (cpus.max() ?? 0) / 8 + 1))
    for cpu in cpus { mask[cpu / 8] |= 1 << UInt8(cpu % 8) }
    try checked { unsafe clinux_sched_setaffinity(thread, mask.count, mask) }
}

/// Allows the calling process all CPUs of its cgroup, whatever mask it inherited.
package func allowAllProcessors() {
    let mask = [UInt8](repeating: 0xff, count: 1024)
    _ = unsafe clinux_sched_setaffinity(0, mask.count, mask)
}
