// The rules that turn `linux.cgroupsPath` into directories and unit names.

internal import Kernel

/// Pure rules about cgroup paths and systemd's names.
enum CgroupPath {
    /// The parent of a clean path; the parent of `/` is `/`.
    static func parent(of path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")), slash != path.startIndex else { return "/" }
        return String(path[..<slash])
    }

    /// Refuses paths that no filesystem can store.
    static func checkCharacters(_ path: String) throws(CgroupFailure) {
        for byte in path.utf8 where byte == 0 || byte == UInt8(ascii: "\n") {
            throw CgroupFailure(.invalid, "linux.cgroupsPath: a cgroup path cannot hold a line feed or a zero byte")
        }
        for part in path.split(at: "/") where part.utf8.count > 255 {
            throw CgroupFailure(.invalid, "linux.cgroupsPath: a part of the path is longer than 255 bytes")
        }
    }

    /// The directory of a slice: `a-b.slice` is at `/a.slice/a-b.slice`, and `-.slice` is the root.
    static func expandedSlice(_ slice: String) throws(CgroupFailure) -> String {
        let refusal = CgroupFailure(.invalid, "linux.cgroupsPath: \"\(slice)\" is not the name of a systemd slice")
        guard slice.hasSuffix(".slice"), !slice.utf8.contains(UInt8(ascii: "/")) else { throw refusal }
        let name = slice.dropLast(".slice".count)
        if name == "-" { return "" }
        var path = ""
        var prefix = ""
        for part in name.split(at: "-", omittingEmptySubsequences: false) {
            guard !part.isEmpty else { throw refusal }
            path += "/\(prefix)\(part).slice"
            prefix += "\(part)-"
        }
        return path
    }
}

/// The systemd unit of the container, as `slice:prefix:name` names it.
package struct SystemdUnit: Equatable, Sendable {
    /// The slice of the unit: `system.slice`.
    package var slice: String
    /// The unit's name: `runc-web.scope`, or the name of a slice.
    package var name: String
    /// The unit's cgroup below the manager's own.
    package var path: String

    /// Whether the unit is itself a slice, which cannot have processes.
    package var isSlice: Bool { name.hasSuffix(".slice") }

    /// Parses `slice:prefix:name`.
    /// - Parameter cgroupsPath: the configuration's value; if missing, the unit is `PREFIX-ID.scope` in the default
    /// slice.
    /// - Throws: an `invalid` failure unless there are three fields, a valid slice, and a name.
    package init(cgroupsPath: String?, containerID: String, isRootless: Bool) throws(CgroupFailure) {
        let defaultSlice = isRootless ? "user.slice" : "system.slice"
        var fields = [defaultSlice, Self.prefix, containerID]
        if let cgroupsPath, !cgroupsPath.isEmpty {
            fields = cgroupsPath.split(at: ":", omittingEmptySubsequences: false).map(String.init)
            guard fields.count == 3 else {
                throw CgroupFailure(
                    .invalid,
                    "linux.cgroupsPath: expected \"slice:prefix:name\" for the systemd driver, found \"\(cgroupsPath)\""
                )
            }
        }
        guard !fields[2].isEmpty else {
            throw CgroupFailure(.invalid, "linux.cgroupsPath: the name in \"\(cgroupsPath ?? "")\" is empty")
        }
        for field in fields where field.utf8.contains(UInt8(ascii: "/")) {
            throw CgroupFailure(.invalid, "linux.cgroupsPath: \"\(field)\" cannot be part of a systemd unit's name")
        }
        slice = fields[0].isEmpty ? defaultSlice : fields[0]
        let directory = try CgroupPath.expandedSlice(slice)
        if fields[2].hasSuffix(".slice") {
            name = fields[2]
            path = try CgroupPath.expandedSlice(name)
        } else {
            name = fields[1].isEmpty ? "\(fields[2]).scope" : "\(fields[1])-\(fields[2]).scope"
            path = "\(directory)/\(name)"
        }
    }

    /// The prefix of swiftrun's unit names.
    static let prefix = "swiftrun"
}
