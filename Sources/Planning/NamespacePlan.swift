// Which namespaces are created, which are joined, and how ids are mapped.

package import Kernel
package import OCISpec

/// The namespaces of a container.
package struct NamespacePlan: Equatable, Sendable {
    /// An existing namespace.
    package struct Joined: Equatable, Sendable {
        package var kind: NamespaceKind
        package var path: String
        /// The config's key, such as `linux.namespaces[2].path`.
        package var key: String
    }

    package var created: NamespaceSet = []
    package var joined: [Joined] = []
    /// The maps of the user namespace, created or joined; both are empty without one.
    package var uidMappings: [LinuxIDMapping] = []
    package var gidMappings: [LinuxIDMapping] = []
    /// The lines for /proc/PID/timens_offsets. time_namespaces(7).
    package var timeOffsets: String?

    /// All kinds in which the container's namespace is not the runtime's.
    package var entered: NamespaceSet { joined.reduce(created) { $0.union(NamespaceSet($1.kind)) } }

    /// Whether the namespace is created for the container, and so has no other members yet.
    package func creates(_ kind: NamespaceKind) -> Bool { created.contains(kind) }
    /// Whether the container leaves the runtime's namespace, for a new or an existing one.
    package func has(_ kind: NamespaceKind) -> Bool { entered.contains(kind) }
    package var maps: IdentityMaps { IdentityMaps(uids: uidMappings, gids: gidMappings) }

    /// Whether an intermediate process must join some namespaces before it clones the init.
    ///
    /// A process enters pid and time namespaces only by being cloned into them. A process that creates or joins a
    /// user namespace loses its rights over the host's other namespaces, which it needs to join them; one clone call
    /// cannot do both in that order.
    package var needsIntermediate: Bool {
        creates(.time) || creates(.user) && !joined.isEmpty
            || joined.contains { $0.kind == .user || $0.kind == .pid || $0.kind == .time }
    }

    /// Whether only the runtime's own user and group are mapped: every user may write such maps without a helper.
    package func mapsOwnIDs(_ host: HostFacts) -> Bool {
        func isOwn(_ mappings: [LinuxIDMapping], _ id: UInt32) -> Bool {
            mappings.count == 1 && mappings[0].size == 1 && mappings[0].hostID == id
        }
        return isOwn(uidMappings, host.uid) && isOwn(gidMappings, host.gid)
    }

    package func joinedPath(_ kind: NamespaceKind) -> String? { joined.first { $0.kind == kind }?.path }
}

extension NamespacePlan {
    /// Decides `linux.namespaces` and the settings that depend on it.
    /// - Parameter joinedMaps: the maps of the user namespace that is joined, if there is one.
    init(_ linux: Linux, joinedMaps: IdentityMaps? = nil) throws(InvalidSpec) {
        for (index, namespace) in linux.namespaces.enumerated() {
            let key = "linux.namespaces[\(index)]"
            guard let kind = NamespaceKind(rawValue: namespace.type) else {
                // The name that /proc/PID/ns has for it. namespaces(7).
                let isKernelsName = namespace.type.lowercased() == "mnt"
                let meant =
                    isKernelsName
                    ? " (did you mean mount?)" : suggestion(for: namespace.type, among: NamespaceKind.names)
                throw InvalidSpec(keyPath: "\(key).type", problem: "unknown namespace \"\(namespace.type)\"\(meant)")
            }
            guard !has(kind) else {
                throw InvalidSpec(keyPath: key, problem: "duplicate namespace \"\(namespace.type)\"")
            }
            guard let path = namespace.path, !path.isEmpty else {
                created.insert(NamespaceSet(kind))
                continue
            }
            guard path.isAbsolutePath else {
                throw InvalidSpec(keyPath: "\(key).path", problem: "\"\(path)\" is not an absolute path")
            }
            joined.append(Joined(kind: kind, path: path, key: "\(key).path"))
        }
        uidMappings = linux.uidMappings
        gidMappings = linux.gidMappings
        if let joinedMaps, has(.user), !creates(.user) {
            let explicit = !uidMappings.isEmpty || !gidMappings.isEmpty
            guard !explicit || maps.isEquivalent(to: joinedMaps) else {
                throw InvalidSpec(
                    keyPath: uidMappings.isEmpty ? "linux.gidMappings" : "linux.uidMappings",
                    problem: "differ from the maps of the user namespace that is joined")
            }
            uidMappings = joinedMaps.uids
            gidMappings = joinedMaps.gids
        }
        timeOffsets = try Self.offsets(linux.timeOffsets, self)
    }

    private static func offsets(
        _ offsets: TextMap<LinuxTimeOffset>, _ namespaces: NamespacePlan
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
        for (clock, offset) in offsets {
            guard clock == "monotonic" || clock == "boottime" else {
                throw InvalidSpec(
                    keyPath: "linux.timeOffsets.\(clock)", problem: "unknown clock; monotonic and boottime have offsets"
                )
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
