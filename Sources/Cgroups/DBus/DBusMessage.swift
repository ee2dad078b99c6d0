// D-Bus messages as bytes: the part of the wire format that talking to systemd needs.

/// A whole message (D-Bus specification, Message format).
struct DBusMessage: Equatable, Sendable {
    enum Kind: UInt8, Sendable {
        case call = 1
        case reply = 2
        case error = 3
        case signal = 4
    }

    var kind: Kind
    var serial: UInt32 = 0
    var replySerial: UInt32?
    var path: String?
    var interface: String?
    var member: String?
    var errorName: String?
    var destination: String?
    var body: [DBusValue] = []

    /// The message as bytes, little-endian.
    var encoded: [UInt8] {
        var content = DBusWriter()
        for value in body { content.append(value) }
        var fields: [DBusValue] = []
        func add(_ code: UInt8, _ value: DBusValue?) {
            if let value { fields.append(.structure([.byte(code), .variant(value)])) }
        }
        add(1, path.map(DBusValue.objectPath))
        add(2, interface.map(DBusValue.string))
        add(3, member.map(DBusValue.string))
        add(4, errorName.map(DBusValue.string))
        add(5, replySerial.map(DBusValue.uint32))
        add(6, destination.map(DBusValue.string))
        let signature = body.map { $0.signature }.joined()
        add(8, signature.isEmpty ? nil : .signature(signature))
        var writer = DBusWriter()
        for byte in [UInt8(ascii: "l"), kind.rawValue, 0, 1] { writer.append(.byte(byte)) }
        writer.append(.uint32(UInt32(content.bytes.count)))
        writer.append(.uint32(serial))
        writer.append(.array("(yv)", fields))
        writer.align(8)
        return writer.bytes + content.bytes
    }

    /// The number of bytes of a message, from its first 16; nil if these do not begin a little-endian message.
    static func length(_ start: [UInt8]) -> Int? {
        guard start.count >= 16, start[0] == UInt8(ascii: "l") else { return nil }
        var reader = DBusReader(start, at: 4)
        guard case .some(let sizes) = reader.values("uuu"), case .uint32(let body) = sizes[0],
            case .uint32(let fields) = sizes[2], body <= 1 << 26, fields <= 1 << 26
        else { return nil }
        return (16 + Int(fields) + 7) / 8 * 8 + Int(body)
    }

    /// Reads a whole message.
    init?(_ bytes: [UInt8]) {
        var reader = DBusReader(bytes)
        guard let header = reader.values("yyyyuua(yv)"), case .byte(let code) = header[1],
            let kind = Kind(rawValue: code), case .uint32(let serial) = header[5],
            case .array(_, let fields) = header[6]
        else { return nil }
        self.init(kind: kind, serial: serial)
        var signature = ""
        for field in fields {
            guard case .structure(let pair) = field, case .byte(let code) = pair[0] else { return nil }
            switch (code, pair[1]) {
            case (1, let value): path = value.text
            case (2, let value): interface = value.text
            case (3, let value): member = value.text
            case (4, let value): errorName = value.text
            case (5, .variant(.uint32(let serial))): replySerial = serial
            case (6, let value): destination = value.text
            case (8, .variant(.signature(let text))): signature = text
            default: continue
            }
        }
        reader.align(8)
        guard let body = reader.values(signature) else { return nil }
        self.body = body
    }

    init(
        kind: Kind, serial: UInt32 = 0, path: String? = nil, interface: String? = nil, member: String? = nil,
        destination: String? = nil, body: [DBusValue] = []
    ) {
        self.kind = kind
        self.serial = serial
        self.path = path
        self.interface = interface
        self.member = member
        self.destination = destination
        self.body = body
    }
}
