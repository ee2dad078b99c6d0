// The annotation that restricts a container's processes by Landlock, in the form that runtime-spec's pull request
// 1241 proposes for the config.

package import Kernel
package import OCISpec

/// The file accesses that the processes may still make below some paths. Accesses that are handled and not allowed
/// are denied. landlock(7).
package struct LandlockPlan: Equatable, Sendable {
    /// Rights for everything below a path, or for a file.
    package struct Rule: Equatable, Sendable {
        /// The key in the config, such as `annotations["org.swiftrun.landlock"].rules.pathBeneath[0].paths[1]`.
        package var key: String
        /// Absolute, in the container.
        package var path: String
        /// `LANDLOCK_ACCESS_FS_*`.
        package var allowed: UInt64
        /// The file or directory for which the container's init has the rule; nil if the path alone decides.
        package var place: FileIdentity?
    }

    /// `LANDLOCK_ACCESS_FS_*`.
    package var handled: UInt64
    package var rules: [Rule]
    /// Whether rights that the kernel does not know are left out.
    package var isBestEffort: Bool
    /// A sentence for each right that is left out.
    package private(set) var warnings: [String] = []

    package static let annotation = "org.swiftrun.landlock"
    package static let key = "annotations[\"\(annotation)\"]"

    /// The rights by name, with the version of Landlock that introduced them.
    package static let rights: [(name: String, value: UInt64, version: Int)] = [
        ("execute", 1 << 0, 1), ("write_file", 1 << 1, 1), ("read_file", 1 << 2, 1), ("read_dir", 1 << 3, 1),
        ("remove_dir", 1 << 4, 1), ("remove_file", 1 << 5, 1), ("make_char", 1 << 6, 1), ("make_dir", 1 << 7, 1),
        ("make_reg", 1 << 8, 1), ("make_sock", 1 << 9, 1), ("make_fifo", 1 << 10, 1), ("make_block", 1 << 11, 1),
        ("make_sym", 1 << 12, 1), ("refer", 1 << 13, 2), ("truncate", 1 << 14, 3), ("ioctl_dev", 1 << 15, 5),
    ]

    /// The rights that are needed to execute a program: the kernel also reads it.
    package static let rightsOfPrograms: UInt64 = 1 << 0 | 1 << 2

    /// The rights that apply to files other than directories; the kernel refuses the others there.
    package static let rightsOfFiles: UInt64 = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15

    /// The names of rights, in the kernel's order.
    package static func names(_ rights: UInt64) -> [String] {
        Self.rights.filter { rights & $0.value != 0 }.map { $0.name }
    }
}

extension LandlockPlan {
    /// Decides the annotation; nil if there is none.
    /// - Parameter version: the kernel's version of Landlock, 0 for none; nil if it is not known, and nothing is left out.
    /// - Throws: the problem of the annotation, under its key.
    package init?(annotations: TextMap<String>, version: Int?) throws(InvalidSpec) {
        guard let text = annotations[Self.annotation] else { return nil }
        do throws(InvalidSpec) {
            try self.init(LandlockDocument(json: Array(text.utf8)))
        } catch {
            throw error.inside(property: Self.annotation).inside(property: "annotations")
        }
        if let version { warnings = try limit(toVersion: version) }
    }

    private init(_ document: LandlockDocument) throws(InvalidSpec) {
        handled = try Self.rights(document.handled, "ruleset.handledAccessFS")
        isBestEffort = !document.disableBestEffort
        rules = []
        for (index, rule) in document.rules.enumerated() {
            let key = "rules.pathBeneath[\(index)]"
            let allowed = try Self.rights(rule.allowed, "\(key).allowedAccess")
            if let name = Self.names(allowed & ~handled).first {
                throw InvalidSpec(
                    keyPath: "\(key).allowedAccess",
                    problem: "\"\(name)\" is not in handledAccessFS and allowed everywhere")
            }
            guard !rule.paths.isEmpty else { throw InvalidSpec(keyPath: "\(key).paths", problem: "must not be empty") }
            for (place, path) in rule.paths.enumerated() {
                guard path.isAbsolutePath else {
                    throw InvalidSpec(
                        keyPath: "\(key).paths[\(place)]", problem: "\"\(path)\" is not an absolute path")
                }
                rules.append(Rule(key: "\(Self.key).\(key).paths[\(place)]", path: path, allowed: allowed))
            }
        }
    }

