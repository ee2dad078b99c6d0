// The runtime is killed at every system call of every command: afterwards `delete --force` restores the host.

import Foundation
import Kernel
import OCISpec
import Testing

/// A command of the runtime, and the state in which it runs.
struct FaultedOperation: Sendable, CustomTestStringConvertible {
    enum Start: Sendable { case nothing, created, running, stopped, stays }
    var name: String
    var start: Start
    var arguments: [String]
    /// Whether the witness runs in the container and its observation shows that the container is correct.
    var observes = false
    var testDescription: String { name }

    func command(_ id: String) -> [String] { arguments.map { $0 == "ID" ? id : $0 } }

    static let run = Self(name: "run", start: .nothing, arguments: ["run", "ID"], observes: true)
    static let create = Self(name: "create", start: .nothing, arguments: ["create", "ID"], observes: true)
    static let starting = Self(name: "start", start: .created, arguments: ["start", "ID"], observes: true)
    static let exec = Self(name: "exec", start: .stays, arguments: ["exec", "ID", "/bin/witness"], observes: true)
    static let kill = Self(name: "kill", start: .running, arguments: ["kill", "ID", "KILL"])
    static let delete = Self(name: "delete", start: .stopped, arguments: ["delete", "ID"])
    static let force = Self(name: "delete --force", start: .running, arguments: ["delete", "--force", "ID"])
    static let all = [run, create, starting, exec, kill, delete, force]
}

@Suite(.serialized, .enabled(if: geteuid() == 0, "root is needed"))
struct CrashTests {
    /// A container with one resource of every kind that must be removed again.
    static func configure(_ sandbox: Sandbox, _ variant: String = "default") throws {
        try sandbox.configure { spec in
            spec.process?.args = ["/bin/witness"]
            change(&spec, variant)
        }
    }

    static func change(_ spec: inout Spec, _ variant: String) {
        switch variant {
        case "hooks":
            let hook = Hook(path: "/bin/busybox", args: ["busybox", "true"])
            spec.hooks = Hooks(
                prestart: [hook], createRuntime: [hook], createContainer: [hook], startContainer: [hook],
                poststart: [hook], poststop: [hook])
        case "user namespace":
            spec.linux?.namespaces.append(LinuxNamespace(type: "user"))
            let ids = [LinuxIDMapping(containerID: 0, hostID: 0, size: 65536)]
            spec.linux?.uidMappings = ids
            spec.linux?.gidMappings = ids
        case "time namespace":
            spec.linux?.namespaces.append(LinuxNamespace(type: "time"))
        case "seccomp":
            spec.linux?.seccomp = LinuxSeccomp(
                defaultAction: "SCMP_ACT_ALLOW",
                syscalls: [LinuxSyscall(names: ["ptrace", "swapon"], action: "SCMP_ACT_ERRNO")])
        default: break
        }
    }

    @Test(arguments: FaultedOperation.all, ["caller", "first"])
    func `killed at any system call, it leaves nothing that delete cannot remove`(
        _ operation: FaultedOperation, _ victim: String
    ) async throws {
        // A command with one process has one victim.
        if victim == "first", [.nothing, .stays].contains(operation.start) == false { return }
        try await tryEveryCall(operation, .kill(victim), "default")
    }

    @Test(arguments: ["hooks", "user namespace", "time namespace", "seccomp"])
    func `killed in the making of a container of any kind, it leaves nothing`(_ variant: String) async throws {
        try await tryEveryCall(.create, .kill("first"), variant, every: FaultBench.isThorough ? 1 : 5)
    }

    private func tryEveryCall(
        _ operation: FaultedOperation, _ fault: Fault, _ variant: String, every step: Int = 1
    ) async throws {
        try await withSandbox(.swiftrun) { sandbox in
            try Self.configure(sandbox, variant)
            let bench = try FaultBench(sandbox)
            let calls = try await bench.calls(of: operation)
            // A thread ends by exit(2), a process by exit_group(2); with a thread its whole process is killed.
            let threads = Set(calls.filter { $0.name == "exit" }.map { $0.place.process })
            var table = FaultTable(operation.name + (variant == "default" ? "" : ", \(variant)"), fault.description)
            for (place, _) in calls where place.call % step == 0 {
                // The calls of the first process are covered by "caller".
                if fault == .kill("first"), variant == "default", place.process == 0 { continue }
                try await bench.prepare(operation)
                let outcome = try await bench.run(operation.command(sandbox.id), at: place, fault)
                table.count(outcome)
                if outcome.verdict == "hung" { table.complain(place, fault, outcome, "hung") }
                // A parent that survives reports the child's failure and cleans up.
                let isParent = place.process == 0 || threads.contains(place.process)
                if !isParent, fault == .kill("caller"), outcome.verdict == "injected" {
                    bench.checkAnswer(operation, place, fault, outcome, &table)
                }
                let left = try await bench.end(operation)
                if !left.isEmpty { table.complain(place, fault, outcome, "left \(left)") }
            }
            _ = try await bench.cleanUp()
            table.conclude()
        }
    }

    @Test func `killed at five hundred random moments, it leaves nothing`() async throws {
        try await withSandbox(.swiftrun) { sandbox in
            try sandbox.configure("sleep", "100")
            let bench = try FaultBench(sandbox)
            var left: [String] = []
            let runtime = "'\(sandbox.runtime.path)' --root '\(sandbox.state)'"
            for attempt in 0..<500 {
                let operation = FaultedOperation.all[attempt % FaultedOperation.all.count]
                if attempt % FaultedOperation.all.count == 0 { try sandbox.configure("sleep", "100") }
                try await bench.prepare(operation, keepsConfig: true)
                let words = operation.command(sandbox.id).map { $0 == "/bin/witness" ? "/bin/true" : $0 }
                let delay = Double.random(in: 0..<0.012)
                _ = try await shell(
                    """
                    \(runtime) \(words.joined(separator: " ")) </dev/null >/dev/null 2>&1 &
                    sleep \(delay)
                    kill -9 $! 2>/dev/null
                    wait $! 2>/dev/null
                    """, in: sandbox.bundle)
                left += try await bench.cleanUp().map { "\(operation.name) after \(delay) s: \($0)" }
            }
            print("crash safety: 500 kills at random moments, \(left.count) things left")
            #expect(left == [])
        }
    }
}
