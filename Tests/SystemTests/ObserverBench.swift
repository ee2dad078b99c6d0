// A container's whole life under the observer, with hostile witnesses inside and beside it.

import Foundation
import Kernel
import OCISpec
import SystemPackage
import Testing

/// A kind of container, and the positions of the witnesses.
struct ObservedKind: Sendable, CustomTestStringConvertible {
    var name: String
    /// The namespaces of the pod that the container joins.
    var joined: [String] = []
    /// Changes of the config, for the pod and the container.
    var pod: (@Sendable (inout Spec) -> Void)?
    var change: @Sendable (inout Spec) -> Void = { _ in }
    /// Whether the pod's root may trace processes in the host's user namespace.
    var podMayTrace = false
    /// The kinds of hooks.
    var hooks: [String] = []
    var hasTerminal = false
    /// Whether it has a seccomp filter.
    var isFiltered = false
    var notifies = false
    /// Whether the host's mounts are shared, as with systemd.
    var isHostShared = false

    var testDescription: String { name }
}

/// The result of one command.
struct Observation: Sendable {
    var calls = 0
    var checks = 0
    var violations: [String] = []
}

final class ObserverBench: Sendable {
    let kind: ObservedKind
    let sandbox: Sandbox
    let pod: Sandbox?
    /// Concurrent commands run at every n-th entry into a call.
    static let every = FaultBench.isObservedThoroughly ? 1 : 12

    /// The program of a container that stays; it reports readiness if a socket for that exists.
    static let program = ["/bin/sh", "-c", "test -z $NOTIFY_SOCKET || witness send $NOTIFY_SOCKET READY=1; sleep 1000"]

    var secret: String { sandbox.directory + "/secret" }
    private var log: String { sandbox.directory + "/hooks.log" }

    init(_ kind: ObservedKind, _ sandbox: Sandbox, _ pod: Sandbox?) async throws {
        self.kind = kind
        self.sandbox = sandbox
        self.pod = pod
        try sandbox.write(secret, "secret-of-\(sandbox.id)")
        let mounts = [Mount(destination: "/tmp/added", type: "tmpfs", source: "tmpfs")]
        try sandbox.write(sandbox.directory + "/mounts", String(decoding: mounts.json(), as: UTF8.self))
        for place in [sandbox, pod].compactMap({ $0 }) { chmod(place.rootfs + "/tmp", 0o1777) }
        guard let pod else { return }
        try pod.configure("/bin/witness", "hostile", "/tmp/hostile.sock") { spec in
            spec.process?.args = ["/bin/witness", "hostile", "/tmp/hostile.sock"]
            spec.root?.readonly = false
            kind.pod?(&spec)
        }
        let outcome = try await pod.startDetached()
        try #require(outcome.status == 0, "\(outcome.errors)")
        try await eventually("the pod listens") { FileManager.default.fileExists(atPath: self.podSocket(pod)) }
    }

    private func podSocket(_ pod: Sandbox) -> String { pod.rootfs + "/tmp/hostile.sock" }

    /// Writes the config of the observed container.
    func configure(_ program: [String]) async throws {
        let owner = try await pod?.field("pid") as? Int
        try sandbox.write(log, "")
        try sandbox.configure { spec in
            spec.process?.args = program
            spec.root?.readonly = false
            for type in kind.joined {
                spec.linux?.namespaces.removeAll { $0.type == type }
                let file = type == "mount" ? "mnt" : type
                spec.linux?.namespaces.append(LinuxNamespace(type: type, path: "/proc/\(owner ?? 0)/ns/\(file)"))
            }
            spec.process?.terminal = kind.hasTerminal
            let script = "sleep 0.02; echo done >>'\(log)'"
            let hook = Hook(path: "/bin/sh", args: ["sh", "-c", script])
            let inside = Hook(path: "/bin/sh", args: ["sh", "-c", "sleep 0.02"])
            let has = { (name: String, hook: Hook) in self.kind.hooks.contains(name) ? [hook] : [] }
            if !kind.hooks.isEmpty {
                spec.hooks = Hooks(
                    prestart: has("prestart", hook), createRuntime: has("createRuntime", hook),
                    createContainer: has("createContainer", hook), startContainer: has("startContainer", inside),
                    poststart: has("poststart", hook), poststop: has("poststop", hook))
            }
            kind.change(&spec)
        }
    }