    private static func rights(_ names: [String], _ key: String) throws(InvalidSpec) -> UInt64 {
        guard !names.isEmpty else { throw InvalidSpec(keyPath: key, problem: "must not be empty") }
        var result: UInt64 = 0
        for (index, name) in names.enumerated() {
            guard let right = rights.first(where: { $0.name == name }) else {
                let meant = suggestion(for: name, among: Self.rights.map { $0.name })
                throw InvalidSpec(keyPath: "\(key)[\(index)]", problem: "unknown access right \"\(name)\"\(meant)")
            }
            result |= right.value
        }
        return result
    }

    /// Removes the rights that a kernel does not know.
    /// - Parameter version: the kernel's version of Landlock, 0 for none.
    /// - Returns: a sentence for each right that is removed.
    /// - Throws: the first right that would be removed, if best effort is disabled.
    mutating func limit(toVersion version: Int) throws(InvalidSpec) -> [String] {
        guard version > 0 else {
            let problem = "this host's kernel has no Landlock, or it is not enabled"
            guard isBestEffort else { throw InvalidSpec(keyPath: Self.key, problem: problem) }
            (handled, rules) = (0, [])
            return ["\(Self.key): \(problem): nothing is enforced"]
        }
        var warnings: [String] = []
        var known: UInt64 = 0
        for right in Self.rights {
            if right.version <= version {
                known |= right.value
            } else if handled & right.value != 0 {
                let problem =
                    "\"\(right.name)\" needs Landlock version \(right.version), this host's kernel has \(version)"
                let key = "ruleset.handledAccessFS"
                guard isBestEffort else { throw InvalidSpec(keyPath: "\(Self.key).\(key)", problem: problem) }
                warnings.append("\(Self.key).\(key): \(problem): left out")
            }
        }
        handled &= known
        for index in rules.indices { rules[index].allowed &= known }
        rules.removeAll { $0.allowed == 0 }
        return warnings
    }

    /// The steps, one per line.
    var summary: [String] {
        guard handled != 0 else { return [] }
        return ["restrict by Landlock: \(Self.names(handled).joined(separator: ","))"]
            + rules.map { "allow by Landlock beneath \($0.path): \(Self.names($0.allowed).joined(separator: ","))" }
    }
}

extension LandlockPlan: JSONEncodable {
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("handledAccessFS", Self.names(handled))
            writer.list("pathBeneath", rules)
            writer.field("bestEffort", isBestEffort)
        }
    }
}

extension LandlockPlan.Rule: JSONEncodable {
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("path", path)
            writer.field("allowedAccess", LandlockPlan.names(allowed))
        }
    }
}

/// The document in the annotation. Unknown properties are refused, because ignoring a restriction would leave the
/// container less protected than its author expects.
private struct LandlockDocument: JSONDecodable {
    var handled: [String]
    var rules: [Rule]
    var disableBestEffort: Bool

    init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        try refuseOthers(cursor, than: ["ruleset", "rules", "disableBestEffort"])
        let ruleset: Ruleset = try cursor.required("ruleset")
        handled = ruleset.handled
        let list: Rules? = try cursor.optional("rules")
        rules = list?.pathBeneath ?? []
        disableBestEffort = try cursor.optional("disableBestEffort") ?? false
    }

    private struct Ruleset: JSONDecodable {
        var handled: [String]
        init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
            try refuseOthers(cursor, than: ["handledAccessFS"])
            handled = try cursor.required("handledAccessFS")
        }
    }

    private struct Rules: JSONDecodable {
        var pathBeneath: [Rule]
        init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
            try refuseOthers(cursor, than: ["pathBeneath"])
            pathBeneath = try cursor.optional("pathBeneath") ?? []
        }
    }

    struct Rule: JSONDecodable {
        var allowed: [String]
        var paths: [String]
        init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
            try refuseOthers(cursor, than: ["allowedAccess", "paths"])
            allowed = try cursor.required("allowedAccess")
            paths = try cursor.required("paths")
        }
    }
}

private struct Anything: JSONDecodable {
    init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {}
}

private func refuseOthers(_ cursor: borrowing JSONCursor, than known: [String]) throws(InvalidSpec) {
    let members = try TextMap<Anything>(cursor)
    if let name = members.keys.first(where: { !known.contains($0) }) {
        throw InvalidSpec(
            keyPath: name, problem: "is not among \(known.joined(separator: ", "))")
    }
}
