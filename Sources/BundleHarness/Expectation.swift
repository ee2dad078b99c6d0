// The expectation of a case for one value, and its evaluation.

/// A condition for one value: a literal, members, or one or more of the keywords below.
package indirect enum Expectation: Equatable, Sendable {
    case equals(JSONValue)
    case not(Expectation)
    case contains([JSONValue])
    case lacks([JSONValue])
    case matches(String)
    case absent(Bool)
    case atLeast(Double)
    case atMost(Double)
    case count(Int)
    case oneOf([JSONValue])
    case sameAs(String)
    case differsFrom(String)
    case members([String: Expectation])
    case all([Expectation])

    static let words: Set<String> = [
        "equals", "not", "contains", "lacks", "matches", "absent", "atLeast", "atMost", "count", "oneOf", "sameAs",
        "differsFrom",
    ]

    /// Parses an expectation: an object with one of the keywords is a condition, any other object names members, any
    /// other value is a literal.
    /// - Throws: `CaseError` with the key path.
    package init(_ value: JSONValue, at path: String) throws(CaseError) {
        guard case .object(let members) = value, !members.isEmpty else {
            self = .equals(value)
            return
        }
        let words = members.keys.filter { Self.words.contains($0) }
        if words.isEmpty {
            try Self.refuseMisspelling(members.keys.sorted(), at: path)
            var inner: [String: Expectation] = [:]
            for (key, value) in members { inner[key] = try Expectation(value, at: "\(path).\(key)") }
            self = .members(inner)
            return
        }
        if let stranger = members.keys.sorted().first(where: { !Self.words.contains($0) }) {
            let hint = suggested(for: stranger, among: Self.words.sorted())
            throw CaseError(
                "\(path).\(stranger): unknown word beside \(words.sorted().joined(separator: ", "))\(hint)")
        }
        var conditions: [Expectation] = []
        for word in words.sorted() {
            conditions.append(try Self.condition(word, members[word] ?? .null, at: "\(path).\(word)"))
        }
        self = conditions.count == 1 ? conditions[0] : .all(conditions)
    }

    /// A member may have any name, but one that resembles a long keyword is the keyword, misspelt. Other words resemble the
    /// shorter ones by chance: net and not, ambient and absent.
    private static func refuseMisspelling(_ names: [String], at path: String) throws(CaseError) {
        let long = words.filter { $0.count > 6 }.sorted()
        for name in names {
            let hint = suggested(for: name, among: long)
            if !hint.isEmpty { throw CaseError("\(path).\(name): unknown word\(hint)") }
        }
    }

    private static func condition(
        _ word: String, _ value: JSONValue, at path: String
    ) throws(CaseError) -> Expectation {
        func wrong(_ expected: String) -> CaseError { CaseError("\(path): expected \(expected), found \(value.kind)") }
        switch word {
        case "equals": return .equals(value)
        case "not": return .not(try Expectation(value, at: path))
        case "contains": return .contains(value.array ?? [value])
        case "lacks": return .lacks(value.array ?? [value])
        case "matches":
            guard let pattern = value.string else { throw wrong("a regular expression") }
            guard (try? Regex(pattern)) != nil else { throw CaseError("\(path): not a regular expression") }
            return .matches(pattern)
        case "absent":
            guard let flag = value.bool else { throw wrong("a boolean") }
            return .absent(flag)
        case "atLeast", "atMost":
            guard let number = value.number else { throw wrong("a number") }
            return word == "atLeast" ? .atLeast(number) : .atMost(number)
        case "count":
            guard let number = value.integer, number >= 0 else { throw wrong("an integer of 0 or more") }
            return .count(number)
        case "oneOf":
            guard let values = value.array else { throw wrong("an array") }
            return .oneOf(values)
        default:
            guard let name = value.string else { throw wrong("the name of an observation") }
            return word == "sameAs" ? .sameAs(name) : .differsFrom(name)
        }
    }
}

/// The context of an evaluation: the place of the value, and the other observations that it may be compared with.
package struct Judgement {
    /// The place of the value, for messages and for `sameAs`.
    package let place: String
    /// Returns the value at the same place of another observation: `host`, or the `as` of an earlier step.
    package let other: (_ reference: String) -> JSONValue?

    package init(place: String, other: @escaping (String) -> JSONValue? = { _ in nil }) {
        self.place = place
        self.other = other
    }
}

