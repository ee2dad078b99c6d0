// Sockets of an engine that receive a descriptor: the terminal's master, the pidfd, the seccomp listener.

internal import Glibc
internal import Kernel

/// The master of the terminal that a child makes: sent to the engine that asked for it, or kept for the caller.
struct ConsoleHandoff: ~Copyable {
    private var console: EngineSocket?
    private var master: OwnedDescriptor?

    init(console: consuming EngineSocket?) { self.console = console }

    /// Takes the master from the child's message.
    mutating func keep(_ message: consuming ReceivedMessage) throws(Failure) {
        guard let master = message.descriptor.take() else { return }
        if let socket = console.take() {
            // The engine's own terminal translates newlines.
            try socket.send(master.rawValue, payload: Array(message.bytes.dropFirst()))
        } else {
            translateNoNewlines(master.rawValue)
            // The program may ask for the size at once.
            copyWindowSize(to: master.rawValue)
            self.master = consume master
        }
    }

    mutating func take() -> OwnedDescriptor? { master.take() }
}

/// A connected socket of an engine. Paths only: an abstract name could be reached from a container on the host's network.
struct EngineSocket: ~Copyable {
    private let socket: OwnedDescriptor
    private let flag: String

    /// - Parameter flag: the option that named the socket, for the error.
    init(path: String, flag: String) throws(Failure) {
        socket = try Self.connect(path, flag)
        self.flag = flag
    }

    private static func connect(_ path: String, _ flag: String) throws(Failure) -> OwnedDescriptor {
        guard !path.hasPrefix("@") else {
            throw Failure(.invalid, "\(flag): \"\(path)\" is an abstract socket; a path is needed")
        }
        return try during("connect to \(flag) \(path)") { () throws(Errno) in
            if path.utf8.count < 108 { return try connectSocket(to: path) }
            // A path longer than a socket address is reached through a descriptor.
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
