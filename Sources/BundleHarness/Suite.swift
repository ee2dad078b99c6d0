// Runs many cases on several runtimes, each in a process of its own, several at a time.

internal import CLinux
internal import Glibc
internal import SystemPackage

/// The version of the harness, which is that of the project.
package let harnessVersion = CLINUX_PROJECT_VERSION

/// The cases to run, and the settings.
package struct Suite: Sendable {
    package var cases: [Case]
    package var runtimes: [TestedRuntime]
    package var jobs: Int
    /// The time limit of cases that do not set one, in seconds.
    package var timeLimit: Int
    /// How many times longer than they say cases with a limit of their own may take, on a slow machine.
    package var patience = 1
    /// Whether a case is not run on a runtime that differs there as the case knows.
    package var skipsKnown = false
    /// Whether the directories of the cases are kept for inspection, in `ownDirectory`.
    package var keepsScratch: Bool
    /// Whether `/sys/fs/cgroup/unified` is hidden from the runtimes.
    package var hidesUnified: Bool
    package var workDirectory: String
    package var programs: Programs

    package init(
        cases: [Case], runtimes: [TestedRuntime], jobs: Int, timeLimit: Int, keepsScratch: Bool, hidesUnified: Bool,
        workDirectory: String, programs: Programs
    ) {
        self.cases = cases
        self.runtimes = runtimes
        self.jobs = jobs
        self.timeLimit = timeLimit
        self.keepsScratch = keepsScratch
        self.hidesUnified = hidesUnified
        self.workDirectory = workDirectory
        self.programs = programs
    }

    /// The directory that holds those of the cases.
    package var ownDirectory: String { "\(absolute(workDirectory))/bundle-harness-\(getpid())" }

    /// Runs all cases.
    /// - Parameter progress: called after each case.
    /// - Returns: the results in the suite's order of cases, and for each case in the order of the runtimes.
    /// - Throws: `CaseError` if the work directory cannot be created.
    package func run(progress: @Sendable (CaseResult) -> Void) async throws(CaseError) -> [CaseResult] {
        let work = ownDirectory
        let local = Programs(witness: FilePath(work + "/bin/witness"), busybox: FilePath(work + "/bin/busybox"))
        do throws(CaseError) {
            try makeDirectories(work + "/bin")
            try copyFile(programs.witness.string, local.witness.string, mode: 0o755)
            try copyFile(programs.busybox.string, local.busybox.string, mode: 0o755)
        } catch {
            _ = try? removeTree(work)
            throw error
        }
        makeParentCgroups()
        let pairs = cases.flatMap { test in runtimes.map { (test, $0) } }
        var results = [CaseResult?](repeating: nil, count: pairs.count)
        let watch = Task { await Interruption.passOn() }
        await withTaskGroup(of: (Int, CaseResult).self) { group in
            var next = 0
            func start() {
                guard next < pairs.count, !Interruption.hasCome else { return }
                let index = next
                let (test, runtime) = pairs[index]
                next += 1
                group.addTask { (index, await result(test, runtime, number: index, work: work, programs: local)) }
            }
            for _ in 0..<max(1, jobs) { start() }
            for await (index, result) in group {
                // What was ended at once says nothing about the runtime.
                if Interruption.isUrgent && result.verdict != .passed { continue }
                results[index] = result
                progress(result)
                start()
            }
        }
        watch.cancel()
        for hierarchy in HostTrace.hierarchies { rmdir(hierarchy + "/bundle-harness") }
        // Directories that could not be removed have been reported for each case.
        if !keepsScratch { _ = try? removeTree(work) }
        return results.compactMap(\.self)
    }

    /// The parent of all cases' cgroups is created once, because runtimes that create it at the same time disturb
    /// each other.
    private func makeParentCgroups() {
        for hierarchy in HostTrace.hierarchies where mkdir(hierarchy + "/bundle-harness", 0o755) == 0 {
            // A cpuset accepts no process while its lists are empty.
            for file in ["cpuset.cpus", "cpuset.mems"] where exists("\(hierarchy)/bundle-harness/\(file)") {
                guard let value = readText("\(hierarchy)/\(file)"), !cgroupIsUnified else { continue }
                _ = try? writeNew("\(hierarchy)/bundle-harness/\(file)", value, mode: 0o644)
            }
        }
    }

    private func result(
        _ test: Case, _ runtime: TestedRuntime, number: Int, work: String, programs: Programs
    ) async -> CaseResult {
        guard skipsKnown, let difference = test.knownDifference(of: runtime.identity) else {
            return await runCase(test, runtime, number: number, work: work, programs: programs)
        }
        return CaseResult(
            caseName: test.name, runtime: runtime.label, verdict: .known, reason: difference.reason + " (not run)")
    }

    private func runCase(
        _ test: Case, _ runtime: TestedRuntime, number: Int, work: String, programs: Programs
    ) async -> CaseResult {
        let limit = test.timeLimit.map { Double($0) * Double(patience) } ?? Double(timeLimit)
        let scratch = "\(work)/\(number)"
        let order: JSONValue = [
            "name": .string(test.name), "directory": .string(test.directory.string), "label": .string(runtime.label),
            "executable": .string(runtime.executable), "flags": .array(runtime.flags.map(JSONValue.string)),
            "runtime": .string(runtime.identity.name),
            "version": .array(runtime.identity.version.map(JSONValue.integer)), "scratch": .string(scratch),
            "token": .string("bh\(getpid())x\(number)"), "witness": .string(programs.witness.string),
            "busybox": .string(programs.busybox.string), "limit": .double(limit), "hide": .bool(hidesUnified),
        ]
        let base = "\(work)/\(number)"
        var environment = HarnessInvocation.cleanEnvironment
        if let path = getenv("PATH") { environment["PATH"] = String(cString: path) }
        var worker = HarnessInvocation(
            executable: "/proc/self/exe", arguments: ["worker", "case", order.text], environment: environment,
            outputPath: base + ".result", errorPath: base + ".error", limit: limit + 30)
        worker.hasOwnSession = true
        worker.isInterruptible = false
        var result = CaseResult(caseName: test.name, runtime: runtime.label, verdict: .failed)
        do throws(CaseError) {
            let ending = try await worker.run()
            let output = readText(base + ".result") ?? ""
            if let line = output.split(separator: "\n").last, let json = try? JSONValue(parsing: String(line)),
                let found = CaseResult(json: json)
            {
                result = found
            } else {
                let error = readText(base + ".error") ?? ""
                result.messages = ["case: its process ended with status \(ending.status): \(error)"]
            }
        } catch {
            result.messages = ["case: \(error)"]
        }
        if keepsScratch {
            if result.verdict == .failed { result.transcript.append("# kept in \(scratch)") }
            return result
        }
        for path in [base + ".result", base + ".error", scratch] {
            do throws(CaseError) { try removeTree(path) } catch {
                result.messages.append("clean up: \(error)")
                result.verdict = .failed
            }
        }
        return result
    }
}

