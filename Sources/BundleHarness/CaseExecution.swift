// Runs one case on one runtime, in a process of its own.

internal import CLinux
internal import Glibc
internal import SystemPackage

/// The input of the process that runs a case.
package struct CaseRequest: Sendable {
    package var test: Case
    package var runtime: TestedRuntime
    /// A directory that only this run uses.
    package var scratch: String
    /// A word that no other run on this machine uses; container ids and cgroups contain it.
    package var token: String
    package var programs: Programs
    package var timeLimit: Double

    package init(
        test: Case, runtime: TestedRuntime, scratch: String, token: String, programs: Programs, timeLimit: Double
    ) {
        self.test = test
        self.runtime = runtime
        self.scratch = scratch
        self.token = token
        self.programs = programs
        self.timeLimit = timeLimit
    }
}

/// A running case.
///
/// It must be the only task of its process, which is a subreaper and reaps all orphans.
package final class CaseExecution {
    let request: CaseRequest
    let test: Case
    let scratch: String
    let rootDirectory: String
    let deadline: ContinuousClock.Instant
    var complaints: [String] = []
    var transcript: [String] = []
    /// The containers that exist, according to the steps that succeeded.
    var live: Set<String> = []
    var written: Set<String> = []
    let reaper = OrphanReaper()
    var observations: [String: JSONValue] = [:]
    var background: [Task<Void, Never>] = []
    var stepNumber = 0
    /// Whether a command was killed because its time was over: what it leaves then is no fault of the runtime's.
    var wasCutOff = false

    package init(_ request: CaseRequest) {
        self.request = request
        test = request.test
        scratch = request.scratch
        rootDirectory = request.scratch + "/root"
        deadline = .now + .seconds(request.timeLimit)
    }

    /// Runs the case and removes its containers and files.
    package func run() async -> CaseResult {
        let start = ContinuousClock.now
        var result = CaseResult(caseName: test.name, runtime: request.runtime.label, verdict: .passed)
        let missing = test.requirements.compactMap { $0.whatIsMissing(of: request.runtime) }
        if !missing.isEmpty {
            result.verdict = .skipped
            result.messages = missing
            return result
        }
        let reaping = Task { [reaper] in await reaper.run() }
        let before = HostTrace(ids: ids, parents: cgroupParents, root: rootDirectory)
        do throws(CaseError) {
            try await prepare()
            for step in test.steps {
                guard try await perform(step) else { break }
            }
        } catch {
            complaints.append("case: \(error)")
        }
        await finish(before)
        reaping.cancel()
        let taken = ContinuousClock.now - start
        result.seconds = Double(taken.components.seconds) + Double(taken.components.attoseconds) / 1e18
        result.messages = complaints
        result.transcript = complaints.isEmpty ? [] : transcript
        result.verdict = complaints.isEmpty ? .passed : .failed
        if let difference = test.knownDifference(of: request.runtime.identity) {
            result.reason = difference.reason
            if result.verdict == .failed { result.verdict = .known }
        }
        return result
    }

    // MARK: names

    func id(_ container: String) -> String { "\(request.token)-\(container)" }
    var ids: [String] { test.containers.keys.sorted().map(id) }
    func bundle(_ container: String) -> String { "\(scratch)/bundles/\(container)" }
    /// The path of the container's cgroup below the hierarchies' mount points.
    func cgroup(_ container: String) -> String {
        request.runtime.asksSystemd
            ? "/\(HostTrace.slice)/\(id(container)).scope" : "/bundle-harness/\(request.token)/\(container)"
    }
    /// The same as a value of `linux.cgroupsPath`.
    private func cgroupsPath(_ container: String) -> String {
        request.runtime.asksSystemd ? "\(HostTrace.slice):\(request.token):\(container)" : cgroup(container)
    }
    var cgroupParents: [String] { ["/bundle-harness/\(request.token)"] }
    func pidFile(_ container: String) -> String { "\(scratch)/\(container).pid" }
    func outputFile(_ container: String) -> String { "\(scratch)/output/\(container).out" }
    func errorFile(_ container: String) -> String { "\(scratch)/output/\(container).err" }
    func pid(_ container: String) -> Int? { readText(pidFile(container)).flatMap { Int($0) } }

    var secondsLeft: Double {
        let left = deadline - .now
        return max(0.1, Double(left.components.seconds) + Double(left.components.attoseconds) / 1e18)
    }

    var placeholders: Placeholders {
        // A step that refers to a bundle needs the complete bundle.
        Placeholders { [unowned self] name, argument throws(CaseError) in
            let container = argument.isEmpty ? Case.mainContainer : argument
            switch name {
            case "id": return id(container)
            case "bundle":
                try writeConfiguration(container)
                return bundle(container)
            case "cgroup": return cgroup(container)
            case "root": return rootDirectory
            case "scratch": return scratch
            case "runtime": return request.runtime.executable
            default:
                guard let pid = pid(container) else { throw CaseError("${pid:\(container)}: it has not been created") }
                return String(pid)
            }
        }
    }

    // MARK: bundles

    private func prepare() async throws(CaseError) {
        for directory in [scratch, rootDirectory, scratch + "/output"] { try makeDirectories(directory) }
        // Cases compare the container with the host.
        let topics = ["namespaces", "host", "user", "limits", "scheduling", "network", "cgroups", "clocks", "security"]
        observations["host"] = try? JSONValue(parsing: await capture(request.programs.witness.string, topics))
        try test.host.make(below: scratch, programs: request.programs, placeholders)
        for (name, recipe) in test.containers {
            try makeDirectories(bundle(name))
            guard recipe.hasRootfs else { continue }
            let rootfs = bundle(name) + "/rootfs"
            if let copied = recipe.copiedRootfs {
                _ = try await capture("/bin/cp", ["-a", copied.string, rootfs])
            } else {
                try makeDirectories(rootfs)
                try makeRootfs(at: rootfs, programs: request.programs)
            }
            try recipe.rootfs.make(below: rootfs, programs: request.programs, placeholders)
        }
        if let user = test.steps.compactMap(\.user).first { try give(scratch, to: user) }
    }

    /// The configuration is written before the first use of the container, because it may contain the pid of another
    /// one.
    func writeConfiguration(_ name: String) throws(CaseError) {
        guard written.insert(name).inserted, let recipe = test.containers[name] else { return }
        let path = bundle(name) + "/config.json"
        if let text = recipe.text {
            if !text.isEmpty { try writeNew(path, text, mode: 0o644) }
            return
        }
        var configuration = try recipe.overlay.applied(to: recipe.base)
        let isOwnPath =
            recipe.overlay.patch["linux"]?["cgroupsPath"] != nil || recipe.base["linux"]?["cgroupsPath"] != nil
        if !isOwnPath, configuration["linux"]?.object != nil {
            let patch: JSONValue = ["linux": ["cgroupsPath": .string(cgroupsPath(name))]]
            configuration = try Overlay(patch).applied(to: configuration)
        }
        try writeNew(path, try placeholders.expand(configuration).prettyText + "\n", mode: 0o644)
    }

    private func give(_ path: String, to user: Int) throws(CaseError) {
        var facts = stat()
        try check(lstat(path, &facts), "look at \(path)")
        let isShared = facts.st_mode & S_IFMT == S_IFREG && facts.st_nlink > 1
        if !isShared { try check(lchown(path, uid_t(user), gid_t(user)), "change the owner of \(path)") }
        guard facts.st_mode & S_IFMT == S_IFDIR else { return }
        for name in listDirectory(path) { try give(path + "/" + name, to: user) }
    }
}
