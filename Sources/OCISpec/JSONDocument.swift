// A parsed JSON document; only this file uses json-c.

internal import CJSON
internal import Glibc

@usableFromInline func free(_ root: JSONNode) { unsafe json_object_put(root.pointer) }

/// A JSON document in memory, parsed as a whole; `decode` reads it.
///
/// Stricter than json-c: the text is JSON by RFC 8259, UTF-8 without NUL, and no object has two properties of one name in the same letters.
@usableFromInline package struct JSONDocument: ~Copyable {
    /// Deeper than any document of the specification, and shallow enough to be freed by recursion.
    static let depthLimit: Int32 = 64

    @usableFromInline let root: JSONNode

    /// Parses UTF-8 text.
    ///
    /// Throws `InvalidSpec` with the line and the column (in bytes) of a syntax error, both counted from 1.
    /// - Parameter isOwn: whether swiftrun wrote the document, so that characters for raw bytes stand for these
    /// bytes.
    package init(_ bytes: [UInt8], isOwn: Bool = false) throws(InvalidSpec) {
        let escaped = isOwn ? nil : RawBytes.escaped(document: bytes)
        root = try unsafe (escaped ?? bytes).withUnsafeBufferPointer { buffer throws(InvalidSpec) in
            let text = unsafe JSONText(bytes: buffer)
            let (properties, strange) = try text.check()
            let root = unsafe JSONNode(try Self.parse(text))
            if let strange {
                unsafe json_object_put(root.pointer)
                throw text.failure("unexpected \(text.character(at: strange))", at: strange)
            }
            // json-c keeps the last of two values. Other readers merge them or keep the first: what one of them checked
            // is not what another does.
            guard root.propertyCount == properties else {
                unsafe json_object_put(root.pointer)
                throw try JSONPlace.repetition(in: text)
            }
            return root
        }
    }

    // Swift without its runtime compiles this into each module that ends the life of one.
    @inlinable deinit { free(root) }

    var isNull: Bool { root.kind == .null }

    /// Reads the whole document as one value.
    ///
    /// Throws `InvalidSpec` with the key path of a value that does not fit.
    package func decode<Value: JSONDecodable>(_: Value.Type = Value.self) throws(InvalidSpec) -> Value {
        try Value(JSONCursor(root))
    }

    private static func parse(_ text: JSONText) throws(InvalidSpec) -> OpaquePointer? {
        guard let tokener = unsafe json_tokener_new_ex(depthLimit) else {
            throw InvalidSpec(keyPath: "", problem: "out of memory")
        }
        defer { unsafe json_tokener_free(tokener) }
        unsafe json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS)
        var root = unsafe text.bytes.withMemoryRebound(to: CChar.self) { characters in
            unsafe json_tokener_parse_ex(tokener, characters.baseAddress, Int32(characters.count))
        }
        var end = unsafe json_tokener_get_parse_end(tokener)
        if unsafe json_tokener_get_error(tokener) == json_tokener_continue {
            // json-c completes a number only when another character follows.
            unsafe root = unsafe json_tokener_parse_ex(tokener, " ", 1)
            end = unsafe text.bytes.count
            guard unsafe json_tokener_get_error(tokener) == json_tokener_success else {
                throw text.failure("the document ends too early", at: end)
            }
        }
        let code = unsafe json_tokener_get_error(tokener)
        guard code == json_tokener_success else { throw text.failure(sentence(for: code, at: end, in: text), at: end) }
        if let next = unsafe text.bytes[end...].firstIndex(where: { !JSONText.isSpace($0) }) {
            unsafe json_object_put(root)
            throw text.failure("unexpected text after the document", at: next)
        }
        return unsafe root
    }

    private static func sentence(for code: json_tokener_error, at offset: Int, in text: JSONText) -> String {
        switch code {
        case json_tokener_error_depth: "nested deeper than \(depthLimit) levels"
        case json_tokener_error_parse_array: "expected a comma or ] after an array element"
        case json_tokener_error_parse_object_key_name: "expected a property name in double quotes"
        case json_tokener_error_parse_object_key_sep: "expected a colon after a property name"
        case json_tokener_error_parse_object_value_sep: "expected a comma or } after a property"
        case json_tokener_error_parse_number: "expected a number"
        case json_tokener_error_parse_string: "expected a string with valid escapes"
        default: "unexpected \(text.character(at: offset))"
        }
    }
}

/// One value of a document. It is valid only as long as the document, so only cursors hold one,
/// which borrow the document: outside of this file the pointer is not used.
@safe @usableFromInline struct JSONNode {
    enum Kind { case null, boolean, integer, real, string, array, object }

    /// `json_object *`; json-c's null is a null pointer.
    let pointer: OpaquePointer?

    init(_ pointer: OpaquePointer?) { unsafe self.pointer = unsafe pointer }

    var kind: Kind {
        switch unsafe json_object_get_type(pointer) {
        case json_type_boolean: .boolean
        case json_type_int: .integer
        case json_type_double: .real
        case json_type_string: .string
        case json_type_array: .array
        case json_type_object: .object
        default: .null
        }
    }

