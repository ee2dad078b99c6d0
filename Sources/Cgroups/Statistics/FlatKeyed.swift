// The kernel's flat-keyed file format.

/// A file such as `memory.stat`: one `name number` per line.
struct FlatKeyed: Equatable {
    private(set) var values: [String: UInt64] = [:]

    init(_ text: String) {
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count == 2, let value = UInt64(words[1]) else { continue }
            values[String(words[0])] = value
        }
    }

    subscript(name: String) -> UInt64? { values[name] }
}
