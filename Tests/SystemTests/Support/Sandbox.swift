// The environment of one test: a bundle, a state directory, and a check for traces at the end.

import Foundation
import Kernel
import OCISpec
import Testing

/// A bundle and a runtime for a test. If anything is left at the end, the test fails.
final class Sandbox: Sendable {
    let runtime: RuntimeUnderTest
    let directory: String
    let id: String
    var bundle: String { directory + "/bundle" }
    var rootfs: String { bundle + "/rootfs" }
    var state: String { directory + "/state" }
    var cgroup: String { "/swiftrun-tests/" + id }

    init(_ runtime: RuntimeUnderTest) throws {
        self.runtime = runtime
        id = "t" + UUID().uuidString.prefix(12).lowercased()
        directory = (ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp") + "/swiftrun-tests-" + id
        for path in ["bin", "etc", "proc", "sys", "dev", "tmp", "root"] {
            try FileManager.default.createDirectory(atPath: rootfs + "/" + path, withIntermediateDirectories: true)
        }
        try FileManager.default.copyItem(atPath: "/bin/busybox", toPath: rootfs + "/bin/busybox")
        try FileManager.default.copyItem(
            atPath: RuntimeUnderTest.checkout + "/.build/dist/witness", toPath: rootfs + "/bin/witness")
        for name in Self.applets {
            try FileManager.default.createSymbolicLink(atPath: rootfs + "/bin/" + name, withDestinationPath: "busybox")
        }
        try write(rootfs + "/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n")
    }

    static let applets = [
        "sh", "ls", "cat", "echo", "true", "false", "sleep", "ps", "id", "mount", "env", "hostname", "stat", "grep",
        "head", "wc", "ip", "ulimit", "umask", "touch", "mkdir", "stty", "test", "tty", "kill", "readlink", "pwd",
        "domainname", "sed", "tail", "dd", "nproc", "chmod", "seq", "mknod",
    ]

    func write(_ path: String, _ text: String) throws {
        try text.write(toFile: path, atomically: false, encoding: .utf8)
    }

    /// The default config with a program, no terminal, and a cgroup of the tests.
    func spec(_ arguments: String..., change: (inout Spec) -> Void = { _ in }) -> Spec {
        var spec = Spec.defaultConfig(cgroupNamespace: false)
        spec.process?.terminal = false
        spec.process?.args = arguments
        spec.linux?.cgroupsPath = cgroup
        change(&spec)
        return spec
    }

    /// Writes the bundle's config.
    func configure(_ arguments: String..., change: (inout Spec) -> Void = { _ in }) throws {
        var made = spec(change: change)
        if made.process?.args.isEmpty ?? false { made.process?.args = arguments }
        try write(bundle + "/config.json", String(decoding: made.json(indent: "\t"), as: UTF8.self))
    }

    /// Calls the runtime.
    @discardableResult
    func call(_ arguments: String..., input: String = "", global: [String] = []) async throws -> Outcome {
        try await execute(
            runtime.path, ["--root", state] + global + arguments, in: bundle, input: input)
    }

    /// Runs the configured container in the foreground.
    func run(_ options: String..., input: String = "") async throws -> Outcome {
        try await execute(runtime.path, ["--root", state, "run"] + options + [id], in: bundle, input: input)
    }

    /// Configures a program and runs it.
    func run(program arguments: [String], change: (inout Spec) -> Void = { _ in }) async throws -> Outcome {
        try configure { spec in
            spec.process?.args = arguments
            change(&spec)
        }
        return try await run()
    }

    /// Starts a detached container without inherited streams, which it could hold open.
    func startDetached() async throws -> Outcome {
        try await detached("run", "--detach", id)
    }

    /// Calls the runtime with the null device as its streams; otherwise a container would keep the test's pipes open.
    func detached(_ arguments: String...) async throws -> Outcome {
        let words = (["--root", state] + arguments).map { "'\($0)'" }.joined(separator: " ")
        return try await shell(
            "'\(runtime.path)' \(words) </dev/null >/dev/null 2>'\(directory)/errors'; s=$?; cat '\(directory)/errors' >&2; exit $s",
            in: bundle)
    }

    /// The status that `state` reports.
    func status() async throws -> String? { try await field("status") as? String }

    /// A field of the state.
    func field(_ name: String) async throws -> Any? {
        let outcome = try await call("state", id)
        let object = try? JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any]
        return object?[name]
    }

    /// Waits until the container has a status.
    func wait(for wanted: String) async throws {
        try await eventually("\(runtime.name): the container is \(wanted)") { try await status() == wanted }
    }

    /// Ends the test and checks for traces on the host.
    func finish(sourceLocation: SourceLocation = #_sourceLocation) async throws {
        // Other runtimes' traces are ignored; only their behaviour is tested.
        if runtime.isOurs {
            let left = try await leftovers()
            #expect(left == [], "\(runtime.name) left something behind", sourceLocation: sourceLocation)
        }
        _ = try await call("delete", "--force", id)
        try await remove()
    }

    /// Traces of the container: state, cgroups, mounts, processes.
    func leftovers() async throws -> [String] {
        let known = [".seccomp-filters"]
        var left = ((try? FileManager.default.contentsOfDirectory(atPath: state)) ?? []).filter { !known.contains($0) }
            .map { "state " + $0 }
        left += try await shell("find /sys/fs/cgroup -type d -name '\(id)'").lines.map { "cgroup " + $0 }
        left += try String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8).split(separator: "\n")
            .filter { $0.contains(directory) }.map { "mount " + $0 }
        left += processes().map { "process \($0)" }
        return left
    }

    /// The processes in the container's cgroup, and those whose root is its rootfs.
    func processes() -> [String] {
        let files = FileManager.default
        return ((try? files.contentsOfDirectory(atPath: "/proc")) ?? []).filter { pid in
            // A zombie is not a trace: its new parent will reap it.
            guard let number = Int32(pid), let facts = try? processStat(number), !facts.hasEnded else { return false }
            let cgroups = (try? String(contentsOfFile: "/proc/\(pid)/cgroup", encoding: .utf8)) ?? ""
            let root = (try? files.destinationOfSymbolicLink(atPath: "/proc/\(pid)/root")) ?? ""
            return cgroups.contains(id) || root.hasPrefix(directory)
        }
    }

    func remove() async throws {
        _ = try await shell(
            """
            rm -rf '\(directory)'
            find /sys/fs/cgroup -depth -type d -name '\(id)' -exec rmdir {} + 2>/dev/null
            rmdir /sys/fs/cgroup/*/swiftrun-tests 2>/dev/null
            """)
    }
}

/// Runs a test in a sandbox and checks for traces.
func withSandbox(
    _ runtime: RuntimeUnderTest, sourceLocation: SourceLocation = #_sourceLocation,
    _ body: (Sandbox) async throws -> Void
) async throws {
    let sandbox = try Sandbox(runtime)
    do {
        try await body(sandbox)
    } catch {
        _ = try? await sandbox.call("delete", "--force", sandbox.id)
        try? await sandbox.remove()
        throw error
    }
    try await sandbox.finish(sourceLocation: sourceLocation)
}
