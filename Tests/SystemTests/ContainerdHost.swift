// A containerd of Debian, started by a test in a private mount namespace with directories of its own.

import Foundation
import Glibc
import Subprocess
import SystemPackage
import Testing

/// A shim and its runtime.
struct ContainerdStack: Sendable, CustomTestStringConvertible {
    let shim: String
    let runtime: String

    var testDescription: String { "\(shim) with \(runtime)" }
    var isOurShim: Bool { shim == "swift-shim" }

    /// Our programs, combinations of one of ours with one of others, and only others', which reveal a wrong
    /// expectation.
    static let all = [
        ContainerdStack(shim: "swift-shim", runtime: "swiftrun"), ContainerdStack(shim: "swift-shim", runtime: "runc"),
        ContainerdStack(shim: "containerd's shim", runtime: "swiftrun"),
        ContainerdStack(shim: "containerd's shim", runtime: "runc"),
    ]
    static let ours = [all[0], all[1]]
}

/// The status of a command and its output.
struct ContainerdOutcome: Sendable {
    var status: Int
    var output: String
    var errors: String

    var lines: [String] { output.split(separator: "\n").map(String.init) }
}

/// One running containerd.
final class ContainerdHost: @unchecked Sendable {
    // Used by one test. Only `start` and `crash` change `daemon` and `keeper`, and no other step runs at that time.
    static let image = "docker.io/library/bb:latest"

    let stack: ContainerdStack
    let directory: String
    /// containerd's namespace; its name is part of paths that all containerds of a host share.
    let namespace: String
    private var daemon: pid_t = 0

    static let checkout = #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 }

    /// The reason why these tests cannot run here; nil if they can.
    static var missing: String? {
        let needed = ["/usr/bin/containerd", "/usr/bin/ctr", "/bin/busybox", "/usr/sbin/runc"]
        let built = ["swift-shim", "swiftrun"].map { checkout + "/.build/dist/" + $0 }
        if geteuid() != 0 { return "needs root" }
        return (needed + built).first { access($0, X_OK) != 0 }.map { "\($0) is not there" }
    }

    private init(_ stack: ContainerdStack) throws {
        self.stack = stack
        namespace = "t" + UUID().uuidString.prefix(8).lowercased()
        directory = "/tmp/ctd-" + namespace
        let files = FileManager.default
        try files.createDirectory(atPath: directory + "/bin", withIntermediateDirectories: true)
        let built = Self.checkout + "/.build/dist/"
        try files.createSymbolicLink(
            atPath: directory + "/bin/containerd-shim-swiftrun-v2", withDestinationPath: built + "swift-shim")
        try files.createSymbolicLink(atPath: directory + "/bin/swiftrun", withDestinationPath: built + "swiftrun")
        try write("options.toml", "BinaryName = \"\(runtimePath)\"\nRoot = \"\(directory)/runtime\"\n")
        try write(
            "config.toml",
            """
            version = 2
            root = "\(directory)/root"
            state = "\(directory)/state"
            disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
            [grpc]
            address = "\(directory)/sock"
            """)
    }

    private var runtimePath: String {
        stack.runtime == "swiftrun" ? Self.checkout + "/.build/dist/swiftrun" : "/usr/sbin/runc"
    }

    func write(_ name: String, _ text: String) throws {
        try text.write(toFile: directory + "/" + name, atomically: false, encoding: .utf8)
    }

    func read(_ name: String) -> String {
        (try? String(contentsOfFile: directory + "/" + name, encoding: .utf8)) ?? ""
    }

    // MARK: the daemon

    /// Starts containerd and waits until it answers.
    func start() async throws {
        try FileManager.default.createDirectory(atPath: directory + "/root", withIntermediateDirectories: true)
        // The `keeper` process keeps the namespace for a second start.
        if keeper == 0 {
            keeper = try spawn(
                "/usr/bin/unshare", ["-m", "/bin/sh", "-c", "mount -t tmpfs none \(directory)/root && exec sleep 1000"])
            try await eventually("the namespace of the first process") {
                (try? String(contentsOfFile: "/proc/\(keeper)/comm", encoding: .utf8)) == "sleep\n"
            }
        }
        daemon = try spawn(
            "/usr/bin/nsenter", ["-t", "\(keeper)", "-m", "/usr/bin/containerd", "-c", directory + "/config.toml"])
        try await eventually("containerd answers: \(read("log").suffix(400))") {
            try await ctr("version").status == 0
        }
    }

