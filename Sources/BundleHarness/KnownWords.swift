// A word of a case that must be one of a few.

/// Refuses a word that is not among the known ones, with all of them and the nearest.
func checkWord(_ word: String, among known: [String], at path: String) throws(CaseError) {
    if !known.contains(word) { throw notAmong(word, known, at: path) }
}

func notAmong(_ word: String, _ known: [String], at path: String) -> CaseError {
    CaseError("\(path): \(word) is not among: \(known.joined(separator: ", "))\(suggested(for: word, among: known))")
}

/// The commands of the runtimes' command line. Another one is called with `raw`.
let runtimeCommands = [
    "checkpoint", "create", "delete", "events", "exec", "features", "info", "inspect", "kill", "list", "mounts",
    "pause", "ps", "restore", "resume", "run", "spec", "start", "state", "update",
]

extension StepExpectations {
    /// What a step yields under a key: no other kind of value can ever be equal to it.
    enum Yield: String {
        case number = "a number"
        case text = "a string"

        func allows(_ value: JSONValue) -> Bool {
            switch self {
            case .number: value.number != nil
            case .text: value.string != nil
            }
        }
    }

    /// Refuses conditions that such a value can never meet, and literals that it can never be equal to.
    static func check(_ expectation: Expectation, yields kind: Yield, at path: String) throws(CaseError) {
        func literal(_ value: JSONValue) throws(CaseError) {
            if !kind.allows(value) { throw CaseError("\(path): expected \(kind.rawValue), found \(value.kind)") }
        }
        switch expectation {
        case .equals(let value): try literal(value)
        case .oneOf(let values): for value in values { try literal(value) }
        case .not(let inner): try check(inner, yields: kind, at: "\(path).not")
        case .all(let conditions): for condition in conditions { try check(condition, yields: kind, at: path) }
        // A text or a number has no members: the word is misspelt.
        case .members(let members):
            let word = members.keys.min() ?? ""
            let known = Expectation.words.sorted()
            throw CaseError(
                "\(path).\(word): unknown word; there are \(known.joined(separator: ", "))"
                    + suggested(for: word, among: known))
        case .sameAs, .differsFrom:
            throw CaseError("\(path): sameAs and differsFrom compare what observe and json name")
        case .atLeast, .atMost:
            if kind == .text { throw CaseError("\(path): a text is no number; matches compares it with a pattern") }
        case .contains(let parts), .lacks(let parts):
            if kind == .number { throw CaseError("\(path): a number contains nothing") }
            for part in parts { try literal(part) }
        case .count: if kind == .number { throw CaseError("\(path): a number cannot be counted") }
        case .matches, .absent: break
        }
    }
}

extension Expectation {
    /// The observations that it is compared with.
    var references: Set<String> {
        switch self {
        case .sameAs(let name), .differsFrom(let name): [name]
        case .not(let inner): inner.references
        case .all(let conditions): conditions.reduce(into: []) { $0.formUnion($1.references) }
        case .members(let members): members.values.reduce(into: []) { $0.formUnion($1.references) }
        default: []
        }
    }
}

extension Case {
    /// Refuses a comparison with what neither the host nor a step up to this one has observed.
    static func checkReferences(_ steps: [Step]) throws(CaseError) {
        var known = ["host"]
        for step in steps {
            let place = step.place.isEmpty ? "expect" : "\(step.place).expect"
            if let name = step.name, !step.runsInBackground { known.append(name) }
            let expected = try StepExpectations(step.expected, at: place)
            for (key, places) in [("observe", expected.observations), ("json", expected.document)] {
                for (path, expectation) in places.sorted(by: { $0.key.description < $1.key.description }) {
                    for reference in expectation.references.sorted() where !reference.contains("${") {
                        let parts = reference.split(separator: ":", maxSplits: 1).map(String.init)
                        try checkWord(parts.first ?? "", among: known, at: "\(place).\(key).\(path)")
                        if parts.count > 1 { _ = try JSONPath(parts[1]) }
                    }
                }
            }
        }
    }
}
