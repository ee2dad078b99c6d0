// Parses JSON; errors have a line, and duplicate keys, which other parsers accept, are errors. The harness has its
// own parser because it must not rely on the code that it tests.

/// The reason why a text is not JSON.
package struct JSONSyntaxError: Error, Equatable {
    package let line: Int
    package let problem: String
}

extension JSONValue {
    /// Parses one JSON document (RFC 8259).
    /// - Throws: `JSONSyntaxError` for malformed text, duplicate keys, and nesting deeper than 200.
    package init(parsing text: String) throws(JSONSyntaxError) {
        var parser = JSONParser(bytes: Array(text.utf8))
        self = try parser.document()
    }
}

private struct JSONParser {
    let bytes: [UInt8]
    var position = 0
    var depth = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func document() throws(JSONSyntaxError) -> JSONValue {
        let result = try value()
        skipSpace()
        if position < bytes.count { throw failure("unexpected text after the value") }
        return result
    }

    private func failure(_ problem: String) -> JSONSyntaxError {
        let line = bytes.prefix(position).count { $0 == UInt8(ascii: "\n") } + 1
        return JSONSyntaxError(line: line, problem: problem)
    }

    private mutating func skipSpace() {
        while position < bytes.count, [0x20, 0x09, 0x0a, 0x0d].contains(bytes[position]) { position += 1 }
    }

    private func peek() -> UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func accept(_ character: Unicode.Scalar) -> Bool {
        guard peek() == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func value() throws(JSONSyntaxError) -> JSONValue {
        skipSpace()
        guard let first = peek() else { throw failure("the text ends where a value is expected") }
        switch first {
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            depth += 1
            defer { depth -= 1 }
            if depth > 200 { throw failure("nested deeper than 200 levels") }
            return first == UInt8(ascii: "{") ? try object() : try array()
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        default:
            for (word, result) in [("true", JSONValue.bool(true)), ("false", .bool(false)), ("null", .null)]
            where bytes[position...].starts(with: word.utf8) {
                position += word.utf8.count
                return result
            }
            throw failure("unexpected character \(JSONValue.quoted(String(UnicodeScalar(first))))")
        }
    }

    private mutating func object() throws(JSONSyntaxError) -> JSONValue {
        position += 1
        var members: [String: JSONValue] = [:]
        skipSpace()
        if accept("}") { return .object(members) }
        while true {
            skipSpace()
            guard peek() == UInt8(ascii: "\"") else { throw failure("expected a key in double quotes") }
            let key = try string()
            if members[key] != nil { throw failure("the key \(JSONValue.quoted(key)) appears twice") }
            skipSpace()
            guard accept(":") else { throw failure("expected a colon after \(JSONValue.quoted(key))") }
            members[key] = try value()
            skipSpace()
            if accept("}") { return .object(members) }
            guard accept(",") else {
                throw failure("expected a comma or } after the value of \(JSONValue.quoted(key))")
            }
        }
    }

    private mutating func array() throws(JSONSyntaxError) -> JSONValue {
        position += 1
        var values: [JSONValue] = []
        skipSpace()
        if accept("]") { return .array(values) }
        while true {
            values.append(try value())
            skipSpace()
            if accept("]") { return .array(values) }
            guard accept(",") else { throw failure("expected a comma or ] in an array") }
        }
    }

    private mutating func number() throws(JSONSyntaxError) -> JSONValue {
        let start = position
        let allowed = Set("+-.eE0123456789".utf8)
        while let next = peek(), allowed.contains(next) { position += 1 }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if let whole = Int(text) { return .integer(whole) }
        if let large = UInt64(text) { return .unsigned(large) }
        if let real = Double(text) { return .double(real) }
        throw failure("malformed number \(text)")
    }

    private mutating func string() throws(JSONSyntaxError) -> String {
        position += 1
        var result: [UInt8] = []
        while let next = peek() {
            position += 1
            switch next {
            case UInt8(ascii: "\""):
                guard let text = String(validating: result, as: UTF8.self) else {
                    throw failure("a string is not UTF-8")
                }
                return text
            case UInt8(ascii: "\\"): result += String(try escape()).utf8
            case 0..<0x20: throw failure("a control character in a string")
            default: result.append(next)
            }
        }
        throw failure("the text ends inside a string")
    }

    private mutating func escape() throws(JSONSyntaxError) -> UnicodeScalar {
        guard let kind = peek() else { throw failure("the text ends inside a string") }
        position += 1
        switch UnicodeScalar(kind) {
        case "\"", "\\", "/": return UnicodeScalar(kind)
        case "b": return "\u{8}"
        case "f": return "\u{c}"
        case "n": return "\n"
        case "r": return "\r"
        case "t": return "\t"
        case "u":
            let high = try hexadecimal()
            guard (0xd800..<0xdc00).contains(high) else {
                guard let scalar = UnicodeScalar(high) else { throw failure("a lone surrogate in a string") }
                return scalar
            }
            guard accept("\\"), accept("u") else { throw failure("a lone surrogate in a string") }
            let low = try hexadecimal()
            guard (0xdc00..<0xe000).contains(low),
                let scalar = UnicodeScalar(0x10000 + (high - 0xd800) << 10 + (low - 0xdc00))
            else { throw failure("a lone surrogate in a string") }
            return scalar
        default: throw failure("unknown escape in a string")
        }
    }

    private mutating func hexadecimal() throws(JSONSyntaxError) -> UInt32 {
        guard position + 4 <= bytes.count,
            let value = UInt32(String(decoding: bytes[position..<position + 4], as: UTF8.self), radix: 16)
        else { throw failure("expected four hexadecimal digits") }
        position += 4
        return value
    }
}
