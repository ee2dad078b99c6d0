// One connection to a D-Bus peer: authentication, calls, waiting for signals.

internal import CLinux
internal import Glibc
internal import Kernel

/// The reason for a failed call.
enum DBusFailure: Error, Equatable {
    /// The peer answered with an error.
    case answered(name: String, text: String)
    /// The socket failed.
    case system(Errno)
    /// The answer is not valid D-Bus.
    case malformed
    /// No answer within the time.
    case timedOut

    /// The reason as text.
    var message: String {
        switch self {
        case .answered(let name, let text): text.isEmpty ? name : text
        case .system(let code): code.message
        case .malformed: "the answer is not valid D-Bus"
        case .timedOut: "no answer in time"
        }
    }
}

/// A blocking connection to a D-Bus peer.
struct DBusConnection: ~Copyable {
    private let socket: OwnedDescriptor
    private var serial: UInt32 = 0
    private var received: [UInt8] = []
    /// Signals that arrived while the client waited for an answer.
    private var signals: [DBusMessage] = []

    private init(_ socket: consuming OwnedDescriptor) { self.socket = socket }

    /// Connects and authenticates as a user.
    /// - Parameters:
    ///   - address: the path of the socket; a path that begins with `@` is abstract.
    ///   - uid: the user from the peer's view, outside any user namespace of the caller.
    ///   - isBus: whether the peer is a bus, which assigns names, not a single program.
    static func open(_ address: String, uid: UInt32, isBus: Bool) throws(DBusFailure) -> DBusConnection {
        var connection: DBusConnection
        do throws(Errno) { connection = DBusConnection(try connected(to: address)) } catch { throw .system(error) }
        try connection.signIn(uid)
        if isBus {
            try connection.call(
                DBusMessage(
                    kind: .call, path: "/org/freedesktop/DBus", interface: "org.freedesktop.DBus", member: "Hello",
                    destination: "org.freedesktop.DBus"))
        }
        return connection
    }

    private static func connected(to address: String) throws(Errno) -> OwnedDescriptor {
        let socket = try unixSocket(.stream)
        // A peer that accepts nothing, or reads nothing.
        let number = socket.rawValue
        let patience = Int32(patience(30)) * 1_000
        try checked { clinux_limit_sending(number, patience) }
        let path = address.hasPrefix("@") ? "\0" + address.dropFirst() : address
        return try connectSocket(socket, to: path)
    }

    private mutating func signIn(_ uid: UInt32) throws(DBusFailure) {
        let digits = Array("\(uid)".utf8).map { "3\($0 - 0x30)" }.joined()
        // BEGIN must not wait for the answer: systemd does not look again at a message that arrived together with it.
        try send(Array("\0AUTH EXTERNAL \(digits)\r\nBEGIN\r\n".utf8))
        let deadline = Deadline(seconds: 30)
        while !received.contains(UInt8(ascii: "\n")) { try receive(until: deadline) }
        guard String(decoding: received, as: UTF8.self).hasPrefix("OK ") else {
            throw .answered(name: "", text: "signing in as user \(uid) was refused")
        }
        received = []
    }

    /// The seconds to wait: cleaning up after a request to end may meet the same silence again.
    private static func patience(_ seconds: Int64) -> Int64 { RequestToEnd.current == nil ? seconds : min(seconds, 5) }

    /// A point in time on the monotonic clock.
    struct Deadline {
        private let end: Int64

        init(seconds: Int64) { end = Self.now() + DBusConnection.patience(seconds) * 1_000 }

        private static func now() -> Int64 { Int64(monotonicNanoseconds() / 1_000_000) }

        /// The time left, in milliseconds.
        var remaining: Int32 { Int32(clamping: max(0, end - Self.now())) }
    }

    /// Calls a method and waits for its answer.
    @discardableResult
    mutating func call(_ message: DBusMessage, seconds: Int64 = 30) throws(DBusFailure) -> [DBusValue] {
        serial += 1
        var numbered = message
        numbered.serial = serial
        try send(numbered.encoded)
        let deadline = Deadline(seconds: seconds)
        while true {
            let answer = try next(until: deadline)
            if answer.kind == .signal { signals.append(answer) }
            guard answer.replySerial == serial else { continue }
            if answer.kind == .reply { return answer.body }
            throw .answered(name: answer.errorName ?? "", text: answer.body.first?.text ?? "")
        }
    }

    /// Waits for a signal.
    /// - Returns: the body of the first matching signal, whether it has arrived already or not.
    mutating func signal(
        _ member: String, until deadline: Deadline, where fits: ([DBusValue]) -> Bool
    ) throws(DBusFailure) -> [DBusValue] {
        while true {
            for signal in signals where signal.member == member && fits(signal.body) { return signal.body }
            signals = []
            let message = try next(until: deadline)
            if message.kind == .signal { signals.append(message) }
        }
    }

    private mutating func next(until deadline: Deadline) throws(DBusFailure) -> DBusMessage {
        while true {
            if received.count >= 16 {
                guard let length = DBusMessage.length(received) else { throw .malformed }
                if received.count >= length {
                    let bytes = Array(received.prefix(length))
                    received.removeFirst(length)
                    guard let message = DBusMessage(bytes) else { throw .malformed }
                    return message
                }
            }
            try receive(until: deadline)
        }
    }

    private mutating func receive(until deadline: Deadline) throws(DBusFailure) {
        var buffer = [UInt8](repeating: 0, count: 8_192)
        let number = socket.rawValue
        var count = 0
        do throws(Errno) {
            var ready = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
            guard try checked({ Glibc.poll(&ready, 1, deadline.remaining) }) > 0 else { throw .timedOut }
            count = try checked { buffer.withUnsafeMutableBytes { Glibc.read(number, $0.baseAddress, $0.count) } }
        } catch {
            throw error == .timedOut ? .timedOut : .system(error)
        }
        if count == 0 { throw .system(.connectionReset) }
        received.append(contentsOf: buffer.prefix(count))
    }

    private func send(_ bytes: [UInt8]) throws(DBusFailure) {
        let number = socket.rawValue
        var sent = 0
        while sent < bytes.count {
            do throws(Errno) {
                sent += try checked {
                    bytes.withUnsafeBytes { buffer in
                        let rest = UnsafeRawBufferPointer(rebasing: buffer[sent...])
                        return Glibc.send(number, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
                    }
                }
            } catch {
                throw .system(error)
            }
        }
    }
}
