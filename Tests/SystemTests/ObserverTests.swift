// Every command is stopped at every system call of each of its processes, while witnesses in containers and other
// commands check: nothing of the host is accessible, and no container is reported before it is ready.

import Foundation
import Kernel
import OCISpec
import SystemPackage
import Testing

@Suite(.serialized, .enabled(if: geteuid() == 0, "root is needed"))
struct ObserverTests {
    private static func map(_ spec: inout Spec, from host: UInt32) {
        let ids = [LinuxIDMapping(containerID: 0, hostID: host, size: 65536)]
        spec.linux?.namespaces.append(LinuxNamespace(type: "user"))
        spec.linux?.uidMappings = ids
        spec.linux?.gidMappings = ids
    }

    private static func mayTrace(_ spec: inout Spec) {
        spec.process?.capabilities?.bounding?.append("CAP_SYS_PTRACE")
        spec.process?.capabilities?.effective?.append("CAP_SYS_PTRACE")
        spec.process?.capabilities?.permitted?.append("CAP_SYS_PTRACE")
    }

    // A user namespace cannot mount a new procfs of the host's pid namespace.
    private static func seeHost(_ spec: inout Spec) {
        spec.linux?.namespaces.removeAll { $0.type == "pid" }
        seeProc(&spec)
    }

    private static func seeProc(_ spec: inout Spec) {
        spec.mounts.removeAll { $0.destination == "/proc" }
        spec.mounts.insert(Mount(destination: "/proc", type: "bind", source: "/proc", options: ["rbind"]), at: 0)
    }

    private static func filter(_ spec: inout Spec) {
        spec.linux?.seccomp = LinuxSeccomp(
            defaultAction: "SCMP_ACT_ALLOW", syscalls: [LinuxSyscall(names: ["swapon"], action: "SCMP_ACT_ERRNO")])
    }