extension Expectation {
    /// Checks a value.
    /// - Parameters:
    ///   - value: nil if there is none.
    ///   - judgement: the context.
    /// - Returns: a sentence for each violation; empty if the value is as expected.
    package func complaints(about value: JSONValue?, _ judgement: Judgement) -> [String] {
        if case .absent(let wanted) = self {
            return (value == nil) == wanted
                ? [] : ["\(judgement.place): expected \(wanted ? "nothing" : "a value"), found \(Self.shown(value))"]
        }
        if case .all(let conditions) = self { return conditions.flatMap { $0.complaints(about: value, judgement) } }
        if case .not(let inner) = self {
            return inner.complaints(about: value, judgement).isEmpty
                ? ["\(judgement.place): expected not \(inner.summary), found \(Self.shown(value))"] : []
        }
        guard let value else { return ["\(judgement.place): expected \(summary), found nothing"] }
        if case .members(let expected) = self {
            return expected.sorted { $0.key < $1.key }.flatMap { key, inner in
                inner.complaints(
                    about: value[key],
                    Judgement(place: "\(judgement.place).\(key)") { judgement.other($0)?[key] })
            }
        }
        return holds(for: value, judgement)
            ? [] : ["\(judgement.place): expected \(summary), found \(Self.shown(value))"]
    }

    private func holds(for value: JSONValue, _ judgement: Judgement) -> Bool {
        switch self {
        case .equals(let wanted): value == wanted
        case .contains(let parts): parts.allSatisfy { Self.contains(value, $0) }
        case .lacks(let parts): !parts.contains { Self.contains(value, $0) }
        case .matches(let pattern): Self.matches(value, pattern)
        case .atLeast(let bound): value.number.map { $0 >= bound } ?? false
        case .atMost(let bound): value.number.map { $0 <= bound } ?? false
        case .count(let wanted): (value.array?.count ?? value.object?.count ?? value.string?.count) == wanted
        case .oneOf(let values): values.contains(value)
        case .sameAs(let name): judgement.other(name) == value
        case .differsFrom(let name): judgement.other(name).map { $0 != value } ?? false
        case .not, .absent, .members, .all: false
        }
    }

    private static func contains(_ value: JSONValue, _ part: JSONValue) -> Bool {
        switch (value, part) {
        case (.string(let text), .string(let piece)): text.contains(piece)
        case (.array(let values), let element): values.contains(element)
        case (.object(let members), .string(let key)): members[key] != nil
        default: false
        }
    }

    private static func matches(_ value: JSONValue, _ pattern: String) -> Bool {
        let text = value.string ?? value.text
        guard let regex = try? Regex(pattern) else { return false }
        return text.firstMatch(of: regex) != nil
    }

    /// The condition as text.
    package var summary: String {
        func list(_ values: [JSONValue]) -> String { values.map(\.text).joined(separator: ", ") }
        return switch self {
        case .equals(let value): value.text
        case .not(let inner): "not " + inner.summary
        case .contains(let parts): "something with " + list(parts)
        case .lacks(let parts): "something without " + list(parts)
        case .matches(let pattern): "a match of /\(pattern)/"
        case .absent(let wanted): wanted ? "nothing" : "a value"
        case .atLeast(let bound): "at least \(Self.plain(bound))"
        case .atMost(let bound): "at most \(Self.plain(bound))"
        case .count(let number): "\(number) of them"
        case .oneOf(let values): "one of " + list(values)
        case .sameAs(let name): "the same as \(name)"
        case .differsFrom(let name): "another than \(name)"
        case .members(let members): "an object with " + members.keys.sorted().joined(separator: ", ")
        case .all(let conditions): conditions.map(\.summary).joined(separator: " and ")
        }
    }

    private static func plain(_ number: Double) -> String {
        number == number.rounded() && abs(number) < 1e15 ? String(Int(number)) : String(number)
    }

    private static func shown(_ value: JSONValue?) -> String {
        guard let value else { return "nothing" }
        let text = value.text
        return text.count > 400 ? text.prefix(400) + "…" : text
    }
}
