// Placeholders for values that are known only when a case runs: `${id}`, `${scratch}`, `${pid:other}`.

/// The values of the placeholders of one running case.
struct Placeholders {
    /// Returns the value of a name with its argument; throws if it is not known yet.
    let value: (_ name: String, _ argument: String) throws(CaseError) -> String

    private static let names: Set<String> = ["id", "bundle", "cgroup", "pid", "root", "scratch", "runtime"]

    /// Replaces every placeholder in a text.
    ///
    /// `$${` stands for a literal `${`.
    func expand(_ text: String) throws(CaseError) -> String {
        guard text.contains("${") else { return text }
        return try Self.walk(text) { name, argument throws(CaseError) in try value(name, argument) }
    }

    func expand(_ value: JSONValue) throws(CaseError) -> JSONValue {
        try value.mapStrings { text throws(CaseError) in try expand(text) }
    }

    /// Also replaces placeholders in keys, because the key of an expectation is a path in an observation.
    func expandAll(_ value: JSONValue) throws(CaseError) -> JSONValue {
        switch value {
        case .object(let members):
            var expanded: [String: JSONValue] = [:]
            for (key, member) in members { expanded[try expand(key)] = try expandAll(member) }
            return .object(expanded)
        case .array(let values):
            var expanded: [JSONValue] = []
            for value in values { expanded.append(try expandAll(value)) }
            return .array(expanded)
        default: return try expand(value)
        }
    }

    /// Refuses an unknown placeholder.
    static func check(_ text: String, at path: String) throws(CaseError) {
        _ = try walk(text) { name, _ throws(CaseError) in
            if names.contains(name) { return "" }
            throw CaseError(
                "\(path): unknown placeholder ${\(name)}; there are \(names.sorted().joined(separator: ", "))"
                    + suggested(for: name, among: names.sorted()))
        }
    }

    private static func walk(
        _ text: String, _ replace: (String, String) throws(CaseError) -> String
    ) throws(CaseError) -> String {
        var result = ""
        var rest = Substring(text)
        while let dollar = rest.firstIndex(of: "$") {
            result += rest[..<dollar]
            let after = rest[dollar...]
            if after.hasPrefix("$${") {
                result += "${"
                rest = after.dropFirst(3)
                continue
            }
            guard after.hasPrefix("${"), let end = after.firstIndex(of: "}") else {
                result += "$"
                rest = after.dropFirst()
                continue
            }
            let inside = after[after.index(after.startIndex, offsetBy: 2)..<end]
            let parts = inside.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            result += try replace(parts[0], parts.count > 1 ? parts[1] : "")
            rest = after[after.index(after: end)...]
        }
        return result + rest
    }
}
