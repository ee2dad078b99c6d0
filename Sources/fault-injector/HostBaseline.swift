// The state of the host that must not change, and the access of the runtime's processes to it.

internal import CLinux
internal import Glibc
internal import Kernel

/// The state of the host before the command.
struct HostBaseline {
    private let mountinfo: [Substring]
    /// The ids of the host's mounts: files on them belong to the host.
    let mounts: Set<UInt64>
    private let cgroups: String
    private let id: String

    init(id: String) throws(Errno) {
        self.id = id
        let text = try readText("/proc/self/mountinfo")
        mountinfo = text.split(separator: "\n")
        mounts = Set(mountinfo.compactMap { UInt64($0.prefix { $0 != " " }) })
        cgroups = try readText("/proc/self/cgroup")
    }

    /// The changes of the host's mounts; a mount of the container has the container's id in its path.
    func changedMounts() -> [String] {
        let lines = Set((text("/proc/self/mountinfo") ?? "").split(separator: "\n"))
        let before = Set(mountinfo)
        if lines == before { return [] }
        let target = { (line: Substring) in String(line.split(separator: " ")[4]) }
        return before.subtracting(lines).map { "the host's mount \(target($0)) has changed or gone" }
            + lines.subtracting(before).filter { !$0.contains(id) }.map { "a mount on the host's \(target($0))" }
    }

    /// The cgroups of a process that are neither the command's nor the container's.
    func foreignCgroups(of pid: Int32) -> [String] {
        guard let now = text("/proc/\(pid)/cgroup"), now != cgroups else { return [] }
        let known = Set(cgroups.split(separator: "\n"))
        return now.split(separator: "\n").filter { !known.contains($0) && !$0.contains(id) }
            .map { "is in the cgroup \($0)" }
    }

    /// The references of a process to the host: its root, its working directory, descriptors other than standard
    /// streams.
    func hostReferences(of pid: Int32) -> [String] {
        var found = ["root", "cwd"].filter { isOnHost("/proc/\(pid)/\($0)") }
        let directory: [(name: String, isDirectory: Bool)]
        do throws(Errno) {
            let descriptors = try OwnedDescriptor.open("/proc/\(pid)/fd", .readOnly | .directory)
            directory = try directoryEntries(descriptors.rawValue).map { ($0.name, $0.isDirectory) }
        } catch { return found }
        for entry in directory where (Int(entry.name) ?? 0) > 2 && isOnHost("/proc/\(pid)/fd/\(entry.name)") {
            found.append("fd/\(entry.name)")
        }
        return found
    }

    private func isOnHost(_ path: String) -> Bool {
        do throws(Errno) {
            let file = try OwnedDescriptor.open(path, .path)
            var attributes: UInt64 = 0
            var mount: UInt64 = 0
            try checked { clinux_statx_mount(file.rawValue, &attributes, &mount) }
            return mounts.contains(mount)
        } catch { return false }
    }
}

/// The content of a small file; nil if it cannot be read.
func text(_ path: String) -> String? {
    do throws(Errno) { return try readText(path) } catch { return nil }
}

/// The pids of a process, from the tracer's pid namespace inwards. proc(5), NSpid.
func numbers(of pid: Int32) -> [Int32] {
    guard let line = text("/proc/\(pid)/status")?.split(separator: "\n").first(where: { $0.hasPrefix("NSpid:") })
    else { return [] }
    return line.split(whereSeparator: \.isWhitespace).dropFirst().compactMap { Int32($0) }
}

/// The inode of a process's namespace of a kind.
func namespace(_ kind: String, of pid: Int32) -> UInt64? {
    var facts = stat()
    return stat("/proc/\(pid)/ns/\(kind)", &facts) == 0 ? UInt64(facts.st_ino) : nil
}
