// Id maps as the kernel writes and reads them. user_namespaces(7).

extension [LinuxIDMapping] {
    /// The id outside that corresponds to an id inside; nil if the id is not mapped.
    package func hostID(of id: UInt32) -> UInt32? {
        for range in self where id >= range.containerID && UInt64(id) < UInt64(range.containerID) + UInt64(range.size) {
            return range.hostID &+ (id - range.containerID)
        }
        return nil
    }

    package func maps(_ id: UInt32) -> Bool { hostID(of: id) != nil }

    /// The lines for /proc/PID/uid_map and gid_map.
    package var mapText: String { map { "\($0.containerID) \($0.hostID) \($0.size)\n" }.joined() }

    /// Parses the lines of /proc/PID/uid_map or gid_map; malformed lines are skipped.
    package init(mapText: String) {
        self = mapText.split(separator: "\n").compactMap { line in
            let numbers = line.split(separator: " ", omittingEmptySubsequences: true).compactMap { UInt32($0) }
            guard numbers.count == 3 else { return nil }
            return LinuxIDMapping(containerID: numbers[0], hostID: numbers[1], size: numbers[2])
        }
    }
}
