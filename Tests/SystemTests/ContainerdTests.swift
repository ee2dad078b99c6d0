// Everyday operations of containerd's users, with our shim and containerd's, on swiftrun and runc.

import Foundation
import Testing

@Suite(
    .serialized, .timeLimit(.minutes(10)),
    .enabled(if: ContainerdHost.missing == nil, "\(ContainerdHost.missing ?? "")"))
struct ContainerdTests {
    @Test(arguments: ContainerdStack.all)
    func `a container prints, fails and is gone`(stack: ContainerdStack) async throws {
        try await ContainerdHost.with(stack) { host in
            let outcome = try await host.run("c1", "echo out; echo err >&2; exit 7")
            #expect(outcome.status == 7)
            #expect(outcome.output == "out\n")
            #expect(outcome.errors.contains("err\n"))
            let missing = try await host.ctr(
                ["run", "--rm"] + host.runtime + [ContainerdHost.image, "c2", "/nonexistent"])
            #expect(missing.status == 1)
            #expect(missing.errors.contains("/nonexistent: no such file or directory"))
            let large = try await host.run("c4", "dd if=/dev/zero bs=1M count=5 2>/dev/null | tr '\\0' x")
            #expect(large.output.utf8.count == 5 << 20)
        }
    }

    @Test(arguments: ContainerdStack.all)
    func `a running container is exec'd into, paused, signaled and removed`(stack: ContainerdStack) async throws {
        try await ContainerdHost.with(stack) { host in
            try await host.detach("c1", "trap 'exit 42' TERM; while :; do sleep 0.05; done")
            let exec = try await host.ctr("task", "exec", "--exec-id", "e1", "c1", "sh", "-c", "echo in; exit 5")
            #expect(exec.status == 5)
            #expect(exec.output == "in\n")
            let missing = try await host.ctr("task", "exec", "--exec-id", "e2", "c1", "/nonexistent")
            #expect(missing.status == 1)
            #expect(missing.errors.contains("/nonexistent: no such file or directory"))
            try await host.ctr("task", "pause", "c1")
            #expect(try await host.task("c1")?.status == "PAUSED")
            let refused = try await host.ctr("task", "exec", "--exec-id", "e3", "c1", "true")
            #expect(refused.errors.contains("cannot exec in a paused state"))
            try await host.ctr("task", "resume", "c1")
            #expect(try await host.task("c1")?.status == "RUNNING")
            #expect(try await host.ctr("task", "ps", "c1").lines.count >= 2)
            let running = try await host.ctr("task", "rm", "c1")
            #expect(running.status == 1)
            try await host.ctr("task", "kill", "c1")
            try await host.wait(for: "STOPPED", of: "c1")
            let again = try await host.ctr("task", "kill", "c1")
            #expect(again.errors.contains("process already finished"))
            let removed = try await host.ctr("task", "rm", "c1")
            #expect((removed.output + removed.errors).contains("exit code 42"))
            try await host.ctr("container", "rm", "c1")
        }
    }

    @Test(arguments: ContainerdStack.all)
    func `events are complete and in order`(stack: ContainerdStack) async throws {
        try await ContainerdHost.with(stack) { host in
            let events = try await host.events {
                try await host.detach("c1", "sleep 100")
                try await host.ctr("task", "exec", "--exec-id", "e1", "c1", "true")
                try await host.ctr("task", "pause", "c1")
                try await host.ctr("task", "resume", "c1")
                try await host.discard("c1")
            }
            let long = [
                "create", "start", "exec-added", "exec-started", "exit", "paused", "resumed", "exit", "delete",
            ]
            #expect(try await host.reliable(events) == host.reliable(long))
            let short = try await host.events { for number in 0..<5 { _ = try await host.run("s\(number)", "true") } }
            let five = Array(repeating: ["create", "start", "exit", "delete"], count: 5).flatMap { $0 }
            #expect(try await host.reliable(short) == host.reliable(five))
        }
    }

