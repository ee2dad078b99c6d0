// Unix sockets, and descriptors passed over them. unix(7).

internal import CLinux
internal import Glibc

/// The two ends of a connected pair.
package struct SocketPair: ~Copyable {
    package var first: OwnedDescriptor
    package var second: OwnedDescriptor

    /// Sequenced packets: every message arrives whole or not at all.
    package init() throws(Errno) {
        var numbers: (Int32, Int32) = (-1, -1)
        try unsafe withUnsafeMutableBytes(of: &numbers) { buffer throws(Errno) in
            let pair = unsafe buffer.assumingMemoryBound(to: Int32.self).baseAddress
            try checked {
                unsafe clinux_socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue) | CLINUX_SOCK_CLOEXEC, pair)
            }
        }
        first = OwnedDescriptor(adopting: numbers.0)
        second = OwnedDescriptor(adopting: numbers.1)
    }

    /// Keeps the first end; the second is closed.
    package consuming func takeFirst() -> OwnedDescriptor { first }

    /// Passes both ends on; the receiver closes the second.
    package consuming func takeFirst(_ second: inout Int32) -> OwnedDescriptor {
        second = self.second.relinquish()
        return first
    }
}

/// How long a peer may take to accept a connection or a message. Its program is not ours: it may never do so.
private let patience: Int32 = 5_000

/// Connects a stream socket to a path.
/// - Throws: `EAGAIN` if the peer's queue of connections stays full for five seconds; later sends have the same limit.
package func connectSocket(to path: String) throws(Errno) -> OwnedDescriptor {
    try connectSocket(try patientSocket(.stream), to: path)
}

/// Connects a datagram socket to a path; a send fails with `EAGAIN` if the peer's queue stays full for five seconds.
package func connectDatagramSocket(to path: String) throws(Errno) -> OwnedDescriptor {
    try connectSocket(try datagramSocket(), to: path)
}

/// A datagram socket without an address; a send has the limit of ``connectDatagramSocket(to:)``.
package func datagramSocket() throws(Errno) -> OwnedDescriptor { try patientSocket(.datagram) }

private func patientSocket(_ type: SocketType) throws(Errno) -> OwnedDescriptor {
    let socket = try unixSocket(type)
    let number = socket.rawValue
    try checked { clinux_limit_sending(number, patience) }
    return socket
}

/// The types of Unix sockets.
package enum SocketType: Sendable {
    case stream, datagram
    /// Sequenced packets: every message arrives whole or not at all.
    case packets

    fileprivate var rawValue: Int32 {
        switch self {
        case .stream: Int32(SOCK_STREAM.rawValue)
        case .datagram: Int32(SOCK_DGRAM.rawValue)
        case .packets: Int32(SOCK_SEQPACKET.rawValue)
        }
    }
}

/// Makes a Unix socket without an address.
package func unixSocket(_ type: SocketType, nonBlocking: Bool = false) throws(Errno) -> OwnedDescriptor {
    let flags = CLINUX_SOCK_CLOEXEC | (nonBlocking ? Int32(SOCK_NONBLOCK.rawValue) : 0)
    return OwnedDescriptor(adopting: try checked { Glibc.socket(AF_UNIX, type.rawValue | flags, 0) })
}

/// Connects a Unix socket to a path.
package func connectSocket(_ socket: consuming OwnedDescriptor, to path: String) throws(Errno) -> OwnedDescriptor {
    let number = socket.rawValue
    try checked { unsafe clinux_connect_unix(number, path, path.utf8.count) }
    return socket
}

/// Gives a Unix socket a path, which must not exist.
package func bindSocket(_ socket: borrowing OwnedDescriptor, to path: String) throws(Errno) {
    let number = socket.rawValue
    try checked { unsafe clinux_bind_unix(number, path, path.utf8.count) }
}

/// Makes a stream socket that listens at a path, which must not exist.
/// - Parameters:
///   - mode: the mode of the path; nil leaves it to the umask.
///   - backlog: the most connections that wait to be accepted.
package func listenSocket(
    at path: String, mode: UInt32? = nil, backlog: Int32 = 8, nonBlocking: Bool = false
) throws(Errno) -> OwnedDescriptor {
    let socket = try unixSocket(.stream, nonBlocking: nonBlocking)
    try bindSocket(socket, to: path)
    if let mode { try checked { unsafe clinux_chmod(path, mode) } }
    let number = socket.rawValue
    try checked { listen(number, backlog) }
    return socket
}

/// Waits for a connection.
package func acceptConnection(_ listener: Int32) throws(Errno) -> OwnedDescriptor {
    OwnedDescriptor(adopting: try checked { clinux_accept4(listener, CLINUX_SOCK_CLOEXEC) })
}

/// Sends a message, and a descriptor if given.
package func sendMessage(_ socket: Int32, _ bytes: [UInt8], descriptor: Int32? = nil) throws(Errno) {
    let sent = try checked {
        unsafe bytes.withUnsafeBytes { buffer in
            guard var descriptor else {
                return unsafe clinux_send_descriptors(socket, buffer.baseAddress, buffer.count, nil, 0, 0)
            }
            return unsafe clinux_send_descriptors(socket, buffer.baseAddress, buffer.count, &descriptor, 1, 0)
        }
    }
    // A seccomp filter can make the call succeed without its being executed.
    guard sent == bytes.count else { throw .ioError }
}

/// Makes ``receiveMessage(_:limit:)`` fail with `EAGAIN` if no message arrives within the time. socket(7),
/// `SO_RCVTIMEO`.
package func limitReceiving(_ socket: Int32, milliseconds: Int32) throws(Errno) {
    try checked { clinux_limit_receiving(socket, milliseconds) }
}

/// A message and the descriptor that was sent with it.
package struct ReceivedMessage: ~Copyable {
    package var bytes: [UInt8]
    package var descriptor: OwnedDescriptor?

    package init(bytes: [UInt8], descriptor: consuming OwnedDescriptor?) {
        self.bytes = bytes
        self.descriptor = descriptor
    }
}

/// Receives one message; an empty message means that the peer has closed its end.
package func receiveMessage(_ socket: Int32, limit: Int = 4096) throws(Errno) -> ReceivedMessage {
    var bytes = [UInt8](repeating: 0, count: limit)
    var number: Int32 = -1
    var count: Int32 = 1
    func receive() throws(Errno) -> Int {
        let length: Int = try checked {
            count = 1
            return unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe clinux_receive_descriptors(socket, buffer.baseAddress, buffer.count, &number, &count, 0)
            }
        }
        guard length >= 0 else { throw .tooManyOpenFiles }
        return length
    }
    let length: Int
    do throws(Errno) { length = try receive() } catch Errno.connectionReset {
        // The peer has closed its end and has left a message unread. The kernel reports this once, before the messages that
        // the peer sent: unix_release_sock() and __skb_try_recv_datagram().
        length = try receive()
    }
    bytes.removeLast(limit - length)
    return ReceivedMessage(bytes: bytes, descriptor: count > 0 ? OwnedDescriptor(adopting: number) : nil)
}
