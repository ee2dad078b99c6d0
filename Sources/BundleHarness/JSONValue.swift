// A JSON value of any shape: cases, configurations and observations have no fixed types in the harness.

/// A JSON value; integers keep all digits.
package enum JSONValue: Equatable, Sendable {
    case null
    case bool(Bool)
    case integer(Int)
    /// An integer beyond `Int.max`, as in resource limits.
    case unsigned(UInt64)
    case double(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    /// The type of the value, for error messages.
    package var kind: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .integer, .unsigned: "an integer"
        case .double: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }

    package var string: String? { if case .string(let text) = self { text } else { nil } }
    package var integer: Int? { if case .integer(let number) = self { number } else { nil } }
    package var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    package var array: [JSONValue]? { if case .array(let values) = self { values } else { nil } }
    package var object: [String: JSONValue]? { if case .object(let members) = self { members } else { nil } }

    /// A member of an object; nil if the value is not an object or has no such member.
    package subscript(key: String) -> JSONValue? { object?[key] }

    /// The number as a floating-point value, for comparisons.
    var number: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .unsigned(let value): Double(value)
        case .double(let value): value
        default: nil
        }
    }

    /// Replaces every string by the result of the closure; keys stay unchanged.
    func mapStrings<Failure: Error>(_ change: (String) throws(Failure) -> String) throws(Failure) -> JSONValue {
        switch self {
        case .string(let text): return .string(try change(text))
        case .array(let values):
            var changed: [JSONValue] = []
            for value in values { changed.append(try value.mapStrings(change)) }
            return .array(changed)
        case .object(let members):
            var changed: [String: JSONValue] = [:]
            for (key, value) in members { changed[key] = try value.mapStrings(change) }
            return .object(changed)
        default: return self
        }
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
    package init(stringLiteral text: String) { self = .string(text) }
    package init(integerLiteral number: Int) { self = .integer(number) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    package init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(Dictionary(elements) { _, last in last })
    }
    package init(nilLiteral: ()) { self = .null }
}

extension JSONValue {
    /// The text on one line, members sorted by key.
    package var text: String {
        var output = ""
        write(to: &output, indent: nil, depth: 0)
        return output
    }

    /// The text with two spaces of indentation per level, members sorted by key.
    package var prettyText: String {
        var output = ""
        write(to: &output, indent: "  ", depth: 0)
        return output
    }

    private func write(to output: inout String, indent: String?, depth: Int) {
        func newLine(_ depth: Int) {
            guard let indent else { return }
            output += "\n" + String(repeating: indent, count: depth)
        }
        switch self {
        case .null: output += "null"
        case .bool(let value): output += value ? "true" : "false"
        case .integer(let value): output += String(value)
        case .unsigned(let value): output += String(value)
        case .double(let value): output += String(value)
        case .string(let value): output += Self.quoted(value)
        case .array(let values):
            output += "["
            for (index, value) in values.enumerated() {
                if index > 0 { output += "," }
                newLine(depth + 1)
                value.write(to: &output, indent: indent, depth: depth + 1)
            }
            if !values.isEmpty { newLine(depth) }
            output += "]"
        case .object(let members):
            output += "{"
            for (index, key) in members.keys.sorted().enumerated() {
                if index > 0 { output += "," }
                newLine(depth + 1)
                output += Self.quoted(key) + (indent == nil ? ":" : ": ")
                members[key, default: .null].write(to: &output, indent: indent, depth: depth + 1)
            }
            if !members.isEmpty { newLine(depth) }
            output += "}"
        }
    }

    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case _ where isShown(scalar): result.unicodeScalars.append(scalar)
            default:
                for unit in String(scalar).utf16 {
                    let digits = String(unit, radix: 16)
                    result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                }
            }
        }
        return result + "\""
    }
}
