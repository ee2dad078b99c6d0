// Sockets of an engine that are given a descriptor: the terminal's master, the pidfd, the seccomp listener.

internal import Glibc
internal import Kernel
internal import SystemPackage

/// A connected socket of an engine. Paths only: an abstract name could be reached from a container on the host's network.
struct EngineSocket: ~Copyable {
    private let socket: OwnedDescriptor
    private let flag: String

    /// - Parameter flag: what the engine named it by, for the error.
    init(path: String, flag: String) throws(Failure) {
        guard !path.hasPrefix("@") else {
            throw Failure(.invalid, "\(flag): \"\(path)\" is an abstract socket; a path is needed")
        }
        self.flag = flag
        do throws(Errno) {
            if path.utf8.count < 108 {
                socket = try connectSocket(to: path)
            } else {
                // Longer than an address can be: reached through a descriptor.
                let place = try OwnedDescriptor.open(path, .path)
                socket = try connectSocket(to: "/proc/self/fd/\(place.rawValue)")
            }
        } catch {
            throw Failure("connect to \(flag) \(path)", error)
        }
    }

    borrowing func send(_ descriptor: Int32, payload: [UInt8]) throws(Failure) {
        let number = socket.rawValue
        let flag = flag
        try during("send to \(flag)") { () throws(Errno) in
            try sendMessage(number, payload, descriptor: descriptor)
        }
    }
}
