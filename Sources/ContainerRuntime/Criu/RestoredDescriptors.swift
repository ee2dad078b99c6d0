// Looks for what restored processes hold of the host: a descriptor, a working directory or a program outside of the
// container lets its holder reach all of the host's files.

internal import CLinux
internal import Glibc
internal import Kernel
internal import Planning

struct RestoredDescriptors {
    let plan: ContainerPlan
    /// The mounts of the host, and those that were staged for CRIU.
    let outside: Set<UInt64>
    /// The caller's streams, which processes may have.
    let streams: [FileIdentity]

    init(_ plan: ContainerPlan, criu: Int32) throws(Failure) {
        self.plan = plan
        let own = try during("read /proc/self/mountinfo") { () throws(Errno) in try listMounts().map { $0.id } }
        outside = Set(own).union(try mountFacts(of: criu).map { $0.number })
        streams = (Int32(0)...2).compactMap { number in (try? fileStatus(number)).map { FileIdentity($0) } }
    }

    func difference(of pid: Int32) throws(Failure) -> String? {
        for name in ["root", "cwd", "exe"] {
            guard let file = try? OwnedDescriptor.open("/proc/\(pid)/\(name)"), let number = try? mountNumber(file)
            else { continue }
            guard outside.contains(number) else { continue }
            return "its \(words(name)) is outside of the container (\(target("/proc/\(pid)/\(name)")))"
        }
        let path = "/proc/\(pid)/fd"
        let directory = try during("open \(path)") { () throws(Errno) in try OwnedDescriptor.open(path, .directory) }
        let entries = try during("read \(path)") { () throws(Errno) in try directoryEntries(directory.rawValue) }
        for entry in entries {
            guard let number = Int32(entry.name) else { continue }
            if let text = difference(pid, number, at: "\(path)/\(number)") { return text }
        }
        return nil
    }

    private func difference(_ pid: Int32, _ number: Int32, at path: String) -> String? {
        let link = target(path)
        if let kind = NamespaceKind.allCases.first(where: { link.hasPrefix($0.linkName + ":[") }) {
            guard plan.namespaces.has(kind), link == target("/proc/self/ns/\(kind.linkName)") else { return nil }
            return "its descriptor \(number) is the host's \(kind.rawValue) namespace"
        }
        guard
            let line = try? readText("/proc/\(pid)/fdinfo/\(number)").split(at: "\n").first(where: {
                $0.hasPrefix("mnt_id:")
            }), let mount = line.split(at: "\t").last.flatMap({ UInt64($0) }), outside.contains(mount)
        else { return nil }
        if let status = try? fileStatus(at: path), streams.contains(FileIdentity(status)) { return nil }
        return "its descriptor \(number) is a file outside of the container (\(link))"
    }

    private func mountNumber(_ file: borrowing OwnedDescriptor) throws(Errno) -> UInt64 {
        try mountPlace(of: file.rawValue).mount
    }

    private func target(_ path: String) -> String {
        (try? readLink(OwnedDescriptor.currentDirectory, path)) ?? "?"
    }

    private func words(_ name: String) -> String {
        switch name {
        case "cwd": "working directory"
        case "exe": "program"
        default: "root"
        }
    }
}
