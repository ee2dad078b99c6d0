// Network interfaces by rtnetlink(7): only the requests that are needed to move one into another network namespace.

internal import CLinux
internal import Glibc

/// An address of an interface, with the properties that are restored after a move.
package struct InterfaceAddress: Equatable, Sendable {
    /// `AF_INET` or `AF_INET6`.
    package var family: UInt8
    package var prefixLength: UInt8
    /// 0 is global. rtnetlink(7), `rtm_scope`.
    package var scope: UInt8
    /// `IFA_F_*`.
    package var flags: UInt32
    /// The attributes that name the address, as received: `IFA_ADDRESS`, `IFA_LOCAL`, `IFA_BROADCAST`.
    package var attributes: [UInt8]

    /// Whether an administrator set the address to stay, and not for this link only.
    package var isPermanentAndGlobal: Bool { flags & 0x80 != 0 && scope == 0 }  // IFA_F_PERMANENT
}

// struct nlmsghdr: length 4, type 2, flags 2, sequence number 4, port 4.
private let headerSize = 16

private let interfaceUp: UInt32 = 1  // IFF_UP

private enum RouteMessageType: UInt16 {
    case newLink = 16  // RTM_NEWLINK
    case getLink = 18  // RTM_GETLINK
    case newAddress = 20  // RTM_NEWADDR
    case getAddress = 22  // RTM_GETADDR
}

private struct RouteMessageFlags: OptionSet {
    let rawValue: UInt16
    static let request = Self(rawValue: 0x1)  // NLM_F_REQUEST
    static let acknowledge = Self(rawValue: 0x4)  // NLM_F_ACK
    static let exclusive = Self(rawValue: 0x200)  // NLM_F_EXCL
    static let dump = Self(rawValue: 0x300)  // NLM_F_DUMP
    static let create = Self(rawValue: 0x400)  // NLM_F_CREATE
}

private enum LinkAttribute: UInt16 {
    case interfaceName = 3  // IFLA_IFNAME
    case networkNamespace = 28  // IFLA_NET_NS_FD
}

