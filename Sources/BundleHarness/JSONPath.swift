// The path of a value in an observation: `mounts[/proc].options`.

/// Keys joined by dots; a key that contains dots, or an index, is in brackets.
package struct JSONPath: Hashable, Sendable, CustomStringConvertible {
    package let keys: [String]
    package let description: String

    /// Parses a path such as `user.uid`, `env.PATH`, `mounts[/dev/pts].options` or `groups[0]`.
    /// - Throws: `CaseError` for an unclosed bracket or an empty key.
    package init(_ text: String) throws(CaseError) {
        description = text
        var keys: [String] = []
        var rest = Substring(text)
        while let first = rest.first {
            if first == "[" {
                guard let end = rest.firstIndex(of: "]") else { throw CaseError("\(text): a bracket is not closed") }
                keys.append(String(rest[rest.index(after: rest.startIndex)..<end]))
                rest = rest[rest.index(after: end)...]
                if rest.first == "." { rest = rest.dropFirst() }
            } else {
                let end = rest.firstIndex { $0 == "." || $0 == "[" } ?? rest.endIndex
                keys.append(String(rest[..<end]))
                rest = rest[end...]
                if rest.first == "." { rest = rest.dropFirst() }
            }
        }
        if keys.isEmpty || keys.contains("") { throw CaseError("\(text): an empty key in a path") }
        self.keys = keys
    }

    /// The value at the path; nil if a key is missing.
    package func value(in root: JSONValue) -> JSONValue? {
        var current = root
        for key in keys {
            switch current {
            case .object(let members):
                guard let next = members[key] else { return nil }
                current = next
            case .array(let values):
                guard let index = Int(key), values.indices.contains(index) else { return nil }
                current = values[index]
            default: return nil
            }
        }
        return current
    }
}