    /// The property of an object whose name equals `key` apart from the case of letters; nil if it is absent or null.
    ///
    /// In several spellings it is what runc's decoder makes of it (Go's encoding/json): objects are put together, of
    /// other values the last counts, and null changes nothing. runc's own tests write `CPU` beside `cpu`.
    ///
    /// Comparing every name finds all spellings; for the few properties of these objects that is as fast as a hash
    /// lookup.
    func member(_ key: StaticString) -> JSONNode? {
        var found: OpaquePointer?
        var entry = unsafe json_object_get_object(pointer)?.pointee.head
        while let current = unsafe entry {
            unsafe entry = unsafe current.pointee.next
            guard let name = unsafe current.pointee.k?.assumingMemoryBound(to: UInt8.self),
                unsafe JSONKey.matches(name, key.utf8Start)
            else { continue }
            guard let value = unsafe current.pointee.v.map({ OpaquePointer($0) }) else { continue }
            if let found = unsafe found, unsafe JSONNode(found).kind == .object, unsafe JSONNode(value).kind == .object
            {
                unsafe JSONNode(found).take(JSONNode(value))
            } else {
                unsafe found = unsafe value
            }
        }
        return unsafe found.map { unsafe JSONNode($0) }
    }

    /// Takes the properties of another object; the recursion ends, because the depth of a document is limited.
    private func take(_ other: JSONNode) {
        var entry = unsafe json_object_get_object(other.pointer)?.pointee.head
        while let current = unsafe entry?.pointee {
            unsafe entry = unsafe current.next
            guard let key = unsafe current.k?.assumingMemoryBound(to: CChar.self) else { continue }
            let value = unsafe JSONNode(current.v.map { OpaquePointer($0) })
            var own: OpaquePointer?
            if unsafe json_object_object_get_ex(pointer, key, &own) != 0, value.kind == .object,
                unsafe JSONNode(own).kind == .object
            {
                unsafe JSONNode(own).take(value)
            } else {
                unsafe json_object_object_add(pointer, key, json_object_get(value.pointer))
            }
        }
    }

    /// The number of properties of this value and of all values in it.
    var propertyCount: Int {
        switch kind {
        case .object:
            var result = 0
            var entry = unsafe json_object_get_object(pointer)?.pointee.head
            while let current = unsafe entry?.pointee {
                unsafe result += 1 + (current.v.map { unsafe JSONNode(OpaquePointer($0)).propertyCount } ?? 0)
                unsafe entry = unsafe current.next
            }
            return result
        case .array: return (0..<count).reduce(0) { $0 + element($1).propertyCount }
        default: return 0
        }
    }

    /// The number of elements of an array.
    var count: Int { unsafe json_object_array_length(pointer) }

    /// An element of an array.
    func element(_ index: Int) -> JSONNode { unsafe JSONNode(json_object_array_get_idx(pointer, index)) }

    /// The text of a string.
    var text: String {
        guard let start = unsafe json_object_get_string(pointer) else { return "" }
        let length = unsafe Int(json_object_get_string_len(pointer))
        return unsafe start.withMemoryRebound(to: UInt8.self, capacity: length) { bytes in
            unsafe String(decoding: UnsafeBufferPointer(start: bytes, count: length), as: UTF8.self)
        }
    }

    var boolean: Bool { unsafe json_object_get_boolean(pointer) != 0 }

    var real: Double { unsafe json_object_get_double(pointer) }

    /// A number as it is written in the document, as far as json-c keeps the text.
    var literal: String { unsafe json_object_get_string(pointer).map { unsafe String(cString: $0) } ?? "null" }

    /// An integer of any type; nil if it does not fit.
    func integer<Value: FixedWidthInteger>(as _: Value.Type) -> Value? {
        let signed = unsafe json_object_get_int64(pointer)
        return unsafe signed < 0 ? Value(exactly: signed) : Value(exactly: json_object_get_uint64(pointer))
    }

    /// Calls `body` for every property of an object, including null ones, in the order of the document.
    func forEachProperty(_ body: (String, JSONNode) -> Void) {
        var entry = unsafe json_object_get_object(pointer)?.pointee.head
        while let current = unsafe entry?.pointee {
            if let key = unsafe current.k {
                unsafe body(
                    String(cString: key.assumingMemoryBound(to: CChar.self)),
                    JSONNode(current.v.map { OpaquePointer($0) }))
            }
            unsafe entry = unsafe current.next
        }
    }

    /// Calls `body` for every property of an object, in the order of the document.
    func forEachMember(_ body: (String, JSONNode) throws(InvalidSpec) -> Void) throws(InvalidSpec) {
        var entry = unsafe json_object_get_object(pointer)?.pointee.head
        while let current = unsafe entry?.pointee {
            if let value = unsafe current.v, let key = unsafe current.k {
                try unsafe body(
                    String(cString: key.assumingMemoryBound(to: CChar.self)), JSONNode(OpaquePointer(value)))
            }
            unsafe entry = unsafe current.next
        }
    }
}
