// Writes JSON, compact or indented; properties appear in the order of the calls.
//
// Inlinable where generic: a generic that is not specialized by its user requests type metadata from the Swift runtime at
// each call, which took a fourteenth of the instructions of `run`.

/// A type that can be written as one JSON value.
package protocol JSONEncodable {
    func write(to writer: inout JSONWriter)
}

extension JSONEncodable {
    /// The value as UTF-8 text without a final newline; compact if `indent` is nil, otherwise with one line per
    /// element.
    package func json(indent: StaticString? = nil) -> [UInt8] {
        var writer = JSONWriter(indent: indent)
        write(to: &writer)
        return writer.bytes
    }
}

/// JSON text that is written front to back.
package struct JSONWriter {
    /// The text so far, UTF-8 without a final newline.
    package private(set) var bytes: [UInt8] = []
    private let indent: StaticString?
    /// Whether characters that stand for raw bytes are written unchanged, so that swiftrun can read them again.
    private let keepsRawBytes: Bool
    private var depth = 0
    private var isFirst = true

    /// An empty text; compact if `indent` is nil, otherwise with one line per element, indented by it.
    package init(indent: StaticString? = nil, keepsRawBytes: Bool = false) {
        self.indent = indent
        self.keepsRawBytes = keepsRawBytes
        bytes.reserveCapacity(4096)
    }

    /// Writes an object; `body` writes its properties.
    @inlinable
    package mutating func object(_ body: (inout JSONWriter) -> Void) {
        enclosed(in: UInt8(ascii: "{"), UInt8(ascii: "}"), body)
    }

    /// Writes an array.
    @inlinable
    package mutating func array<Elements: Collection>(_ elements: Elements) where Elements.Element: JSONEncodable {
        enclosed(in: UInt8(ascii: "["), UInt8(ascii: "]")) { writer in
            for element in elements {
                writer.startElement()
                element.write(to: &writer)
            }
        }
    }

    /// Writes a property.
    @inlinable
    package mutating func field(_ key: StaticString, _ value: some JSONEncodable) {
        startElement()
        append(key)
        value.write(to: &self)
    }

    /// Writes a property.
    @inlinable
    package mutating func field<Element: JSONEncodable>(_ key: StaticString, _ values: [Element]) {
        startElement()
        append(key)
        array(values)
    }

    /// Writes a property unless it is nil.
    @inlinable
    package mutating func field(_ key: StaticString, _ value: (some JSONEncodable)?) {
        if let value { field(key, value) }
    }

    /// Writes a property unless it is an empty list.
    @inlinable
    package mutating func list(_ key: StaticString, _ values: [some JSONEncodable]) {
        if !values.isEmpty { field(key, values) }
    }

    /// Writes a property unless it is an empty map.
    @inlinable
    package mutating func map(_ key: StaticString, _ values: TextMap<some JSONEncodable>) {
        if !values.isEmpty { field(key, values) }
    }

    /// Writes a property unless it is an empty map.
    @inlinable
    package mutating func map(_ key: StaticString, _ values: [String: some JSONEncodable]) {
        if !values.isEmpty { field(key, values) }
    }

    /// Writes a property unless it is false.
    package mutating func flag(_ key: StaticString, _ value: Bool) {
        if value { field(key, value) }
    }

    /// Writes a property unless it is 0.
    @inlinable
    package mutating func nonZero<Value: FixedWidthInteger & JSONEncodable>(_ key: StaticString, _ value: Value) {
        if value != 0 { field(key, value) }
    }

    @usableFromInline
    mutating func members(_ values: TextMap<some JSONEncodable>) {
        object { writer in
            for (key, value) in values { writer.member(key, value) }
        }
    }

    @inlinable
    mutating func member(_ key: String, _ value: some JSONEncodable) {
        startElement()
        append(string: key)
        endKey()
        value.write(to: &self)
    }

    /// Writes a number or a word as it is.
    mutating func word(_ literal: String) { append(ascii: literal) }

    @usableFromInline
    mutating func enclosed(in open: UInt8, _ close: UInt8, _ body: (inout JSONWriter) -> Void) {
        bytes.append(open)
        depth += 1
        isFirst = true
        body(&self)
        depth -= 1
        if !isFirst { startLine() }
        isFirst = false
        bytes.append(close)
    }

    @usableFromInline
    mutating func startElement() {
        if !isFirst { bytes.append(UInt8(ascii: ",")) }
        isFirst = false
        startLine()
    }

    private mutating func startLine() {
        guard let indent else { return }
        bytes.append(UInt8(ascii: "\n"))
        for _ in 0..<depth { append(literal: indent) }
    }

    @usableFromInline
    mutating func append(_ key: StaticString) {
        bytes.append(UInt8(ascii: "\""))
        append(literal: key)
        bytes.append(UInt8(ascii: "\""))
        endKey()
    }

    @usableFromInline
    mutating func endKey() {
        bytes.append(UInt8(ascii: ":"))
        if indent != nil { bytes.append(UInt8(ascii: " ")) }
    }

    fileprivate mutating func append(literal: StaticString) {
        unsafe bytes.append(contentsOf: UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount))
    }

    fileprivate mutating func append(ascii text: String) {
        bytes.append(contentsOf: text.utf8)
    }

    @usableFromInline
    mutating func append(string: String) {
        bytes.append(UInt8(ascii: "\""))
        let start = bytes.count
        for byte in string.utf8 {
            if byte >= 0x7f {
                bytes.removeLast(bytes.count - start)
                appendScalars(of: string)
                break
            }
            append(character: byte)
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func append(character byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
        case UInt8(ascii: "\n"): append(literal: #"\n"#)
        case UInt8(ascii: "\r"): append(literal: #"\r"#)
        case UInt8(ascii: "\t"): append(literal: #"\t"#)
        case 0..<0x20: append(escape: UInt16(byte))
        default: bytes.append(byte)
        }
    }

    // Non-ASCII characters that are not printable are escaped, because the text may be shown on a terminal.
    private mutating func appendScalars(of string: String) {
        let text = keepsRawBytes ? string : string.withBytesShown
        for scalar in text.unicodeScalars {
            if scalar.value < 0x7f {
                append(character: UInt8(scalar.value))
            } else if scalar.isPrintable {
                append(ascii: String(scalar))
            } else {
                for unit in UTF16.encode(scalar).map(Array.init) ?? [] { append(escape: unit) }
            }
        }
    }

    private mutating func append(escape unit: UInt16) {
        let digits = String(unit, radix: 16)
        append(literal: #"\u"#)
        for _ in digits.utf8.count..<4 { bytes.append(UInt8(ascii: "0")) }
        append(ascii: digits)
    }
}

extension String: JSONEncodable {
    package func write(to writer: inout JSONWriter) { writer.append(string: self) }
}

extension Bool: JSONEncodable {
    package func write(to writer: inout JSONWriter) { writer.append(literal: self ? "true" : "false") }
}

extension JSONEncodable where Self: FixedWidthInteger {
    package func write(to writer: inout JSONWriter) { writer.append(ascii: String(self)) }
}

extension Int: JSONEncodable {}
extension Int32: JSONEncodable {}
extension Int64: JSONEncodable {}
extension UInt: JSONEncodable {}
extension UInt16: JSONEncodable {}
extension UInt32: JSONEncodable {}
extension UInt64: JSONEncodable {}

extension Double: JSONEncodable {
    /// JSON has no infinity and no NaN; they are written as 0.
    package func write(to writer: inout JSONWriter) {
        let text = isFinite ? "\(self)" : "0"
        writer.append(ascii: text.hasSuffix(".0") ? String(text.dropLast(2)) : text)
    }
}

extension Array: JSONEncodable where Element: JSONEncodable {
    package func write(to writer: inout JSONWriter) { writer.array(self) }
}

extension TextMap: JSONEncodable where Value: JSONEncodable {
    /// Writes the properties sorted by key, so that equal values give equal text.
    package func write(to writer: inout JSONWriter) { writer.members(self) }
}

extension Dictionary: JSONEncodable where Key == String, Value: JSONEncodable {
    /// For names that the kernel gives.
    package func write(to writer: inout JSONWriter) {
        writer.members(TextMap(uniqueKeysWithValues: map { ($0.key, $0.value) }))
    }
}
