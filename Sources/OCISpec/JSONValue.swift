// Any JSON value, for documents of which only a part is ours to change: the rest stays as it was.

/// A JSON value with all that is in it, known to us or not.
package indirect enum JSONValue: Equatable, Sendable {
    case null
    case boolean(Bool)
    /// A number, as it is written.
    case number(String)
    case string(String)
    case array([JSONValue])
    /// The properties, in their order.
    case object([Member])

    package struct Member: Equatable, Sendable {
        package var key: String
        package var value: JSONValue
        package init(_ key: String, _ value: JSONValue) {
            self.key = key
            self.value = value
        }
    }

    /// The text of a string.
    package var text: String? { if case .string(let text) = self { text } else { nil } }
    /// The elements of an array; none of anything else.
    package var elements: [JSONValue] { if case .array(let elements) = self { elements } else { [] } }
    package var isTrue: Bool { self == .boolean(true) }

    /// A property of an object, found in letters of either case, as readers do; nil when it is absent, or null.
    package subscript(_ key: String) -> JSONValue? {
        get {
            guard case .object(let members) = self else { return nil }
            let value = members.first { Self.isSame($0.key, key) }?.value
            return value == .null ? nil : value
        }
        set {
            guard case .object(var members) = self else { return }
            let place = members.firstIndex { Self.isSame($0.key, key) }
            switch (place, newValue) {
            case (let place?, let value?): members[place].value = value
            case (let place?, nil): members.remove(at: place)
            case (nil, let value?): members.append(Member(key, value))
            case (nil, nil): return
            }
            self = .object(members)
        }
    }

    private static func isSame(_ name: String, _ key: String) -> Bool {
        name.utf8.count == key.utf8.count && zip(name.utf8, key.utf8).allSatisfy { folded($0) == folded($1) }
    }

    private static func folded(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral {
    package init(stringLiteral value: String) { self = .string(value) }
    package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    package init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(elements.map { Member($0.0, $0.1) })
    }
}

extension JSONValue: JSONDecodable, JSONEncodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) { self = try JSONValue(cursor.node) }

    init(_ node: JSONNode) throws(InvalidSpec) {
        switch node.kind {
        case .null: self = .null
        case .boolean: self = .boolean(node.boolean)
        case .integer, .real: self = .number(node.literal)
        case .string: self = .string(node.text)
        case .array:
            var elements: [JSONValue] = []
            for index in 0..<node.count { elements.append(try JSONValue(node.element(index))) }
            self = .array(elements)
        case .object:
            var members: [Member] = []
            try node.forEachMember { key, value throws(InvalidSpec) in members.append(Member(key, try JSONValue(value)))
            }
            self = .object(members)
        }
    }

    package func write(to writer: inout JSONWriter) {
        switch self {
        case .null: writer.word("null")
        case .boolean(let value): value.write(to: &writer)
        case .number(let literal): writer.word(literal)
        case .string(let text): text.write(to: &writer)
        case .array(let elements): writer.array(elements)
        case .object(let members):
            writer.object { writer in
                for member in members { writer.member(member.key, member.value) }
            }
        }
    }
}
