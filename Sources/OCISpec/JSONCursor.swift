// Reads values from a JSON document; every error has a key path.

/// A type that is decoded from one value of a JSON document.
package protocol JSONDecodable {
    /// Reads the value at a cursor.
    ///
    /// Throws `InvalidSpec` with a key path that starts at the cursor.
    init(_ cursor: borrowing JSONCursor) throws(InvalidSpec)
}

/// A place in a JSON document.
///
/// A decoder only borrows a cursor, so no cursor outlives its document. A cursor costs one pointer: an error gets its
/// key path while it is passed outwards, each level putting its own key in front.
package struct JSONCursor: ~Copyable {
    let node: JSONNode

    init(_ node: JSONNode) { self.node = node }

    /// The property `key`, which must be present and not null.
    ///
    /// The case of letters is ignored, as in Go's encoding/json, which runc and the engines use. If another spelling
    /// were ignored, the container would lack a setting of its config.
    @inlinable
    package func required<Value: JSONDecodable>(_ key: StaticString) throws(InvalidSpec) -> Value {
        guard let member = try member(key) else { throw Self.absence(of: key) }
        return try Self.read(member, key)
    }

    /// The property `key`; nil if it is absent or null.
    @inlinable
    package func optional<Value: JSONDecodable>(_ key: StaticString) throws(InvalidSpec) -> Value? {
        guard let member = try member(key) else { return nil }
        return try Self.read(member, key)
    }

    // Inlinable, together with its callers, for targets that decode types of their own: a generic that is not
    // specialized requests its type metadata from the Swift runtime at each call.
    @inlinable
    static func read<Value: JSONDecodable>(
        _ member: consuming JSONCursor, _ key: StaticString
    ) throws(InvalidSpec) -> Value {
        do throws(InvalidSpec) { return try Value(member) } catch {
            throw error.inside(property: key.description)
        }
    }

    @usableFromInline
    func member(_ key: StaticString) throws(InvalidSpec) -> JSONCursor? {
        try expect(.object)
        guard let member = node.member(key) else { return nil }
        return JSONCursor(member)
    }

    @usableFromInline
    static func absence(of key: StaticString) -> InvalidSpec {
        InvalidSpec(keyPath: key.description, problem: "is required")
    }

    /// The string property `key`; nil if it is absent, null or empty.
    package func nonEmpty(_ key: StaticString) throws(InvalidSpec) -> String? {
        guard let text: String = try optional(key), !text.isEmpty else { return nil }
        return text
    }

    private func mismatch(expected: String) -> InvalidSpec {
        InvalidSpec(keyPath: "", problem: "expected \(expected), found \(node.kind.phrase)")
    }

    private func expect(_ kind: JSONNode.Kind) throws(InvalidSpec) {
        if node.kind != kind { throw mismatch(expected: kind.phrase) }
    }

    fileprivate func string() throws(InvalidSpec) -> String {
        try expect(.string)
        return node.text
    }

    fileprivate func boolean() throws(InvalidSpec) -> Bool {
        try expect(.boolean)
        return node.boolean
    }

    fileprivate func integer<Value: FixedWidthInteger>() throws(InvalidSpec) -> Value {
        switch node.kind {
        case .integer:
            if let value = node.integer(as: Value.self) { return value }
        case .real:
            // Go's encoding/json and crun refuse 1e3 and 5.0 as well.
            throw InvalidSpec(keyPath: "", problem: "expected an integer, found \(node.literal)")
        default:
            throw mismatch(expected: JSONNode.Kind.integer.phrase)
        }
        let range = "from \(Value.min) to \(Value.max)"
        throw InvalidSpec(keyPath: "", problem: "expected an integer \(range), found \(node.literal)")
    }

    fileprivate func elements<Value: JSONDecodable>() throws(InvalidSpec) -> [Value] {
        try expect(.array)
        let count = node.count
        var values: [Value] = []
        values.reserveCapacity(count)
        for index in 0..<count {
            do throws(InvalidSpec) {
                values.append(try Value(JSONCursor(node.element(index))))
            } catch {
                throw error.inside(element: index)
            }
        }
        return values
    }

    fileprivate func members<Value: JSONDecodable>() throws(InvalidSpec) -> TextMap<Value> {
        try expect(.object)
        var values = TextMap<Value>()
        try node.forEachMember { key, member throws(InvalidSpec) in
            do throws(InvalidSpec) {
                values[key] = try Value(JSONCursor(member))
            } catch {
                throw error.inside(property: key)
            }
        }
        return values
    }
}

extension JSONNode.Kind {
    fileprivate var phrase: String {
        switch self {
        case .null: "null"
        case .boolean: "a boolean"
        case .integer: "an integer"
        case .real: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

extension String: JSONDecodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) { self = try cursor.string() }
}

extension Bool: JSONDecodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) { self = try cursor.boolean() }
}

extension Int: JSONDecodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) { self = try cursor.integer() }
}

extension Int32: JSONDecodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) { self = try cursor.integer() }
}

extension Int64: JSONDecodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) { self = try cursor.integer() }
}

extension UInt: JSONDecodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) { self = try cursor.integer() }
}

extension UInt16: JSONDecodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) { self = try cursor.integer() }
}

extension UInt32: JSONDecodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) { self = try cursor.integer() }
}

extension UInt64: JSONDecodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) { self = try cursor.integer() }
}

extension Array: JSONDecodable where Element: JSONDecodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) { self = try cursor.elements() }
}

extension TextMap: JSONDecodable where Value: JSONDecodable {
    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) { self = try cursor.members() }
}
