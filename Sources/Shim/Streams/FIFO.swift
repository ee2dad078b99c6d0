// Facts of a pipe or FIFO that need no read. pipe(7), fifo(7).

internal import CLinux
internal import Glibc
internal import Kernel

/// Whether a descriptor is a pipe or FIFO.
func isFIFO(_ descriptor: Int32) -> Bool {
    var facts = stat()
    return fstat(descriptor, &facts) == 0 && facts.st_mode & S_IFMT == S_IFIFO
}

/// How many bytes could be read from a descriptor; of a pipe, either end tells. ioctl_pipe(2).
func unreadBytes(_ descriptor: Int32) -> Int {
    var count: Int32 = 0
    clinux_ioctl(descriptor, UInt(FIONREAD), &count)
    return Int(count)
}

/// Whether another process has a FIFO open for reading that we have open for it.
///
/// A FIFO reports to writers that it has no reader, so ours is closed during the question. A writer of ours keeps the
/// content. A caller that watches the descriptor must ask for readiness again.
func fifoHasReader(besides ours: Int32) -> Bool {
    let path = "/proc/self/fd/\(ours)"
    guard let flags = try? checked({ fcntl(ours, F_GETFL) }),
        let writer = try? OwnedDescriptor.open(path, [.writeOnly, .nonBlocking]),
        clinux_dup3(writer.rawValue, ours, OpenFlags.closeOnExec.rawValue) >= 0
    else { return true }
    var side = pollfd(fd: writer.rawValue, events: 0, revents: 0)
    poll(&side, 1, 0)
    let mode = OpenFlags(rawValue: flags & O_ACCMODE).union(.nonBlocking)
    if let again = try? OwnedDescriptor.open(path, mode) {
        clinux_dup3(again.rawValue, ours, OpenFlags.closeOnExec.rawValue)
    }
    return Int32(side.revents) & POLLERR == 0
}
