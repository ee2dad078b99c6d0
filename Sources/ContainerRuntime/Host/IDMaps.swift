// The id maps of a new user namespace. user_namespaces(7).

internal import CLinux
internal import Glibc
internal import Kernel
internal import OCISpec
internal import Planning

/// Writes the maps of a process's new user namespace, from outside.
struct IDMaps {
    let maps: IdentityMaps
    let pid: Int32

    func write() throws(Failure) {
        guard geteuid() != 0 else {
            try write("gid_map", maps.gids.mapText)
            return try write("uid_map", maps.uids.mapText)
        }
        if isSingleOwn(maps.gids, getegid()) {
            // CVE-2014-8989: a process that may drop a group gains access to files that refuse that group.
            try write("setgroups", "deny")
            try write("gid_map", maps.gids.mapText)
        } else {
            try runTool("newgidmap", maps.gids)
        }
        if isSingleOwn(maps.uids, geteuid()) {
            try write("uid_map", maps.uids.mapText)
        } else {
            try runTool("newuidmap", maps.uids)
        }
    }

    private func write(_ name: String, _ content: String) throws(Failure) {
        try during("write \(content.split(at: "\n").joined(separator: ", ")) to /proc/\(pid)/\(name)") {
            () throws(Errno) in try writeFile("/proc/\(pid)/\(name)", content)
        }
    }

    private func isSingleOwn(_ mappings: [LinuxIDMapping], _ id: UInt32) -> Bool {
        mappings.count == 1 && mappings[0].size == 1 && mappings[0].hostID == id
    }

    // The setuid programs of shadow-utils may write what /etc/subuid and /etc/subgid allow the user.
    private func runTool(_ name: String, _ mappings: [LinuxIDMapping]) throws(Failure) {
        var arguments = [name, String(pid)]
        for mapping in mappings { arguments += [mapping.containerID, mapping.hostID, mapping.size].map { String($0) } }
        let hint = "to map more than one id, a user who is not root needs it and ranges in /etc/subuid and /etc/subgid"
        guard let path = findInPath(name) else {
            throw Failure(.other, "\(name) not found in $PATH; \(hint)")
        }
        do throws(Failure) {
            try runProgram(path, arguments, seconds: 10)
        } catch {
            throw Failure(.other, "\(arguments.joined(separator: " ")): \(error.message) (\(hint))")
        }
    }
}

/// The absolute path of a program of the host's.
func findInPath(_ name: String) -> String? {
    let path = getenv("PATH").map { RawText.text($0) } ?? "/usr/sbin:/usr/bin:/sbin:/bin"
    return path.split(at: ":").map { $0 + "/" + name }.first { clinux_access($0, X_OK) == 0 }
}
