// `linux.intelRdt`: the resctrl group that the container joins, and the lines that are written there. runtime-spec,
// config-linux.md.

package import OCISpec

/// A resctrl group, for shares of cache and memory bandwidth. resctrl(5).
package struct ResctrlPlan: Equatable, Sendable {
    /// The directory below the mount of resctrl; empty for the root group.
    package var group: String
    /// Whether the config names the group: then the runtime neither creates nor removes it.
    package var isShared: Bool
    /// The lines for `schemata`, in the order in which they are written.
    package var schemata: [String]
    /// The monitoring group in it, if requested.
    package var monitor: String?
}

extension ResctrlPlan {
    /// Decides `linux.intelRdt`.
    /// - Throws: an invalid class or schema.
    init?(_ rdt: LinuxIntelRdt?, id: String) throws(InvalidSpec) {
        guard let rdt else { return nil }
        let key = "linux.intelRdt"
        isShared = rdt.closID.map { !$0.isEmpty } ?? false
        group = id
        if isShared, let name = rdt.closID {
            group = name == "/" ? "" : name
            guard name == "/" || (name != "." && name != ".." && !name.contains { $0 == "/" || $0.isNewline }) else {
                throw InvalidSpec(
                    keyPath: "\(key).closID", problem: "\"\(name)\" is not a valid name of a class of service")
            }
        }
        schemata = []
        var cache = try Self.lines(rdt.l3CacheSchema, "\(key).l3CacheSchema", mayBeSeveral: true)
        let bandwidth = try Self.lines(rdt.memBwSchema, "\(key).memBwSchema", mayBeSeveral: false)
        if let line = bandwidth.first, !line.hasPrefix("MB:") {
            throw InvalidSpec(keyPath: "\(key).memBwSchema", problem: "\"\(line)\" does not begin with MB:")
        }
        if !bandwidth.isEmpty { cache.removeAll { $0.hasPrefix("MB:") } }
        schemata = cache + bandwidth
        for (index, line) in rdt.schemata.enumerated() {
            schemata += try Self.lines(line, "\(key).schemata[\(index)]", mayBeSeveral: false)
        }
        monitor = rdt.enableMonitoring ? id : nil
    }

    /// Decides the changes that `update` makes, in the group that the config names or in the container's own.
    package init(
        changing rdt: LinuxIntelRdt?, cache: String?, bandwidth: String?, id: String
    ) throws(InvalidSpec) {
        var wanted = LinuxIntelRdt()
        wanted.closID = rdt?.closID
        wanted.l3CacheSchema = cache
        wanted.memBwSchema = bandwidth
        guard let plan = try Self(wanted, id: id) else {
            throw InvalidSpec(keyPath: "linux.intelRdt", problem: "is empty")
        }
        self = plan
    }

    private static func lines(_ text: String?, _ key: String, mayBeSeveral: Bool) throws(InvalidSpec) -> [String] {
        guard let text, !text.isEmpty else { return [] }
        let lines = text.split(separator: "\n").map { $0.filter { !$0.isWhitespace } }.filter { !$0.isEmpty }
        guard mayBeSeveral || lines.count == 1, !mayBeSeveral || !lines.isEmpty else {
            throw InvalidSpec(keyPath: key, problem: "must be one line")
        }
        for line in lines where Self.fields(line) == nil {
            throw InvalidSpec(keyPath: key, problem: "\"\(line)\" is not a schema such as L3:0=ff;1=ff")
        }
        return lines
    }

    // Parses a line into the resource and the value for each domain.
    private static func fields(_ line: some StringProtocol) -> (resource: String, values: [String: String])? {
        let parts = line.filter { !$0.isWhitespace }.split(separator: ":", maxSplits: 1)
        guard parts.count == 2 else { return nil }
        var values: [String: String] = [:]
        for pair in parts[1].split(separator: ";") {
            let sides = pair.split(separator: "=", maxSplits: 1)
            guard sides.count == 2 else { return nil }
            let digits = sides[1].drop { $0 == "0" }
            values[String(sides[0])] = digits.isEmpty ? "0" : String(digits).lowercased()
        }
        return values.isEmpty ? nil : (String(parts[0]), values)
    }

    /// The first requested line that an existing group does not have; nil if it has all of them.
    /// - Parameter schemata: the content of the group's `schemata`.
    package func mismatch(with schemata: String) -> String? {
        var present: [String: [String: String]] = [:]
        for line in schemata.split(separator: "\n") {
            if let (resource, values) = Self.fields(line) { present[resource] = values }
        }
        return self.schemata.first { line in
            guard let (resource, values) = Self.fields(line), let there = present[resource] else { return true }
            return values.contains { there[$0.key] != $0.value }
        }
    }
}

extension ResctrlPlan: JSONEncodable {
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("group", group)
            writer.flag("isShared", isShared)
            writer.list("schemata", schemata)
            writer.field("monitor", monitor)
        }
    }

    var summary: String {
        let name = group.isEmpty ? "the root group of resctrl" : "resctrl group \(group)"
        let lines = schemata.isEmpty ? "" : " with \(schemata.joined(separator: ", "))"
        return (isShared ? "join \(name)" : "make and join \(name)") + lines
            + (monitor == nil ? "" : ", and monitor it")
    }
}
