// Finds traces that a case has left on the host; any trace is a failure.

internal import CLinux
internal import Glibc

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

extension CaseExecution {
    /// Ends remaining processes, deletes containers that the steps left on purpose, reports all other traces and
    /// removes them.
    func finish(_ before: HostTrace) async {
        await deleteLiveContainers()
        for task in background { task.cancel() }
        for task in background { await task.value }
        let processes = await remainingProcesses()
        if !processes.isEmpty {
            leftBehind("processes \(processes.joined(separator: ", "))")
            await killRemaining()
        }
        let cgroups = before.cgroups()
        if !cgroups.isEmpty {
            leftBehind("cgroups \(cgroups.joined(separator: ", "))")
            await empty(cgroups)
        }
        for parent in before.parents {
            for hierarchy in HostTrace.hierarchies { rmdir(hierarchy + parent) }
        }
        let states = before.states()
        if !states.isEmpty { leftBehind("state \(states.joined(separator: ", "))") }
        let mounts = before.extraMounts()
        if !mounts.isEmpty {
            leftBehind("mounts \(mounts.joined(separator: ", "))")
            for mount in mounts.reversed() { _ = clinux_umount2(mount, 2) }  // MNT_DETACH
        }
    }

    private func leftBehind(_ traces: String) {
        if wasCutOff {
            transcript.append("# removed after the time limit: \(traces)")
        } else {
            complaints.append("left behind: \(traces)")
        }
    }

    /// After the time limit every container may be there, as far as the killed command came.
    private func deleteLiveContainers() async {
        let names = wasCutOff ? test.containers.keys.sorted() : live.sorted()
        for name in names {
            let base = "\(scratch)/output/delete-\(name)"
            var invocation = HarnessInvocation(
                executable: request.runtime.executable,
                arguments: request.runtime.flags + ["--root", rootDirectory, "delete", "--force", id(name)],
                environment: HarnessInvocation.cleanEnvironment, outputPath: base + ".out", errorPath: base + ".err",
                limit: wasCutOff ? 15 / Double(names.count) : 15
            )
            invocation.user = test.steps.compactMap(\.user).first
            guard let ending = try? await invocation.run() else { continue }
            let error = readText(base + ".err") ?? ""
            transcript.append("$ \(invocation.commandLine)  → \(ending.status)")
            if ending.status != 0, !wasCutOff {
                complaints.append("delete --force \(name): status \(ending.status): \(error)")
            }
        }
    }

    /// Orphans are children of this process, which is a subreaper; it reaps those that have ended.
    private func remainingProcesses() async -> [String] {
        for attempt in 0..<100 {
            var status: Int32 = 0
            var result: Int32 = 1
            while result > 0 { result = clinux_wait_exited(-1, &status, WNOHANG) }
            if result < 0 { return [] }
            if attempt < 99 { try? await Task.sleep(for: .milliseconds(10)) }
        }
        return children().map { "\($0) (\(readText("/proc/\($0)/comm")?.split(separator: "\n").first ?? "?"))" }
    }

    private func killRemaining() async {
        for pid in children() { kill(pid_t(pid), SIGKILL) }
        for _ in 0..<100 {
            var status: Int32 = 0
            if clinux_wait_exited(-1, &status, WNOHANG) < 0 { return }
            try? await Task.sleep(for: .milliseconds(10))
        }
    }

    private func empty(_ cgroups: [String]) async {
        for path in cgroups {
            // A frozen process cannot die.
            if exists(path + "/freezer.state") { try? writeNew(path + "/freezer.state", "THAWED", mode: 0o644) }
            for line in (readText(path + "/cgroup.procs") ?? "").split(separator: "\n") {
                if let pid = pid_t(line), pid > 1 { kill(pid, SIGKILL) }
            }
        }
        for attempt in 0..<50 {
            let left = cgroups.reversed().filter { rmdir($0) != 0 && errno != ENOENT }
            if left.isEmpty { return }
            if attempt < 49 { try? await Task.sleep(for: .milliseconds(20)) }
        }
    }
}
