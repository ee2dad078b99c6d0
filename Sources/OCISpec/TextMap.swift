// The members of a JSON object by their names.
//
// Inlinable: a generic that is not specialized by its user requests type metadata from the Swift runtime at each call, which
// made `state` half as expensive again.

/// Outside of the generic type, so that every map has keys of one type.
@usableFromInline
struct ByteName: Hashable, Sendable {
    @usableFromInline let text: String

    @inlinable
    init(text: String) { self.text = text }

    @inlinable
    static func == (left: ByteName, right: ByteName) -> Bool { left.text.utf8.elementsEqual(right.text.utf8) }

    @inlinable
    func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { unsafe hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}

/// Values by text, which is compared by its bytes.
///
/// Two spellings of one character, such as an "é" of one or of two scalars, are equal as keys of a Swift dictionary, but they
/// are two properties in JSON (RFC 8259, section 8.3), and to the kernel two names.
public struct TextMap<Value> {
    @usableFromInline var values: [ByteName: Value]

    /// An empty map.
    @inlinable
    public init() { values = [:] }

    /// A map of these pairs; of two with the same key the later one counts.
    @inlinable
    public init(uniqueKeysWithValues pairs: some Sequence<(String, Value)>) {
        values = [:]
        for (key, value) in pairs { values[ByteName(text: key)] = value }
    }

    /// The value of a key; nil takes it away.
    @inlinable
    public subscript(key: String) -> Value? {
        get { values[ByteName(text: key)] }
        set { values[ByteName(text: key)] = newValue }
    }

    /// Gives a key a value.
    /// - Returns: the value before.
    @inlinable
    @discardableResult
    public mutating func updateValue(_ value: Value, forKey key: String) -> Value? {
        values.updateValue(value, forKey: ByteName(text: key))
    }

    /// Whether there is no key.
    @inlinable public var isEmpty: Bool { values.isEmpty }
    /// The number of keys.
    @inlinable public var count: Int { values.count }

    /// In the order of their bytes.
    @inlinable public var keys: [String] {
        if values.isEmpty { return [] }
        var names: [String] = []
        names.reserveCapacity(values.count)
        for key in values.keys { names.append(key.text) }
        if names.count > 1 { names.sort { $0.utf8.lexicographicallyPrecedes($1.utf8) } }
        return names
    }
}

extension TextMap: Sequence {
    /// A key and its value.
    public typealias Element = (key: String, value: Value)

    /// In the order of the keys' bytes.
    @inlinable
    public func makeIterator() -> IndexingIterator<[Element]> {
        if values.isEmpty { return [].makeIterator() }
        var members = values.map { (key: $0.key.text, value: $0.value) }
        if members.count > 1 { members.sort { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) } }
        return members.makeIterator()
    }
}

extension TextMap: ExpressibleByDictionaryLiteral {
    /// Keys are text.
    public typealias Key = String

    /// A map of these pairs; of two with the same key the later one counts.
    @inlinable
    public init(dictionaryLiteral elements: (String, Value)...) {
        values = [:]
        for (key, value) in elements { values[ByteName(text: key)] = value }
    }
}

extension TextMap: Sendable where Value: Sendable {}
extension TextMap: Equatable where Value: Equatable {}
