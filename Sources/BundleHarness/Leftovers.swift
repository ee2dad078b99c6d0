// Cleans up after a case, and reports the traces that it has left on the host; any trace is a failure.

internal import CLinux
internal import Glibc

extension CaseExecution {
    /// Ends remaining processes, deletes containers that the steps left on purpose, reports all other traces and
    /// removes them.
    func finish(_ before: HostTrace) async {
        if Interruption.isUrgent { wasCutOff = true }
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
            // A process that was frozen ends only now.
            await killRemaining()
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
            transcript.append("# removed, for the case was cut off: \(traces)")
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
                limit: (Interruption.isUrgent ? 5 : 15) / (wasCutOff ? Double(names.count) : 1)
            )
            invocation.isInterruptible = false
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
            if reapEnded() { return [] }
            if Interruption.isUrgent { break }
            if attempt < 99 { try? await Task.sleep(for: .milliseconds(10)) }
        }
        return children().map { "\($0) (\(readText("/proc/\($0)/comm")?.split(separator: "\n").first ?? "?"))" }
    }

    // Whether no child is left.
    private func reapEnded() -> Bool {
        var status: Int32 = 0
        var result: Int32 = 1
        while result > 0 { result = clinux_wait_exited(-1, &status, WNOHANG) }
        return result < 0
    }

    // The children of a process that is killed become this process's.
    private func killRemaining() async {
        for _ in 0..<300 {
            for pid in children() { kill(pid_t(pid), SIGKILL) }
            if reapEnded() { return }
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
