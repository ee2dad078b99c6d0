// Network interfaces by rtnetlink(7): just what it takes to move one into another network namespace.

internal import CLinux
internal import Glibc
package import SystemPackage

/// An address of an interface, as far as it goes along when the interface moves.
package struct InterfaceAddress: Equatable, Sendable {
    /// `AF_INET` or `AF_INET6`.
    package var family: UInt8
    package var prefixLength: UInt8
    /// 0 is global. rtnetlink(7), `rtm_scope`.
    package var scope: UInt8
    /// `IFA_F_*`.
    package var flags: UInt32
    /// The attributes that say which address it is, as they came: `IFA_ADDRESS`, `IFA_LOCAL`, `IFA_BROADCAST`.
    package var attributes: [UInt8]

    /// Made by somebody who wants it kept, and not for this link only.
    package var isPermanentAndGlobal: Bool { flags & 0x80 != 0 && scope == 0 }  // IFA_F_PERMANENT
}

/// A routing socket: it speaks of the network namespace in which it was made.
package struct RouteSocket: ~Copyable {
    private let socket: OwnedDescriptor

    package init() throws(Errno) {
        let raw = Int32(SOCK_RAW.rawValue) | CLINUX_SOCK_CLOEXEC
        socket = OwnedDescriptor(adopting: try checked { Glibc.socket(AF_NETLINK, raw, 0) })
    }

    /// The index of the interface with a name.
    /// - Throws: `ENODEV` when there is none.
    package borrowing func index(of name: String) throws(Errno) -> Int32 {
        var request = RouteMessage(type: 18, flags: 0)  // RTM_GETLINK
        request.append(interface: 0, flags: 0, change: 0)
        request.append(attribute: 3, name.utf8 + [0])  // IFLA_IFNAME
        let replies = try exchange(request)
        guard let reply = replies.first, reply.count >= 20 else { throw .noSuchDevice }
        return Int32(bitPattern: word(reply, 4))
    }

    /// The addresses of an interface.
    package borrowing func addresses(of index: Int32) throws(Errno) -> [InterfaceAddress] {
        var request = RouteMessage(type: 22, flags: 0x300)  // RTM_GETADDR, NLM_F_DUMP
        request.append(address: 0, prefixLength: 0, scope: 0, index: 0)
        return try exchange(request).compactMap { InterfaceAddress(message: $0, index: index) }
    }

    /// Moves an interface into the network namespace behind a descriptor, under a name that may be new.
    package borrowing func move(_ index: Int32, to namespace: Int32, as name: String) throws(Errno) {
        var request = RouteMessage(type: 16, flags: 0x4)  // RTM_NEWLINK, NLM_F_ACK
        request.append(interface: index, flags: 0, change: 0)
        request.append(attribute: 28, bytes(of: UInt32(bitPattern: namespace)))  // IFLA_NET_NS_FD
        request.append(attribute: 3, name.utf8 + [0])
        _ = try exchange(request)
    }

    /// Adds an address that an interface had elsewhere.
    package borrowing func add(_ address: InterfaceAddress, to index: Int32) throws(Errno) {
        var request = RouteMessage(type: 20, flags: 0x604)  // RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK
        request.append(
            address: address.family, prefixLength: address.prefixLength, scope: address.scope, index: index)
        request.append(raw: address.attributes)
        _ = try exchange(request)
    }

    /// Brings an interface up.
    package borrowing func raise(_ index: Int32) throws(Errno) {
        var request = RouteMessage(type: 16, flags: 0x4)
        request.append(interface: index, flags: 1, change: 1)  // IFF_UP
        _ = try exchange(request)
    }

    // What came back, each message without its header.
    private borrowing func exchange(_ request: RouteMessage) throws(Errno) -> [[UInt8]] {
        let number = socket.rawValue
        let sent = request.finished
        try checked { sent.withUnsafeBytes { Glibc.send(number, $0.baseAddress, $0.count, 0) } }
        var replies: [[UInt8]] = []
        while true {
            var buffer = [UInt8](repeating: 0, count: 64 << 10)
            let length = try checked { buffer.withUnsafeMutableBytes { recv(number, $0.baseAddress, $0.count, 0) } }
            var rest = buffer[..<length]
            while rest.count >= 16 {
                let message = Array(rest.prefix(Int(word(Array(rest.prefix(4)), 0))))
                guard message.count >= 16 else { throw .badMessage }
                rest = rest.dropFirst((message.count + 3) & ~3)
                let isPart = message[6] & 0x2 != 0  // NLM_F_MULTI
                switch UInt16(message[4]) | UInt16(message[5]) << 8 {
                case 2:  // NLMSG_ERROR; zero acknowledges
                    let code = message.count >= 20 ? -Int32(bitPattern: word(message, 16)) : EBADMSG
                    guard code == 0 else { throw Errno(rawValue: code) }
                    return replies
                case 3: return replies  // NLMSG_DONE
                default: replies.append(Array(message.dropFirst(16)))
                }
                if !isPart { return replies }
            }
        }
    }
}

