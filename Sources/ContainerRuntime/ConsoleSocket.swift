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
        self.flag = flag
        socket = try Self.connect(path, flag)
    }

    private static func connect(_ path: String, _ flag: String) throws(Failure) -> OwnedDescriptor {
        guard !path.hasPrefix("@") else {
            throw Failure(.invalid, "\(flag): \"\(path)\" is an abstract socket; a path is needed")
        }
        return try during("connect to \(flag) \(path)") { () throws(Errno) in
            if path.utf8.count < 108 { return try connectSocket(to: path) }
            // Longer than an address can be: reached through a descriptor.
            let place = try OwnedDescriptor.open(path, .path)
            return try connectSocket(to: "/proc/self/fd/\(place.rawValue)")
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
