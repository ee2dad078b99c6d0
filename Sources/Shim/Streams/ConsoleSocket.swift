// The socket over which a runtime hands out the master of a container's terminal.

internal import CLinux
internal import Glibc
internal import Kernel

/// A listening socket for one call of a runtime.
final class ConsoleSocket {
    let path: String
    private let listener: OwnedDescriptor

    /// Listens on a fresh path in a directory that is root's alone and has a short name.
    init(in directory: String, number: Int) throws(ShimFailure) {
        let path = "\(directory)/tty-\(getpid())-\(number)"
        self.path = path
        listener = try during("listen on \(path)") { () throws(Errno) in
            clinux_unlink(path)
            return try listenSocket(at: path, backlog: 1, nonBlocking: true)
        }
    }

    deinit { clinux_unlink(path) }

    /// The terminal's master, which a runtime that has ended must have sent.
    func receiveMaster() throws(ShimFailure) -> OwnedDescriptor {
        let descriptor = try during("receive the terminal") { () throws(Errno) in
            let flags = OpenFlags([.closeOnExec, .nonBlocking]).rawValue  // SOCK_CLOEXEC, SOCK_NONBLOCK
            let connection = OwnedDescriptor(adopting: try checked { clinux_accept4(listener.rawValue, flags) })
            var name = [UInt8](repeating: 0, count: 4096)
            var descriptors: [Int32] = [-1]
            var count: Int32 = 1
            let size = name.count
            try checked {
                clinux_receive_descriptors(connection.rawValue, &name, size, &descriptors, &count, 0)
            }
            return count == 1 ? descriptors[0] : -1
        }
        if descriptor < 0 { throw ShimFailure("receive the terminal: the runtime sent no descriptor") }
        return OwnedDescriptor(adopting: descriptor)
    }
}
