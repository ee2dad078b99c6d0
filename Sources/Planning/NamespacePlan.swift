// Which namespaces are made, which are joined, and how ids are mapped.

package import enum Kernel.NamespaceKind
package import struct Kernel.NamespaceSet
package import OCISpec

/// The namespaces of a container.
package struct NamespacePlan: Equatable, Sendable {
    /// A namespace that exists already.
    package struct Joined: Equatable, Sendable {
        package var kind: NamespaceKind
        package var path: String
        /// Where the config names it, such as `linux.namespaces[2].path`.
        package var key: String
    }

    package var created: NamespaceSet = []
    package var joined: [Joined] = []
    package var uidMappings: [LinuxIDMapping] = []
    package var gidMappings: [LinuxIDMapping] = []
    /// The lines for /proc/PID/timens_offsets. time_namespaces(7).
    package var timeOffsets: String?

    /// All kinds in which the container differs from the runtime.
    package var own: NamespaceSet { joined.reduce(created) { $0.union(NamespaceSet($1.kind)) } }

    package func creates(_ kind: NamespaceKind) -> Bool { created.contains(kind) }
    package func has(_ kind: NamespaceKind) -> Bool { own.contains(kind) }
    package func joinedPath(_ kind: NamespaceKind) -> String? { joined.first { $0.kind == kind }?.path }
}

extension NamespacePlan {
    /// Decides `linux.namespaces` and what depends on them.
    init(_ linux: Linux) throws(InvalidSpec) {
        for (index, namespace) in linux.namespaces.enumerated() {
            let key = "linux.namespaces[\(index)]"
            guard let kind = NamespaceKind(rawValue: namespace.type) else {
                throw InvalidSpec(keyPath: "\(key).type", problem: "unknown namespace \"\(namespace.type)\"")
            }
            guard !has(kind) else {
                throw InvalidSpec(keyPath: key, problem: "duplicate namespace \"\(namespace.type)\"")
            }
            guard let path = namespace.path, !path.isEmpty else {
                created.insert(NamespaceSet(kind))
                continue
            }
            guard path.hasPrefix("/") else {
                throw InvalidSpec(keyPath: "\(key).path", problem: "\"\(path)\" is not an absolute path")
            }
            joined.append(Joined(kind: kind, path: path, key: "\(key).path"))
        }
        uidMappings = linux.uidMappings
        gidMappings = linux.gidMappings
        timeOffsets = try Self.offsets(linux.timeOffsets, self)
    }

    private static func offsets(
        _ offsets: [String: LinuxTimeOffset], _ namespaces: NamespacePlan
    ) throws(InvalidSpec) -> String? {
        guard !offsets.isEmpty else { return nil }
        guard namespaces.creates(.time) else {
            throw InvalidSpec(
                keyPath: "linux.timeOffsets",
                problem: namespaces.has(.time)
                    ? "offsets cannot be set in a time namespace that is joined"
                    : "needs a time namespace in linux.namespaces")
        }
        var lines = ""
        for (clock, offset) in offsets.sorted(by: { $0.key < $1.key }) {
            guard clock == "monotonic" || clock == "boottime" else {
                throw InvalidSpec(
                    keyPath: "linux.timeOffsets.\(clock)", problem: "unknown clock; monotonic and boottime have offsets")
            }
            guard offset.nanosecs < 1_000_000_000 else {
                throw InvalidSpec(
                    keyPath: "linux.timeOffsets.\(clock).nanosecs", problem: "must be less than a second")
            }
            lines += "\(clock) \(offset.secs) \(offset.nanosecs)\n"
        }
        return lines
    }
}
