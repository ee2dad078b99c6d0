// The key path of a place in the text of a JSON document, for messages.

/// Follows the tokens of a document down to a place.
struct JSONPlace {
    private struct Level {
        let isObject: Bool
        var key = ""
        var names: Set<String> = []
        var index = 0
    }

    private let text: JSONText
    private var levels: [Level] = []
    private var expectsName = false

    init(_ text: JSONText) { self.text = text }

    /// The problem of the value at an offset, with its key path.
    static func failure(_ problem: String, at offset: Int, in text: JSONText) throws(InvalidSpec) -> InvalidSpec {
        var place = JSONPlace(text)
        var tokens = JSONTokens(text)
        while let kind = try tokens.next(), tokens.start < offset { _ = try place.take(kind, tokens) }
        return place.failure(problem)
    }

    /// The first property that its object has twice.
    static func repetition(in text: JSONText) throws(InvalidSpec) -> InvalidSpec {
        var place = JSONPlace(text)
        var tokens = JSONTokens(text)
        while let kind = try tokens.next() {
            if try place.take(kind, tokens) { return place.failure("occurs twice") }
        }
        return InvalidSpec(keyPath: "", problem: "a property occurs twice")
    }

    /// Takes one token.
    /// - Returns: whether it is the name of a property that the object has already.
    private mutating func take(_ kind: JSONTokens.Kind, _ tokens: JSONTokens) throws(InvalidSpec) -> Bool {
        let last = levels.count - 1
        switch kind {
        case .punctuation(UInt8(ascii: "{")), .punctuation(UInt8(ascii: "[")):
            expectsName = kind == .punctuation(UInt8(ascii: "{"))
            levels.append(Level(isObject: expectsName))
        case .punctuation(UInt8(ascii: "}")), .punctuation(UInt8(ascii: "]")):
            expectsName = false
            _ = levels.popLast()
        case .punctuation(UInt8(ascii: ",")) where last >= 0:
            expectsName = levels[last].isObject
            levels[last].index += 1
        case .string where expectsName && last >= 0:
            expectsName = false
            let document = try unsafe JSONDocument(Array(text.bytes[tokens.start..<tokens.end]), isOwn: true)
            let name = try document.decode(String.self)
            levels[last].key = name
            return !levels[last].names.insert(name).inserted
        default: break
        }
        return false
    }

    // Text that is too deep is no document; the parser says so.
    private func failure(_ problem: String) -> InvalidSpec {
        let problem = InvalidSpec(keyPath: "", problem: problem)
        guard levels.count <= JSONDocument.depthLimit else { return problem }
        return levels.reversed().reduce(problem) { inner, level in
            level.isObject ? inner.inside(property: level.key) : inner.inside(element: level.index)
        }
    }
}
