// A pipe between the shim and a container.

internal import CLinux
internal import Glibc
internal import Kernel

/// The two ends of a pipe, each handed out once.
struct Pipe: ~Copyable {
    var readEnd: OwnedDescriptor
    var writeEnd: OwnedDescriptor

    /// The reading end; the writing end is closed.
    consuming func takeReadEnd() -> OwnedDescriptor { readEnd }

    /// Makes a pipe whose ends belong to a user and a group, so that the container may open its streams anew.
    init(user: UInt32 = 0, group: UInt32 = 0) throws(Errno) {
        let ends = try Self.open(user, group)
        readEnd = OwnedDescriptor(adopting: ends[0])
        writeEnd = OwnedDescriptor(adopting: ends[1])
    }

    private static func open(_ user: UInt32, _ group: UInt32) throws(Errno) -> [Int32] {
        var ends: [Int32] = [-1, -1]
        try checked { clinux_pipe2(&ends, OpenFlags.closeOnExec.rawValue) }
        // Both ends are one inode.
        if (user != 0 || group != 0) && fchown(ends[0], user, group) != 0 {
            let code = Errno(rawValue: errno)
            for end in ends { close(end) }
            throw code
        }
        return ends
    }
}

extension OwnedDescriptor {
    /// Makes reading and writing return at once when nothing is there or no room is left.
    func makeNonBlocking() throws(Errno) {
        let flags = try checked { fcntl(rawValue, F_GETFL) }
        try checked { fcntl(rawValue, F_SETFL, flags | O_NONBLOCK) }
    }

    /// Another descriptor of the same open file.
    func duplicate() throws(Errno) -> OwnedDescriptor {
        OwnedDescriptor(adopting: try checked { fcntl(rawValue, F_DUPFD_CLOEXEC, 3) })
    }
}
