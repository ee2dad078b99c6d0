// Finds properties in a case's configurations that the specification does not have: they are likely to be misspelt, and a
// runtime ignores them.

/// The properties of one kind of object; none if its keys are free, or if it is no object.
private struct Properties {
    private(set) var members: [String: Properties] = [:]

    mutating func add(_ path: ArraySlice<Substring>) {
        guard let name = path.first else { return }
        members[String(name), default: Properties()].add(path.dropFirst())
    }

    /// The names that such an object may have; none if any name may be there.
    var names: [String] { members.keys.filter { !$0.hasSuffix("*") }.sorted() }

    /// The properties below a member, also those that are written with a star for all its neighbours.
    subscript(_ name: String) -> Properties {
        var result = members[name] ?? Properties()
        for (pattern, properties) in members where pattern.hasSuffix("*") && name.hasPrefix(pattern.dropLast()) {
            result.members.merge(properties.members) { own, _ in own }
        }
        return result
    }

    /// The name as the specification writes it: runtimes ignore the case of letters, as the JSON library of Go does.
    func spelling(of name: String) -> String? {
        if members[name] != nil || names.isEmpty { return name }
        return names.first { $0.uppercased() == name.uppercased() }
    }

    /// The whole specification, with what it had once and what belongs to other platforms.
    static let ofConfig: Properties = {
        var all = Properties()
        let others = [
            "process.user.username", "linux.intelRdt.enableCMT", "linux.intelRdt.enableMBM", "solaris", "windows", "vm",
            "zos",
            "freebsd",
        ]
        let mapping = ["containerID", "hostID", "size"]
        let mappings = mapping.flatMap { ["mounts.uidMappings.\($0)", "mounts.gidMappings.\($0)"] }
        for property in specificationPropertyList + others + mappings {
            all.add(property.prefix { $0 != "=" }.split(separator: ".")[...])
        }
        return all
    }()
}

/// A property that the specification does not have at its place.
struct UnknownProperty: Equatable {
    /// The place in the case's file.
    var place: String
    var name: String
    /// What may have been meant, as the end of a sentence: a property of the same object, or the path of one elsewhere.
    var hint: String

    /// One sentence for the author of the case.
    var sentence: String {
        "\(place): no property of config.json" + hint
    }

    /// The unknown properties of a configuration, or of a patch to one.
    static func all(in configuration: JSONValue, at place: String) -> [UnknownProperty] {
        var found: [UnknownProperty] = []
        collect(configuration, .ofConfig, place, &found)
        return found
    }

    private static func collect(
        _ value: JSONValue, _ known: Properties, _ place: String, _ found: inout [UnknownProperty]
    ) {
        if known.members.isEmpty { return }
        if case .array(let elements) = value {
            for (index, element) in elements.enumerated() { collect(element, known, "\(place)[\(index)]", &found) }
        }
        guard case .object(let members) = value else { return }
        for (name, member) in members.sorted(by: { $0.key < $1.key }) {
            let inner = "\(place).\(name)"
            if Overlay.listWords.contains(name) {
                collect(member, known, inner, &found)
            } else if let spelling = known.spelling(of: name) {
                collect(member, known[spelling], inner, &found)
            } else {
                let near = suggested(for: name, among: known.names)
                found.append(UnknownProperty(place: inner, name: name, hint: near.isEmpty ? elsewhere(name) : near))
            }
        }
    }

    /// The path of a property of this name that belongs to another object.
    private static func elsewhere(_ name: String) -> String {
        let path = specificationPropertyList.first { $0 == name || $0.hasSuffix(".\(name)") }
        return path.map { " (did you mean \($0)?)" } ?? ""
    }
}

extension Case {
    /// Looks for misspelt properties.
    ///
    /// A case may be about what a runtime does with them: then it says so, or a step expects a message that names one.
    /// - Parameter isMeant: the case says that they are there on purpose.
    /// - Returns: sentences on those that resemble nothing, and on those of a bundle's own `config.json`.
    /// - Throws: `CaseError`, for one that resembles a property of the specification.
    func unknownProperties(isMeant: Bool) throws(CaseError) -> [String] {
        if isMeant { return [] }
        var warnings: [String] = []
        var found: [UnknownProperty] = []
        for (name, recipe) in containers.sorted(by: { $0.key < $1.key }) {
            let place = name == Case.mainContainer ? "config" : "containers.\(name).config"
            found += UnknownProperty.all(in: recipe.overlay.patch, at: place)
            warnings += UnknownProperty.all(in: recipe.base, at: "config.json").map(\.sentence)
        }
        let messages = steps.compactMap { $0.expected["error"]?.text }
        if found.contains(where: { property in messages.contains { Self.names(property.name, in: $0) } }) { return [] }
        if let misspelt = found.first(where: { !$0.hint.isEmpty }) { throw CaseError(misspelt.sentence) }
        return found.map(\.sentence) + warnings
    }

    /// Whether a text has the name as a word of its own.
    private static func names(_ name: String, in text: String) -> Bool {
        text.ranges(of: name).contains { range in
            !(text[..<range.lowerBound].last?.isLetter ?? false)
                && !(text[range.upperBound...].first?.isLetter ?? false)
        }
    }
}
