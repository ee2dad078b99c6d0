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
    /// Of the user namespace, made or joined; both empty without one.
    package var uidMappings: [LinuxIDMapping] = []
    package var gidMappings: [LinuxIDMapping] = []
    /// The lines for /proc/PID/timens_offsets. time_namespaces(7).
    package var timeOffsets: String?

    /// All kinds in which the container differs from the runtime, whoever else is in them.
    package var entered: NamespaceSet { joined.reduce(created) { $0.union(NamespaceSet($1.kind)) } }

    /// Whether a namespace is the container's own: made for it, with nothing in it yet.
    package func creates(_ kind: NamespaceKind) -> Bool { created.contains(kind) }
    /// Whether the container leaves the runtime's namespace, for one of its own or for that of others.
    package func has(_ kind: NamespaceKind) -> Bool { entered.contains(kind) }
    package var maps: IdentityMaps { IdentityMaps(uids: uidMappings, gids: gidMappings) }

    /// Whether the init has to be cloned by a process that is in some of its namespaces already.
    ///
    /// One can only be born into pid and time namespaces. And who makes or joins a user namespace loses the right to
    /// the host's other namespaces, but needs it to join them: that takes an order, which one clone does not have.
    package var needsIntermediate: Bool {
        creates(.time) || creates(.user) && !joined.isEmpty
            || joined.contains { $0.kind == .user || $0.kind == .pid || $0.kind == .time }
    }

    /// Whether exactly the runtime's own user and group are mapped: everybody may write such maps without help.
    package func mapsOwnIDs(_ host: HostFacts) -> Bool {
        func isOwn(_ mappings: [LinuxIDMapping], _ id: UInt32) -> Bool {
            mappings.count == 1 && mappings[0].size == 1 && mappings[0].hostID == id
        }
        return isOwn(uidMappings, host.uid) && isOwn(gidMappings, host.gid)
    }

    package func joinedPath(_ kind: NamespaceKind) -> String? { joined.first { $0.kind == kind }?.path }
}

extension NamespacePlan {
    /// Decides `linux.namespaces` and what depends on them.
    /// - Parameter joinedMaps: the maps of the user namespace that is joined, where there is one.
    init(_ linux: Linux, joinedMaps: IdentityMaps? = nil) throws(InvalidSpec) {
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