    private var keeper: pid_t = 0

    /// Kills containerd, like a crash.
    func crash() {
        kill(daemon, SIGKILL)
        var status: Int32 = 0
        waitpid(daemon, &status, 0)
        daemon = 0
    }

    private func spawn(_ path: String, _ arguments: [String]) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, directory + "/log", O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        let variables = ["PATH=\(directory)/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
        var words = ([path] + arguments).map { text in strdup(text) as UnsafeMutablePointer<CChar>? } + [nil]
        var environment = variables.map { text in strdup(text) as UnsafeMutablePointer<CChar>? } + [nil]
        defer { for word in words + environment { free(word) } }
        var process: pid_t = 0
        let code = posix_spawn(&process, path, &actions, nil, &words, &environment)
        if code != 0 { throw Errno(rawValue: code) }
        return process
    }

    // MARK: commands

    /// The options of `ctr run` that select this stack.
    var runtime: [String] {
        stack.isOurShim
            ? ["--runtime", "io.containerd.swiftrun.v2", "--runtime-config-path", directory + "/options.toml"]
            : [
                "--runtime", "io.containerd.runc.v2", "--runc-binary", runtimePath, "--runc-root",
                directory + "/runtime",
            ]
    }

    @discardableResult
    func ctr(_ arguments: String...) async throws -> ContainerdOutcome {
        try await ctr(arguments)
    }

    func ctr(_ arguments: [String]) async throws -> ContainerdOutcome {
        try await host(["/usr/bin/ctr", "-a", directory + "/sock", "-n", namespace] + arguments)
    }

    /// Runs a program in containerd's mount namespace, because ctr itself mounts images.
    func host(_ command: [String]) async throws -> ContainerdOutcome {
        let result = try await Subprocess.run(
            .path("/usr/bin/nsenter"), arguments: Arguments(["-t", "\(keeper)", "-m"] + command), input: .none,
            output: .string(limit: 8 << 20), error: .string(limit: 1 << 20))
        let status: Int
        switch result.terminationStatus {
        case .exited(let code): status = Int(code)
        case .signaled(let signal): status = 128 + Int(signal)
        }
        return ContainerdOutcome(status: status, output: result.standardOutput, errors: result.standardError)
    }

    /// Runs a container in the foreground.
    func run(_ id: String, _ command: String, _ options: [String] = []) async throws -> ContainerdOutcome {
        // ctr loses output of a container that ends before ctr has opened the streams, with any shim.
        let patient = "trap 'sleep 0.2' EXIT; " + command
        return try await ctr(["run", "--rm"] + runtime + options + [Self.image, id, "/bin/sh", "-c", patient])
    }

    /// Runs a container in the background, without streams.
    @discardableResult
    func detach(_ id: String, _ command: String, _ options: [String] = ["--null-io"]) async throws -> ContainerdOutcome
    {
        try await ctr(["run", "-d"] + runtime + options + [Self.image, id, "/bin/sh", "-c", command])
    }

    /// A container's pid and status, as `ctr task ls` prints them.
    func task(_ id: String) async throws -> (process: pid_t, status: String)? {
        for line in try await ctr("task", "ls").lines {
            let words = line.split(separator: " ")
            if words.count == 3, words[0] == id, let process = pid_t(words[1]) { return (process, String(words[2])) }
        }
        return nil
    }

    /// Waits for a status.
    func wait(for status: String, of id: String) async throws {
        try await eventually("\(stack.testDescription): \(id) is \(status)") { try await task(id)?.status == status }
    }

    /// Kills a container and removes everything of it.
    func discard(_ id: String) async throws {
        try await ctr("task", "kill", "-s", "SIGKILL", id)
        try await wait(for: "STOPPED", of: id)
        try await ctr("task", "rm", id)
        try await ctr("container", "rm", id)
    }