/// A routing socket; it belongs to the network namespace in which it was created.
package struct RouteSocket: ~Copyable {
    private let socket: OwnedDescriptor

    package init() throws(Errno) {
        let raw = Int32(SOCK_RAW.rawValue) | CLINUX_SOCK_CLOEXEC
        socket = OwnedDescriptor(adopting: try checked { Glibc.socket(AF_NETLINK, raw, 0) })
    }

    /// The index of the interface with a name.
    /// - Throws: `ENODEV` when there is none.
    package borrowing func index(of name: String) throws(Errno) -> Int32 {
        var request = RouteMessage(type: .getLink, flags: [])
        request.append(interface: 0, flags: 0, change: 0)
        request.append(attribute: .interfaceName, name.utf8 + [0])
        let replies = try exchange(request)
        guard let reply = replies.first, reply.count >= 20 else { throw .noSuchDevice }
        return Int32(bitPattern: word(reply, 4))
    }

    /// The addresses of an interface.
    package borrowing func addresses(of index: Int32) throws(Errno) -> [InterfaceAddress] {
        var request = RouteMessage(type: .getAddress, flags: .dump)
        request.append(address: 0, prefixLength: 0, scope: 0, index: 0)
        return try exchange(request).compactMap { InterfaceAddress(message: $0, index: index) }
    }

    /// Moves an interface into the network namespace of a descriptor, optionally under a new name.
    package borrowing func move(_ index: Int32, to namespace: Int32, as name: String) throws(Errno) {
        var request = RouteMessage(type: .newLink, flags: .acknowledge)
        request.append(interface: index, flags: 0, change: 0)
        request.append(attribute: .networkNamespace, bytes(of: UInt32(bitPattern: namespace)))
        request.append(attribute: .interfaceName, name.utf8 + [0])
        _ = try exchange(request)
    }

    /// Adds an address that the interface had before its move.
    package borrowing func add(_ address: InterfaceAddress, to index: Int32) throws(Errno) {
        var request = RouteMessage(type: .newAddress, flags: [.create, .exclusive, .acknowledge])
        request.append(
            address: address.family, prefixLength: address.prefixLength, scope: address.scope, index: index)
        request.append(raw: address.attributes)
        _ = try exchange(request)
    }

    /// Brings an interface up.
    package borrowing func bringUp(_ index: Int32) throws(Errno) {
        var request = RouteMessage(type: .newLink, flags: .acknowledge)
        request.append(interface: index, flags: interfaceUp, change: interfaceUp)
        _ = try exchange(request)
    }

    // The replies, each without its header.
    private borrowing func exchange(_ request: RouteMessage) throws(Errno) -> [[UInt8]] {
        let number = socket.rawValue
        let sent = request.finished
        try checked { unsafe sent.withUnsafeBytes { unsafe Glibc.send(number, $0.baseAddress, $0.count, 0) } }
        var replies: [[UInt8]] = []
        while true {
            var buffer = [UInt8](repeating: 0, count: 64 << 10)
            let length = try checked {
                unsafe buffer.withUnsafeMutableBytes { unsafe recv(number, $0.baseAddress, $0.count, 0) }
            }
            var rest = buffer[..<length]
            while rest.count >= headerSize {
                let message = Array(rest.prefix(Int(word(Array(rest.prefix(4)), 0))))
                guard message.count >= headerSize else { throw .badMessage }
                rest = rest.dropFirst((message.count + 3) & ~3)
                let isPart = message[6] & 0x2 != 0  // NLM_F_MULTI
                switch UInt16(message[4]) | UInt16(message[5]) << 8 {
                case 2:  // NLMSG_ERROR; zero acknowledges
                    let code = message.count >= headerSize + 4 ? -Int32(bitPattern: word(message, headerSize)) : EBADMSG
                    guard code == 0 else { throw Errno(rawValue: code) }
                    return replies
                case 3: return replies  // NLMSG_DONE
                default: replies.append(Array(message.dropFirst(headerSize)))
                }
                if !isPart { return replies }
            }
        }
    }
}

// A request under construction. Netlink uses the machine's byte order; both supported machines are little-endian.
private struct RouteMessage {
    private var body: [UInt8] = []
    private let type: RouteMessageType
    private let flags: RouteMessageFlags

    init(type: RouteMessageType, flags: RouteMessageFlags) {
        self.type = type
        self.flags = flags.union(.request)
    }

    // struct ifinfomsg
    mutating func append(interface index: Int32, flags: UInt32, change: UInt32) {
        body += [0, 0, 0, 0] + bytes(of: UInt32(bitPattern: index)) + bytes(of: flags) + bytes(of: change)
    }

    // struct ifaddrmsg
    mutating func append(address family: UInt8, prefixLength: UInt8, scope: UInt8, index: Int32) {
        body += [family, prefixLength, 0, scope] + bytes(of: UInt32(bitPattern: index))
    }

    mutating func append(attribute type: LinkAttribute, _ value: [UInt8]) {
        let length = UInt16(value.count + 4)
        body += [
            UInt8(truncatingIfNeeded: length), UInt8(length >> 8), UInt8(truncatingIfNeeded: type.rawValue),
            UInt8(type.rawValue >> 8),
        ]
        append(raw: value)
    }

    mutating func append(raw: [UInt8]) {
        body += raw
        body += [UInt8](repeating: 0, count: -raw.count & 3)
    }

    var finished: [UInt8] {
        let length = bytes(of: UInt32(body.count + headerSize))
        let kind = [
            UInt8(truncatingIfNeeded: type.rawValue), UInt8(type.rawValue >> 8),
            UInt8(truncatingIfNeeded: flags.rawValue), UInt8(flags.rawValue >> 8),
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