    static let kinds: [ObservedKind] = [
        ObservedKind(name: "plain"),
        ObservedKind(name: "user namespace", change: { map(&$0, from: 100_000) }),
        ObservedKind(name: "pid namespace joined", joined: ["pid"], pod: { _ in }),
        ObservedKind(
            name: "pid namespace joined, pod may trace", joined: ["pid"], pod: { mayTrace(&$0) }, podMayTrace: true),
        ObservedKind(
            name: "pid namespace joined, user namespace of its own, pod may trace", joined: ["pid"],
            pod: { mayTrace(&$0) },
            change: {
                map(&$0, from: 100_000)
                seeProc(&$0)
            }, podMayTrace: true),
        ObservedKind(
            name: "user and pid namespaces joined, pod may trace its own", joined: ["user", "pid"],
            pod: {
                map(&$0, from: 100_000)
                mayTrace(&$0)
            }),
        ObservedKind(
            name: "user namespace joined, pod sees the host", joined: ["user"],
            pod: {
                map(&$0, from: 100_000)
                mayTrace(&$0)
                seeHost(&$0)
            }),
        ObservedKind(
            name: "user namespace of root's number joined, pod sees the host", joined: ["user"],
            pod: {
                map(&$0, from: 0)
                mayTrace(&$0)
                seeHost(&$0)
            }, change: { seeHost(&$0) }),
        ObservedKind(name: "host's pids", pod: { seeHost(&$0) }, change: { seeHost(&$0) }),
        ObservedKind(
            name: "hooks",
            hooks: ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]),
        ObservedKind(name: "seccomp", joined: ["pid"], pod: { _ in }, change: { filter(&$0) }, isFiltered: true),
        ObservedKind(name: "terminal", joined: ["pid"], pod: { _ in }, hasTerminal: true),
        ObservedKind(name: "NOTIFY_SOCKET", joined: ["pid"], pod: { _ in }, notifies: true),
        ObservedKind(
            name: "slave in a shared host", change: { $0.linux?.rootfsPropagation = "slave" }, isHostShared: true),
        ObservedKind(
            name: "private in a shared host", change: { $0.linux?.rootfsPropagation = "private" }, isHostShared: true),
    ]

    @Test(arguments: kinds)
    func `nothing of the host is accessible, and no container is reported before it is ready`(
        _ kind: ObservedKind
    ) async throws {
        try await withSandbox(.swiftrun) { sandbox in
            guard kind.pod != nil else { return try await walk(ObserverBench(kind, sandbox, nil)) }
            try await withSandbox(.swiftrun) { pod in
                try await walk(ObserverBench(kind, sandbox, pod))
                _ = try await sandbox.call("delete", "--force", sandbox.id)
                _ = try await pod.call("delete", "--force", pod.id)
            }
        }
    }

    private func walk(_ bench: ObserverBench) async throws {
        var table = ObservedTable(kind: bench.kind)
        let (sandbox, id) = (bench.sandbox, bench.sandbox.id)
        let console = sandbox.directory + "/console"
        let listener = try listenSocket(at: console)
        let terminal = bench.kind.hasTerminal ? ["--console-socket", console] : []
        try await bench.configure(ObserverBench.program)
        table.add("create", try await bench.observe(["create"] + terminal + [id], isMade: false))
        if !bench.kind.isHostShared { try await walkInside(bench, &table) }
        _ = try await sandbox.call("delete", "--force", id)
        if !bench.kind.hasTerminal {
            try await bench.configure(["/bin/true"])
            table.add("run", try await bench.observe(["run", id], isMade: false))
        }
        try await bench.configure(ObserverBench.program)
        _ = try await sandbox.detached("create", id)
        table.add("delete --force", try await bench.observe(["delete", "--force", id]))
        _ = consume listener
        table.conclude()
    }

    // Commands on an existing container, in which witnesses run.
    private func walkInside(_ bench: ObserverBench, _ table: inout ObservedTable) async throws {
        let (sandbox, id) = (bench.sandbox, bench.sandbox.id)
        let mounts = sandbox.directory + "/mounts"
        // In its user namespace it may trace the processes there; in the host's, every process that it sees.
        let isHostUser = bench.kind.joined.contains("user") || bench.kind.name == "user namespace" ? "" : "+"
        var peers = [try await bench.enter("sibling")]
        // With the host's pids it has the rights of the host's root.
        if bench.kind.name != "host's pids" {
            peers.append(try await bench.enter("tracer" + isHostUser, "--cap", "CAP_SYS_PTRACE"))
        }
        table.add("exec before start", try await bench.observe(["exec", id, "/bin/true"], peers: peers, follows: true))
        table.add("mounts add", try await bench.observe(["mounts", "add", id, mounts], peers: peers, follows: true))
        table.add("start", try await bench.observe(["start", id], peers: peers, follows: true))
        for (name, command) in [
            ("exec", ["exec", id, "/bin/true"]), ("mounts remove", ["mounts", "remove", id, mounts]),
            ("update", ["update", "--pids-limit", "500", id]), ("ps", ["ps", id]),
        ] {
            table.add(name, try await bench.observe(command, peers: peers))
        }
        // A frozen witness does not respond, and neither does a killed one.
        for (name, command) in [
            ("pause", ["pause", id]), ("resume", ["resume", id]), ("kill", ["kill", id, "KILL"]),
        ] {
            table.add(name, try await bench.observe(command))
        }
        try await sandbox.wait(for: "stopped")
        table.add("delete", try await bench.observe(["delete", id]))
    }
}

/// The results for one kind of container.
private struct ObservedTable {
    let kind: ObservedKind
    private var sum = Observation()

    init(kind: ObservedKind) { self.kind = kind }

    mutating func add(_ command: String, _ seen: Observation) {
        sum.calls += seen.calls
        sum.checks += seen.checks
        sum.violations += seen.violations.map { "\(command): \($0)" }
        #expect(seen.calls > 0, "\(kind.name), \(command)")
    }

    func conclude() {
        print(
            "observer: \(kind.name): \(sum.calls) calls stopped, \(sum.checks) checks made, \(sum.violations.count) violations"
        )
        #expect(sum.violations == [])
    }
}
