// Reads the object of a case by keys; errors name the key, and a misspelt key is an error.

/// The members of one object of a case; every key must be read before `finish`.
struct Fields {
    private let members: [String: JSONValue]
    private var unread: Set<String>
    /// The names that were asked for, which are the known ones at this place.
    private var known: Set<String> = []
    let path: String

    init(_ value: JSONValue, at path: String) throws(CaseError) {
        guard case .object(let members) = value else {
            throw CaseError("\(path.isEmpty ? "case" : path): expected an object, found \(value.kind)")
        }
        self.members = members
        self.path = path
        unread = Set(members.keys)
    }

    func key(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

    var names: Set<String> { Set(members.keys) }

    mutating func value(_ name: String) -> JSONValue? {
        unread.remove(name)
        known.insert(name)
        return members[name]
    }

    private mutating func read<Value>(
        _ name: String, _ expected: String, _ convert: (JSONValue) -> Value?
    ) throws(CaseError) -> Value? {
        guard let value = value(name) else { return nil }
        guard let converted = convert(value) else {
            throw CaseError("\(key(name)): expected \(expected), found \(value.kind)")
        }
        return converted
    }

    mutating func string(_ name: String) throws(CaseError) -> String? {
        try read(name, "a string") { $0.string }
    }

    mutating func integer(_ name: String) throws(CaseError) -> Int? {
        try read(name, "an integer") { $0.integer }
    }

    mutating func integer(_ name: String, in range: ClosedRange<Int>) throws(CaseError) -> Int? {
        guard let number = try integer(name) else { return nil }
        guard range.contains(number) else {
            let end = range.upperBound == .max ? "or more" : "to \(range.upperBound)"
            throw CaseError("\(key(name)): expected \(range.lowerBound) \(end), found \(number)")
        }
        return number
    }

    mutating func bool(_ name: String) throws(CaseError) -> Bool? {
        try read(name, "a boolean") { $0.bool }
    }

    mutating func strings(_ name: String) throws(CaseError) -> [String]? {
        guard let values = try read(name, "an array of strings", { $0.array }) else { return nil }
        var result: [String] = []
        for (index, value) in values.enumerated() {
            guard let text = value.string else {
                throw CaseError("\(key(name))[\(index)]: expected a string, found \(value.kind)")
            }
            result.append(text)
        }
        return result
    }

    mutating func array(_ name: String) throws(CaseError) -> [JSONValue]? {
        try read(name, "an array") { $0.array }
    }

    mutating func object(_ name: String) throws(CaseError) -> [String: JSONValue]? {
        try read(name, "an object") { $0.object }
    }

    mutating func texts(_ name: String) throws(CaseError) -> [String: String]? {
        guard let members = try object(name) else { return nil }
        var result: [String: String] = [:]
        for (member, value) in members.sorted(by: { $0.key < $1.key }) {
            guard let text = value.string else {
                throw CaseError("\(key(name)).\(member): expected a string, found \(value.kind)")
            }
            result[member] = text
        }
        return result
    }

    /// Refuses a key that resembles one of these, before the lack of that one is told.
    func refuseMisspelling(of names: [String]) throws(CaseError) {
        for unknown in unread.sorted() where !names.contains(unknown) {
            let hint = suggested(for: unknown, among: names)
            if !hint.isEmpty { throw CaseError("\(key(unknown)): unknown key\(hint)") }
        }
    }

    func finish() throws(CaseError) {
        guard let unknown = unread.min() else { return }
        throw CaseError("\(key(unknown)): unknown key\(suggested(for: unknown, among: known.sorted()))")
    }
}