// A request while it is written. Numbers are in the machine's own order.
private struct RouteMessage {
    private var body: [UInt8] = []
    private let type: UInt16
    private let flags: UInt16

    init(type: UInt16, flags: UInt16) {
        self.type = type
        self.flags = flags | 1  // NLM_F_REQUEST
    }

    // struct ifinfomsg
    mutating func append(interface index: Int32, flags: UInt32, change: UInt32) {
        body += [0, 0, 0, 0] + bytes(of: UInt32(bitPattern: index)) + bytes(of: flags) + bytes(of: change)
    }

    // struct ifaddrmsg
    mutating func append(address family: UInt8, prefixLength: UInt8, scope: UInt8, index: Int32) {
        body += [family, prefixLength, 0, scope] + bytes(of: UInt32(bitPattern: index))
    }

    mutating func append(attribute type: UInt16, _ value: [UInt8]) {
        let length = UInt16(value.count + 4)
        body += [
            UInt8(truncatingIfNeeded: length), UInt8(length >> 8), UInt8(truncatingIfNeeded: type), UInt8(type >> 8),
        ]
        append(raw: value)
    }

    mutating func append(raw: [UInt8]) {
        body += raw
        body += [UInt8](repeating: 0, count: -raw.count & 3)
    }

    var finished: [UInt8] {
        let length = bytes(of: UInt32(body.count + 16))
        let kind = [
            UInt8(truncatingIfNeeded: type), UInt8(type >> 8), UInt8(truncatingIfNeeded: flags), UInt8(flags >> 8),
        ]
        return length + kind + [UInt8](repeating: 0, count: 8) + body
    }
}

extension InterfaceAddress {
    fileprivate init?(message: [UInt8], index: Int32) {
        guard message.count >= 8, Int32(bitPattern: word(message, 4)) == index else { return nil }
        family = message[0]
        prefixLength = message[1]
        flags = UInt32(message[2])
        scope = message[3]
        attributes = []
        var rest = message.dropFirst(8)
        while rest.count >= 4 {
            let head = Array(rest.prefix(4))
            let length = Int(head[0]) | Int(head[1]) << 8
            guard length >= 4, length <= rest.count else { break }
            let padded = min((length + 3) & ~3, rest.count)
            switch UInt16(head[2]) | UInt16(head[3]) << 8 {
            case 1, 2, 4: attributes += rest.prefix(padded)  // IFA_ADDRESS, IFA_LOCAL, IFA_BROADCAST
            case 8 where length == 8: flags = word(Array(rest.prefix(8)), 4)  // IFA_FLAGS
            default: break
            }
            rest = rest.dropFirst(padded)
        }
    }
}

private func word(_ message: [UInt8], _ offset: Int) -> UInt32 {
    (0..<4).reduce(0) { $0 | UInt32(message[offset + $1]) << ($1 * 8) }
}

private func bytes(of value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) } }