    /// Executes a witness in the container.
    func enter(_ name: String, _ options: String...) async throws -> String {
        let socket = "/tmp/\(name).sock"
        var words = ["exec", "--detach"] + options + [sandbox.id, "/bin/witness", "hostile", socket]
        words = words.map { "'\($0)'" }
        let outcome = try await shell(
            "'\(sandbox.runtime.path)' --root '\(sandbox.state)' \(words.joined(separator: " ")) </dev/null >/dev/null 2>&1"
        )
        try #require(outcome.status == 0, "\(kind.name): exec of the witness")
        let path = sandbox.rootfs + socket
        try await eventually("the witness listens") { FileManager.default.fileExists(atPath: path) }
        return name + ":" + path
    }

    /// Runs a command under the observer.
    /// - Parameters:
    ///   - peers: witnesses in addition to the pod's.
    ///   - follows: whether the waiting init is observed too.
    func observe(
        _ command: [String], peers: [String] = [], follows: Bool = false, isMade: Bool = true
    ) async throws -> Observation {
        let place = sandbox.directory
        let runtime = "\(sandbox.runtime.path) --root \(sandbox.state)"
        var keys = ["id=\(sandbox.id)", "runtime=\(runtime)", "secret=\(secret)", "hook-log=\(log)"]
        let early = ["prestart", "createRuntime", "createContainer"]
        // docs/security-model.md, "Processes": what no runtime can keep from those with the right to trace.
        let keepsRights = kind.hasTerminal || kind.isFiltered
        keys.append("spares-stronger=\(!isMade || keepsRights && command[0] == "exec")")
        keys += ["hooks=\(kind.hooks.count { early.contains($0) })", "every=\(Self.every)", "made=\(isMade)"]
        if let pod { keys.append("peer=pod\(kind.podMayTrace ? "+" : ""):\(podSocket(pod))") }
        keys += peers.map { "peer=" + $0 }
        if follows, let pid = try await sandbox.field("pid") as? Int { keys.append("follow=\(pid)") }
        let options = ["--observe"] + keys + ["-", "--seconds", "300", "--report", place + "/report"]
        let words = (options + [sandbox.runtime.path, "--root", sandbox.state] + command).map { "'\($0)'" }
        let outcome = try await shell(
            """
            \(environment) exec \(kind.isHostShared ? "unshare --mount --propagation shared" : "") \
            '\(FaultBench.injector)' \(words.joined(separator: " ")) </dev/null >'\(place)/out' 2>'\(place)/errors'
            """, in: sandbox.bundle)
        let errors = try String(contentsOfFile: place + "/errors", encoding: .utf8)
        #expect(outcome.status == 0, "\(kind.name), \(command): \(outcome.status) \(errors)")
        return Self.read(try String(contentsOfFile: place + "/report", encoding: .utf8))
    }

    private var environment: String {
        "ENGINE_SECRET='secret-of-\(sandbox.id)'" + (kind.notifies ? " NOTIFY_SOCKET='\(sandbox.directory)/n'" : "")
    }

    private static func read(_ report: String) -> Observation {
        var result = Observation()
        for line in report.split(separator: "\n") {
            if line.hasPrefix("violation: ") { result.violations.append(String(line.dropFirst(11))) }
            guard line.hasPrefix("observer: ") else { continue }
            let numbers = line.split(separator: " ").compactMap { Int($0) }
            if numbers.count == 3 { (result.calls, result.checks) = (numbers[0], numbers[1]) }
        }
        return result
    }
}

extension FaultBench {
    /// Whether other commands run at every call, as in manual runs.
    static let isObservedThoroughly = ProcessInfo.processInfo.environment["SWIFTRUN_OBSERVE"] == "all"
}
