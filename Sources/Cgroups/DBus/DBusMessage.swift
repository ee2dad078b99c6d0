// D-Bus messages as bytes: the part of the wire format that talking to systemd needs.

/// A value in a message (D-Bus specification, Type system).
indirect enum DBusValue: Equatable, Sendable {
    case byte(UInt8)
    case boolean(Bool)
    case int32(Int32)
    case uint32(UInt32)
    case int64(Int64)
    case uint64(UInt64)
    case double(Double)
    case string(String)
    case objectPath(String)
    case signature(String)
    /// Elements of one type. The signature is stored because an empty array has no element to derive it from.
    case array(String, [DBusValue])
    case structure([DBusValue])
    case variant(DBusValue)

    /// The value's type signature.
    var signature: String {
        switch self {
        case .byte: "y"
        case .boolean: "b"
        case .int32: "i"
        case .uint32: "u"
        case .int64: "x"
        case .uint64: "t"
        case .double: "d"
        case .string: "s"
        case .objectPath: "o"
        case .signature: "g"
        case .array(let element, _): "a\(element)"
        case .structure(let members): "(\(members.map(\.signature).joined()))"
        case .variant: "v"
        }
    }

    static func strings(_ values: [String]) -> DBusValue { .array("s", values.map(DBusValue.string)) }
    static func bytes(_ values: [UInt8]) -> DBusValue { .array("y", values.map(DBusValue.byte)) }

    /// The text of a string or object path, or of a variant that contains one.
    var text: String? {
        switch self {
        case .string(let text), .objectPath(let text): text
        case .variant(let value): value.text
        default: nil
        }
    }
}

/// The bytes of a message under construction; every value is aligned to its size from the start of the message.
struct DBusWriter {
    private(set) var bytes: [UInt8] = []

    mutating func align(_ size: Int) { while bytes.count % size != 0 { bytes.append(0) } }

    private mutating func integer<Value: FixedWidthInteger>(_ value: Value) {
        align(MemoryLayout<Value>.size)
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    private mutating func text(_ text: String) {
        bytes.append(contentsOf: text.utf8)
        bytes.append(0)
    }

    mutating func append(_ value: DBusValue) {
        switch value {
        case .byte(let value): bytes.append(value)
        case .boolean(let value): integer(UInt32(value ? 1 : 0))
        case .int32(let value): integer(value)
        case .uint32(let value): integer(value)
        case .int64(let value): integer(value)
        case .uint64(let value): integer(value)
        case .double(let value): integer(value.bitPattern)
        case .string(let value), .objectPath(let value):
            integer(UInt32(value.utf8.count))
            text(value)
        case .signature(let value):
            bytes.append(UInt8(truncatingIfNeeded: value.utf8.count))
            text(value)
        case .array(let element, let values): append(values, of: element)
        case .structure(let members):
            align(8)
            for member in members { append(member) }
        case .variant(let value):
            append(.signature(value.signature))
            append(value)
        }
    }

    private mutating func append(_ values: [DBusValue], of element: String) {
        integer(UInt32(0))
        let length = bytes.count - 4
        align(DBusWriter.alignment(of: element.utf8.first ?? 0))
        let start = bytes.count
        for value in values { append(value) }
        // The padding before the first element does not count.
        withUnsafeBytes(of: UInt32(bytes.count - start).littleEndian) { size in
            for (offset, byte) in size.enumerated() { bytes[length + offset] = byte }
        }
    }

    /// The alignment of a type, by the first letter of its signature.
    static func alignment(of letter: UInt8) -> Int {
        switch letter {
        case UInt8(ascii: "x"), UInt8(ascii: "t"), UInt8(ascii: "d"), UInt8(ascii: "("), UInt8(ascii: "{"): 8
        case UInt8(ascii: "y"), UInt8(ascii: "g"), UInt8(ascii: "v"): 1
        default: 4
        }
    }
}

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
        let signature = body.map(\.signature).joined()
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