    /// The pid of the shim of a container.
    func shim(of id: String) async throws -> pid_t {
        let process = try #require(try await task(id)?.process)
        let status = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("PPid:") })
        return try #require(pid_t(line.dropFirst(5).trimmingCharacters(in: .whitespaces)))
    }

    /// Without the events that the shim may lose: the one of containerd 2 ends before its last event is sent, under any
    /// runtime.
    func reliable(_ events: [String]) async throws -> [String] {
        guard !stack.isOurShim, try await host(["containerd", "--version"]).output.contains("containerd/v2") else {
            return events
        }
        return events.filter { $0 != "delete" }
    }

    /// All events so far: topic, and the ids in the message.
    func events(while body: () async throws -> Void) async throws -> [String] {
        let listener = try spawn(
            "/bin/sh", ["-c", "exec /usr/bin/ctr -a \(directory)/sock -n \(namespace) events > \(directory)/events"])
        try await eventually("ctr hears of events") {
            // The only sign that the listener is ready is an event: this label causes one.
            try await ctr("namespaces", "label", namespace, "listens=yes")
            return read("events").contains("/namespaces/update")
        }
        try await body()
        // Shims send the exit event after they have answered their caller.
        var before = ""
        repeat {
            before = read("events")
            try await Task.sleep(for: .milliseconds(500))
        } while read("events") != before
        kill(listener, SIGTERM)
        var status: Int32 = 0
        waitpid(listener, &status, 0)
        return read("events").split(separator: "\n").compactMap { line in
            guard let start = line.firstRange(of: "/tasks/") else { return nil }
            return line[start.upperBound...].split(separator: " ").first.map(String.init)
        }
    }

    // MARK: the end

    /// Whether a process exists and is not a zombie.
    static func isAlive(_ process: pid_t) -> Bool {
        guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8) else { return false }
        return !text.contains(") Z ")
    }

    /// Traces of containers: bundles, mounts, shims and cgroups.
    func leftovers() -> [String] {
        let files = FileManager.default
        let bundles = directory + "/state/io.containerd.runtime.v2.task/" + namespace
        var left = ((try? files.contentsOfDirectory(atPath: bundles)) ?? []).map { "bundle " + $0 }
        let mounts = (try? String(contentsOfFile: "/proc/\(keeper)/mountinfo", encoding: .utf8)) ?? ""
        left += mounts.split(separator: "\n").filter { $0.contains(bundles) }.map { "mount " + $0 }
        left += shims().map { "shim \($0)" }
        for controller in (try? files.contentsOfDirectory(atPath: "/sys/fs/cgroup")) ?? [] {
            let cgroups = try? files.contentsOfDirectory(atPath: "/sys/fs/cgroup/\(controller)/\(namespace)")
            left += (cgroups ?? []).filter {
                files.fileExists(atPath: "/sys/fs/cgroup/\(controller)/\(namespace)/\($0)/tasks")
            }
            .map { "cgroup \(controller) \($0)" }
        }
        return left
    }

    /// The shim processes of this containerd.
    private func shims() -> [pid_t] {
        ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { name in
            guard let process = pid_t(name),
                let words = try? String(contentsOfFile: "/proc/\(process)/cmdline", encoding: .utf8)
            else { return nil }
            return words.contains("shim") && words.contains(directory + "/sock") ? process : nil
        }
    }

    private func end() async {
        for line in (try? await ctr("task", "ls", "-q"))?.lines ?? [] { try? await discard(line) }
        for process in shims() { kill(process, SIGKILL) }
        var status: Int32 = 0
        for process in [daemon, keeper] where process > 0 {
            kill(process, SIGKILL)
            waitpid(process, &status, 0)
        }
        for controller in (try? FileManager.default.contentsOfDirectory(atPath: "/sys/fs/cgroup")) ?? [] {
            rmdir("/sys/fs/cgroup/\(controller)/\(namespace)")
        }
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// Starts a containerd with an image for one test, and checks for traces at the end.
    static func with(
        _ stack: ContainerdStack, sourceLocation: SourceLocation = #_sourceLocation,
        _ body: (ContainerdHost) async throws -> Void
    ) async throws {
        let host = try ContainerdHost(stack)
        do {
            try await host.start()
            let archive = try await ContainerdImage.shared.archive()
            let imported = try await host.ctr("image", "import", archive)
            try #require(imported.status == 0, "\(imported.errors)")
            try await body(host)
            // containerd removes bundles after it has answered.
            try await eventually("nothing is left: \(host.leftovers())", sourceLocation: sourceLocation) {
                host.leftovers().isEmpty
            }
        } catch {
            await host.end()
            throw error
        }
        await host.end()
    }
}