extension Worker {
    /// Prepares this process for a case: it enters a mount namespace of its own.
    ///
    /// The process must still have only one thread, because unshare(2) affects only the calling thread.
    package static func enter(order text: String) throws(CaseError) -> CaseRequest {
        Interruption.catchSignalOfWorker()
        let order = try JSONValue(caseText: text)
        func string(_ key: String) -> String { order[key]?.string ?? "" }
        let test = try CaseDirectory(name: string("name"), path: string("directory")).load()
        if geteuid() == 0 {
            let network: UInt64 = test.isolatesNetwork ? 0x4000_0000 : 0
            try check(clinux_unshare(0x0002_0000 | network), "leave the host's mount namespace")
            try check(clinux_mount(nil, "/", nil, 1 << 18 | 1 << 14, nil), "make mounts private")  // MS_PRIVATE, MS_REC
            if order["hide"] == .bool(true), exists("/sys/fs/cgroup/unified") {
                try check(clinux_umount2("/sys/fs/cgroup/unified", 2), "hide /sys/fs/cgroup/unified")  // MNT_DETACH
            }
        }
        try check(clinux_prctl(36, 1, 0, 0, 0), "become a subreaper")  // PR_SET_CHILD_SUBREAPER
        umask(0o022)
        let identity = RuntimeIdentity(
            name: string("runtime"), version: order["version"]?.array?.compactMap(\.integer) ?? [])
        let runtime = TestedRuntime(
            label: string("label"), executable: string("executable"),
            flags: order["flags"]?.array?.compactMap(\.string) ?? [], identity: identity)
        return CaseRequest(
            test: test, runtime: runtime, scratch: string("scratch"), token: string("token"),
            programs: Programs(witness: FilePath(string("witness")), busybox: FilePath(string("busybox"))),
            timeLimit: order["limit"]?.number ?? 30)
    }
}
