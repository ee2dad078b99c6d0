// One cgroup in whose memory limit a container lives.

internal import CLinux
internal import Cgroups
internal import Glibc
internal import Kernel

/// A cgroup of the memory controller: the container's, or one above it.
final class MemoryLevel {
    let directory: String
    /// Below the hierarchy's mount point.
    let path: String
    private let isUnified: Bool
    /// The kernel's signals that the limit of this cgroup, or of one above it, was reached; cgroup v1.
    let notices: DescriptorBox?
    private var reached: UInt64 = 0

    /// The container's first, as far up as there can be a limit; the root has none.
    static func levels(of place: CgroupDirectory, isUnified: Bool) -> [MemoryLevel] {
        var levels: [MemoryLevel] = []
        var path = place.path
        // Deep enough for what engines nest.
        while path.utf8.count > 1, levels.count < 8 {
            levels.append(MemoryLevel(mount: place.mount, path: path, isUnified: isUnified))
            path = String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
        }
        return levels
    }

    private init(mount: String, path: String, isUnified: Bool) {
        directory = mount + path
        self.path = path
        self.isUnified = isUnified
        notices = isUnified ? nil : try? Self.listen(directory)
        reached = limitReached
    }

    private static func listen(_ directory: String) throws(Errno) -> DescriptorBox {
        let control = try OwnedDescriptor.open(directory + "/memory.oom_control")
        let events = OwnedDescriptor(
            adopting: try checked { clinux_eventfd(0, OpenFlags([.nonBlocking, .closeOnExec]).rawValue) })
        try writeFile(directory + "/cgroup.event_control", "\(events.rawValue) \(control.rawValue)")
        return DescriptorBox(events)
    }

    /// How often the limit was reached without a kill that has been put down to it.
    private(set) var pending: UInt64 = 0

    /// Takes notices that another reader has got.
    func add(_ notices: UInt64) { pending += notices }

    /// Looks for news of the limit having been reached.
    func look() {
        if isUnified {
            let before = reached
            reached = max(before, limitReached)
            pending += reached - before
            return
        }
        var count: UInt64 = 0
        let number = notices?.rawValue ?? -1
        let length = withUnsafeMutableBytes(of: &count) { Glibc.read(number, $0.baseAddress, $0.count) }
        if length == MemoryLayout<UInt64>.size { pending += count }
    }

    func settle(_ kills: UInt64) { pending -= min(pending, kills) }

    /// How often an allocation failed at this cgroup's own limit; cgroup v2.
    private var limitReached: UInt64 {
        guard isUnified, let text = try? readText(directory + "/memory.events.local") else { return 0 }
        return CountTable(text)["oom"]
    }

    /// How many processes were killed here and below; nothing when the cgroup is gone.
    var kills: UInt64? { kills(directory) }

    private func kills(_ directory: String) -> UInt64? {
        let file = isUnified ? "/memory.events" : "/memory.oom_control"
        guard let text = try? readText(directory + file) else { return nil }
        var count = CountTable(text)["oom_kill"]
        // On v1 each cgroup counts for itself alone. Without links to it beyond its own two, it has none below.
        var facts = stat()
        if !isUnified, stat(directory, &facts) == 0, facts.st_nlink > 2 {
            for name in names(inDirectory: directory) { count += kills(directory + "/" + name) ?? 0 }
        }
        return count
    }

    /// The limit in bytes; nothing when there is none.
    var limit: UInt64? {
        let file = isUnified ? "/memory.max" : "/memory.limit_in_bytes"
        guard let text = try? readText(directory + file), let limit = UInt64(text.prefix { !$0.isWhitespace }) else {
            return nil
        }
        // v1's word for no limit: the most pages that fit.
        return limit > UInt64(Int64.max) - 65536 ? nil : limit
    }
}
