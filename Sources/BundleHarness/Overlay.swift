// The changes of a case to its base configuration: a JSON merge patch (RFC 7396) that can also change lists.

/// Lists cannot be merged by position, so three keywords change them: `$remove` removes every element that has all
/// the given members, `$prepend` and `$append` add elements.
package struct Overlay: Equatable, Sendable {
    package let patch: JSONValue

    package init(_ patch: JSONValue) { self.patch = patch }

    static let listWords: Set<String> = ["$append", "$prepend", "$remove"]

    /// The target with the patch applied.
    /// - Throws: `CaseError` with the key path, for a list keyword on a value that is not a list, or a removal
    /// without a match.
    package func applied(to target: JSONValue) throws(CaseError) -> JSONValue {
        try Self.merge(patch, into: target, at: "config")
    }

    private static func merge(_ patch: JSONValue, into target: JSONValue, at path: String) throws(CaseError)
        -> JSONValue
    {
        guard case .object(let changes) = patch else { return patch }
        if !changes.isEmpty, changes.keys.contains(where: { $0.hasPrefix("$") }) {
            return try edit(target, with: changes, at: path)
        }
        var members = target.object ?? [:]
        for (key, change) in changes {
            if change == .null {
                members[key] = nil
            } else {
                members[key] = try merge(change, into: members[key] ?? .null, at: "\(path).\(key)")
            }
        }
        return .object(members)
    }

    private static func edit(
        _ target: JSONValue, with changes: [String: JSONValue], at path: String
    ) throws(CaseError) -> JSONValue {
        if let unknown = changes.keys.sorted().first(where: { !listWords.contains($0) }) {
            let hint = suggested(for: unknown, among: listWords.sorted())
            throw CaseError(
                "\(path).\(unknown): only $append, $prepend and $remove may stand beside one another\(hint)")
        }
        var list: [JSONValue]
        switch target {
        case .null: list = []
        case .array(let values): list = values
        default: throw CaseError("\(path): there is \(target.kind) where a list is to be changed")
        }
        for pattern in try elements("$remove") {
            let before = list.count
            list.removeAll { matches($0, pattern) }
            if list.count == before { throw CaseError("\(path).$remove: nothing matches \(pattern.text)") }
        }
        list = try elements("$prepend") + list + elements("$append")
        return .array(list)

        func elements(_ word: String) throws(CaseError) -> [JSONValue] {
            guard let value = changes[word] else { return [] }
            guard case .array(let values) = value else {
                throw CaseError("\(path).\(word): expected an array, found \(value.kind)")
            }
            return values
        }
    }

    private static func matches(_ value: JSONValue, _ pattern: JSONValue) -> Bool {
        guard case .object(let wanted) = pattern, case .object(let members) = value else { return value == pattern }
        return wanted.allSatisfy { members[$0.key] == $0.value }
    }
}
