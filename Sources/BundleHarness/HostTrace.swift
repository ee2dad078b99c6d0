// Finds traces that a case has left on the host.

/// The state of the host before a case.
struct HostTrace {
    let ids: [String]
    let parents: [String]
    let root: String
    let mounts: [String: Int]

    init(ids: [String], parents: [String], root: String) {
        self.ids = ids
        self.parents = parents
        self.root = root
        mounts = HostTrace.countMounts()
    }

    static func countMounts() -> [String: Int] {
        var counts: [String: Int] = [:]
        for line in (readText("/proc/self/mountinfo") ?? "").split(separator: "\n") {
            let fields = line.split(separator: " ")
            if fields.count > 4 { counts[String(fields[4]), default: 0] += 1 }
        }
        return counts
    }

    /// The slice that contains the units of the cases.
    static let slice = "bundleharness.slice"

    /// All mounted cgroup hierarchies.
    static var hierarchies: [String] {
        if cgroupIsUnified { return ["/sys/fs/cgroup"] }
        return listDirectory("/sys/fs/cgroup").map { "/sys/fs/cgroup/" + $0 }.filter { exists($0 + "/cgroup.procs") }
    }

    /// The cgroups below the case's own parent, and those that are named after a container below the runtime's own
    /// cgroup.
    func cgroups() -> [String] {
        var found: Set<String> = []
        let own = HostTrace.ownCgroups()
        for hierarchy in HostTrace.hierarchies {
            for parent in parents { found.formUnion(HostTrace.directories(below: hierarchy + parent)) }
            for place in Set(own + ["/", "/" + HostTrace.slice]) {
                let base = hierarchy + (place == "/" ? "" : place)
                let children = listDirectory(base).filter { name in ids.contains { name.contains($0) } }
                found.formUnion(children.map { base + "/" + $0 })
            }
        }
        return found.sorted()
    }

    private static func ownCgroups() -> [String] {
        (readText("/proc/self/cgroup") ?? "").split(separator: "\n").compactMap { line in
            line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false).last.map(String.init)
        }
    }

    private static func directories(below path: String) -> [String] {
        guard isDirectory(path) else { return [] }
        return listDirectory(path).map { path + "/" + $0 }.filter(isDirectory).flatMap { [$0] + directories(below: $0) }
    }

    /// State that the runtime keeps of a deleted container.
    func states() -> [String] {
        listDirectory(root).filter { name in ids.contains { name.contains($0) } }.map { root + "/" + $0 }
    }

    func extraMounts() -> [String] {
        HostTrace.countMounts().filter { $0.value > mounts[$0.key, default: 0] }.keys.sorted()
    }
}