    @Test(arguments: ContainerdStack.all)
    func `a terminal has a name, echoes and ends`(stack: ContainerdStack) async throws {
        try await ContainerdHost.with(stack) { host in
            let ctr =
                (["ctr", "-a", host.directory + "/sock", "-n", host.namespace, "run", "--rm", "-t"] + host.runtime
                + [ContainerdHost.image, "c1", "sh", "-c", "'tty; read line; echo got \\$line; exit 3'"])
                .joined(separator: " ")
            try host.write("session", "(sleep 1; echo words; sleep 1) | script -qec \"\(ctr)\" /dev/null")
            let outcome = try await host.host(["/bin/sh", host.directory + "/session"])
            #expect(outcome.status == 3)
            #expect(outcome.output.contains("/dev/pts/0"))
            #expect(outcome.output.contains("got words"))
        }
    }

    @Test(arguments: ContainerdStack.all)
    func `input reaches the container`(stack: ContainerdStack) async throws {
        try await ContainerdHost.with(stack) { host in
            let ctr =
                (["ctr", "-a", host.directory + "/sock", "-n", host.namespace, "run", "--rm"] + host.runtime
                + [ContainerdHost.image, "c1", "head", "-2"]).joined(separator: " ")
            try host.write("session", "(sleep 1; echo one; echo two; sleep 1) | \(ctr)")
            let outcome = try await host.host(["/bin/sh", host.directory + "/session"])
            #expect(outcome.output == "one\ntwo\n")
        }
    }

    @Test(arguments: ContainerdStack.all)
    func `output goes to a file, or to a logger`(stack: ContainerdStack) async throws {
        try await ContainerdHost.with(stack) { host in
            let file = host.directory + "/logs/out.log"
            try await host.detach("c1", "echo out; echo err >&2", ["--log-uri", "file://" + file])
            try await host.wait(for: "STOPPED", of: "c1")
            // containerd's own shim may still be copying when it reports the exit, and stops at the removal.
            if !stack.isOurShim { try await eventually("all is written") { host.read("logs/out.log").count >= 8 } }
            try await host.ctr("task", "rm", "c1")
            try await host.ctr("container", "rm", "c1")
            #expect(Set(host.read("logs/out.log").split(separator: "\n")) == ["out", "err"])
            try host.write(
                "logger",
                """
                #!/bin/busybox sh
                echo "$* $CONTAINER_ID $CONTAINER_NAMESPACE" > \(host.directory)/logged
                exec 5>&-
                /bin/busybox cat <&3 >> \(host.directory)/logged &
                /bin/busybox cat <&4 >> \(host.directory)/logged &
                wait
                """)
            chmod(host.directory + "/logger", 0o755)
            try await host.detach(
                "c2", "echo out; echo err >&2", ["--log-uri", "binary://\(host.directory)/logger?key=value"])
            try await host.wait(for: "STOPPED", of: "c2")
            // containerd's own shim kills a logger that is still reading.
            try await eventually("all is logged") { host.read("logged").split(separator: "\n").count >= 3 }
            try await host.ctr("task", "rm", "c2")
            try await host.ctr("container", "rm", "c2")
            let logged = host.read("logged").split(separator: "\n")
            #expect(logged.first == "key value c2 \(host.namespace)")
            #expect(Set(logged.dropFirst()) == ["out", "err"])
        }
    }

    @Test(arguments: ContainerdStack.all)
    func `memory is counted and limited, and an OOM kill is reported`(stack: ContainerdStack) async throws {
        try await ContainerdHost.with(stack) { host in
            try await host.detach("c1", "sleep 100", ["--null-io", "--memory-limit", "40000000"])
            let metrics = try await host.ctr("task", "metrics", "--format", "json", "c1").output
            #expect(metrics.contains("\"limit\": 39997440"))
            #expect(metrics.contains("\"per_cpu\""))
            try await host.discard("c1")
            let events = try await host.events {
                let outcome = try await host.run(
                    "c2", "dd if=/dev/zero of=/dev/null bs=100M count=1", ["--memory-limit", "20000000"])
                #expect(outcome.status == 137)
            }
            #expect(events.first == "create")
            // containerd's own shim sometimes hears of the exit first.
            #expect(!stack.isOurShim || events.contains("oom"))
            let end = try await host.reliable(["exit", "delete"])
            #expect(try await host.reliable(events).suffix(end.count) == end[...])
        }
    }
}
