// An ordinary user's config without a user namespace: it gets one, in which the user is root.

package import OCISpec

/// The ids that the host's root has set aside for a user, as ranges of the host's ids. subuid(5), subgid(5).
package struct SubordinateIDs: Equatable, Sendable {
    package var uids: [LinuxIDMapping]
    package var gids: [LinuxIDMapping]
    package static let none = SubordinateIDs(uids: [], gids: [])

    package init(uids: [LinuxIDMapping], gids: [LinuxIDMapping]) {
        self.uids = uids
        self.gids = gids
    }

    /// The ranges that a file's text grants, which names users by name or by number; malformed lines are skipped.
    /// - Parameter outer: the maps of the user namespace in which the file was read; ids that it lacks cannot be granted.
    package static func ranges(
        in text: String, uid: UInt32, name: String?, outer: [LinuxIDMapping]?
    ) -> [LinuxIDMapping] {
        var next: UInt32 = 1
        var ranges: [LinuxIDMapping] = []
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            guard fields.count == 3, fields[0] == String(uid) || name.map({ fields[0] == $0 }) == true,
                let first = UInt32(fields[1]), let count = UInt32(fields[2]), count > 0,
                UInt64(first) + UInt64(count) <= 1 << 32, UInt64(next) + UInt64(count) <= 1 << 32,
                outer?.contains(where: { $0.includes(first, count) }) ?? true,
                !ranges.contains(where: { $0.overlaps(first, count) })
            else { continue }
            ranges.append(LinuxIDMapping(containerID: next, hostID: first, size: count))
            next &+= count
            // The kernel takes 340 ranges; one is the user's own id.
            if ranges.count == 339 || next == 0 { break }
        }
        return ranges
    }
}

extension LinuxIDMapping {
    fileprivate func includes(_ first: UInt32, _ count: UInt32) -> Bool {
        first >= containerID && UInt64(first) + UInt64(count) <= UInt64(containerID) + UInt64(size)
    }

    fileprivate func overlaps(_ first: UInt32, _ count: UInt32) -> Bool {
        UInt64(first) < UInt64(hostID) + UInt64(size) && UInt64(hostID) < UInt64(first) + UInt64(count)
    }
}

extension Spec {
    /// Whether an ordinary user's runtime decides the user namespace: the config has none, or none whose ids it maps.
    package var leavesUserNamespaceOpen: Bool {
        let linux = self.linux ?? Linux()
        guard linux.uidMappings.isEmpty, linux.gidMappings.isEmpty else { return false }
        return !linux.namespaces.contains { $0.type == "user" && !$0.isNew }
    }

    /// The same config with a user namespace, whose root is the user. The subordinate ids follow from 1 on, as with
    /// crun(1).
    package func withUserNamespace(uid: UInt32, gid: UInt32, _ subordinate: SubordinateIDs) -> Spec {
        var spec = self
        var linux = self.linux ?? Linux()
        if !linux.namespaces.contains(where: { $0.type == "user" }) {
            linux.namespaces.append(LinuxNamespace(type: "user"))
        }
        // A range with the user's own id would map it twice.
        func maps(_ id: UInt32, _ ranges: [LinuxIDMapping]) -> [LinuxIDMapping] {
            let own = LinuxIDMapping(containerID: 0, hostID: id, size: 1)
            return ranges.contains { $0.overlaps(id, 1) } ? [own] : [own] + ranges
        }
        linux.uidMappings = maps(uid, subordinate.uids)
        linux.gidMappings = maps(gid, subordinate.gids)
        spec.linux = linux
        return spec
    }
}
