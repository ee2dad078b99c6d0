// Faults that a shim must survive.

import Foundation
import Testing

@Suite(
    .serialized, .timeLimit(.minutes(10)),
    .enabled(if: ContainerdHost.missing == nil, "\(ContainerdHost.missing ?? "")"))
struct ContainerdFaultTests {
    @Test(arguments: ContainerdStack.all)
    func `containers outlive containerd, and their exits are not lost`(stack: ContainerdStack) async throws {
        try await ContainerdHost.with(stack) { host in
            try await host.detach("c1", "sleep 1; exit 12")
            try await host.detach("c2", "sleep 100")
            host.crash()
            try await Task.sleep(for: .milliseconds(1500))
            try await host.start()
            #expect(try await host.task("c2")?.status == "RUNNING")
            // containerd from 1.7 on removes what it finds stopped.
            if try await host.task("c1") != nil {
                #expect(try await host.task("c1")?.status == "STOPPED")
                let removed = try await host.ctr("task", "rm", "c1")
                #expect((removed.output + removed.errors).contains("exit code 12"))
            } else {
                #expect(try await !host.ctr("--version").output.contains(" 1.6."))
            }
            try await host.ctr("container", "rm", "c1")
            #expect(
                try await host.ctr("task", "exec", "--exec-id", "e1", "c2", "echo", "still here").output
                    == "still here\n")
            try await host.discard("c2")
        }
    }

    @Test(arguments: ContainerdStack.all)
    func `a killed shim takes its container with it`(stack: ContainerdStack) async throws {
        try await ContainerdHost.with(stack) { host in
            let events = try await host.events {
                try await host.detach("c1", "sleep 100")
                let process = try #require(try await host.task("c1")?.process)
                kill(try await host.shim(of: "c1"), SIGKILL)
                try await eventually("the task is gone") { try await host.task("c1") == nil }
                try await eventually("its process is gone") { !ContainerdHost.isAlive(process) }
                try await host.ctr("container", "rm", "c1")
            }
            #expect(events == ["create", "start", "exit", "delete"])
        }
    }

    @Test(arguments: ContainerdStack.ours)
    func `a runtime that is killed while it creates leaves nothing`(stack: ContainerdStack) async throws {
        try await ContainerdHost.with(stack) { host in
            let real = stack.runtime == "runc" ? "/usr/sbin/runc" : ContainerdHost.checkout + "/.build/dist/swiftrun"
            // Creates the container, then ends as if it had failed.
            try host.write(
                "dying",
                "#!/bin/sh\ncase \"$*\" in *' create '*) \(real) \"$@\"; kill -9 $$;; esac\nexec \(real) \"$@\"\n")
            chmod(host.directory + "/dying", 0o755)
            try host.write(
                "options.toml", "BinaryName = \"\(host.directory)/dying\"\nRoot = \"\(host.directory)/runtime\"\n")
            let outcome = try await host.run("c1", "true")
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains("OCI runtime create failed"))
        }
    }

    @Test(arguments: ContainerdStack.ours)
    func `a hundred processes leave no trace in the shim`(stack: ContainerdStack) async throws {
        try await ContainerdHost.with(stack) { host in
            try await host.detach("c1", "sleep 1000")
            let shim = try await host.shim(of: "c1")
            func descriptors() -> Int {
                ((try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(shim)/fd")) ?? []).count
            }
            for number in 0..<5 { try await host.ctr("task", "exec", "--exec-id", "w\(number)", "c1", "true") }
            let before = descriptors()
            for number in 0..<100 {
                let outcome = try await host.ctr("task", "exec", "--exec-id", "e\(number)", "c1", "echo", "\(number)")
                #expect(outcome.output == "\(number)\n")
            }
            try await eventually("\(descriptors()) descriptors become \(before)") { descriptors() == before }
            #expect(try FileManager.default.contentsOfDirectory(atPath: "/proc/\(shim)/task").count <= 2)
            try await host.discard("c1")
        }
    }

    @Test(arguments: ContainerdStack.all)
    func `thirty containers at once all come and go`(stack: ContainerdStack) async throws {
        try await ContainerdHost.with(stack) { host in
            let events = try await host.events {
                try await withThrowingTaskGroup(of: String.self) { group in
                    for number in 0..<30 {
                        group.addTask { try await host.run("c\(number)", "echo \(number)").output }
                    }
                    var outputs: Set<String> = []
                    for try await output in group { outputs.insert(output) }
                    #expect(outputs == Set((0..<30).map { "\($0)\n" }))
                }
            }
            for topic in try await host.reliable(["create", "start", "exit", "delete"]) {
                #expect(events.filter { $0 == topic }.count == 30, "\(topic)")
            }
        }
    }
}
