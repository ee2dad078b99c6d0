// Operations of docker's and podman's users on a container during its life, on swiftrun and runc.

import Foundation
import Testing

extension EngineTests {
    @Suite(.serialized) struct Living {
        @Test(arguments: EngineStack.all)
        func `a container is entered, watched, changed, paused and stopped`(_ stack: EngineStack) async throws {
            try await withEngine(stack) { engine in
                try await engine.detach(
                    "first", "--memory", "40m", "--memory-swap", "50m",
                    shell: "trap 'echo ended; exit 42' TERM; echo begun; echo oh >&2; while :; do sleep 0.05; done")
                let top = try await engine("top", "first")
                #expect(top.lines.first?.contains("PID") == true)
                #expect(top.output.contains("sh -c trap"))
                let usage = try await engine("stats", "--no-stream", "first").lines
                #expect(usage.count == 2)
                #expect(usage.last?.contains("first") == true)
                #expect(usage.last?.contains(stack.isDocker ? "40MiB" : "41.94MB") == true, "\(usage)")

                let updated = try await engine("update", "--memory", "60m", "--memory-swap", "70m", "first")
                #expect(updated.status == 0, "\(updated.errors)")
                #expect(
                    try await engine.exec(
                        "first",
                        "cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes 2>/dev/null || cat memory.max"
                    ).output == "62914560\n")

                try await engine("pause", "first")
                #expect(try await engine.inspect("first", ".State.Status") == "paused")
                #expect(try await engine.exec("first", "true").status == (stack.isDocker ? 1 : 255))
                try await engine("unpause", "first")
                #expect(try await engine.inspect("first", ".State.Status") == "running")

                try await engine("stop", "first")
                #expect(try await engine("wait", "first").output == "42\n")
                let logs = try await engine("logs", "first")
                #expect(logs.output == "begun\nended\n")
                #expect(logs.errors == "oh\n")
                #expect(try await engine("logs", "--tail", "1", "first").output == "ended\n")
                #expect(try await engine("start", "first").status == 0)
                #expect(try await engine.inspect("first", ".State.Status") == "running")
                try await engine("kill", "first")
                #expect(try await engine("wait", "first").output == "137\n")
            }
        }

        @Test(arguments: EngineStack.all)
        func `processes are added to a container`(_ stack: EngineStack) async throws {
            try await withEngine(stack) { engine in
                try await engine.detach("first", shell: "sleep 1000")
                let outcome = try await engine.exec("first", "echo out; echo err >&2; exit 5")
                #expect(outcome == Outcome(status: 5, output: "out\n", errors: "err\n"))
                let input = try await engine("exec", "-i", "first", "cat", input: "words\n")
                #expect(input.output == "words\n")
                let other = try await engine(
                    "exec", "--user", "user", "--workdir", "/tmp", "--env", "A=b", "first", "sh", "-c",
                    "id -u; pwd; echo $A")
                #expect(other.output == "1000\n/tmp\nb\n")
                // docker before 28 exits with 126 for all of these; podman 5 with runc 1.1 with 255 for a directory.
                for (program, status) in [("nope", 127), ("/nope", 127), ("/etc", 126), ("/etc/passwd", 126)] {
                    let failed = try await engine("exec", "first", program)
                    let expected = stack.isDocker ? [126, status] : stack.runtime == "runc" ? [status, 255] : [status]
                    #expect(expected.contains(failed.status), "\(program) \(failed.errors)")
                }
                #expect(try await engine("exec", "-d", "first", "touch", "/tmp/detached").status == 0)
                try await eventually("the detached process has run") {
                    try await engine.exec("first", "test -e /tmp/detached").status == 0
                }
                let killed = try await engine.exec("first", "kill -9 $$")
                #expect(killed.status == 137)
                let terminal = try await engine.terminal(
                    typing: "sleep 1; echo words; sleep 1",
                    [
                        "exec", "-it", "first", "sh", "-c",
                        "tty; sleep 0.5; stty size; read line; echo got $line; exit 6",
                    ])
                #expect(terminal.output.contains("/dev/pts/0"))
                #expect(terminal.output.contains("30 70"))
                #expect(terminal.output.contains("got words"))
                #expect(terminal.status == 6)
            }
        }

        @Test(arguments: EngineStack.all)
        func `files are copied in and out`(_ stack: EngineStack) async throws {
            try await withEngine(stack) { engine in
                try await engine.detach("first", shell: "echo inside >/tmp/inside; sleep 1000")
                try engine.host.write("outside", "outside\n")
                #expect(try await engine("cp", engine.host.directory + "/outside", "first:/tmp/copied").status == 0)
                #expect(try await engine.exec("first", "cat /tmp/copied").output == "outside\n")
                #expect(try await engine("cp", "first:/tmp/inside", engine.host.directory + "/inside").status == 0)
                #expect(engine.host.read("inside") == "inside\n")
                #expect(try await engine("diff", "first").lines.contains("A /tmp/copied"))
            }
        }

        @Test(arguments: EngineStack.all)
        func `signals arrive, and a container that ignores them is killed`(_ stack: EngineStack) async throws {
            try await withEngine(stack) { engine in
                try await engine.detach(
                    "first", shell: "trap 'echo usr1' USR1; trap '' TERM; echo ready; while :; do sleep 0.05; done")
                try await eventually("the traps are set") { try await engine("logs", "first").output == "ready\n" }
                #expect(try await engine("kill", "--signal", "USR1", "first").status == 0)
                try await eventually("the signal is told") {
                    try await engine("logs", "first").output == "ready\nusr1\n"
                }
                try await engine("stop", "-t", "1", "first")
                #expect(try await engine("wait", "first").output == "137\n")
                #expect(try await engine("kill", "first").status != 0)
            }
        }

        @Test(arguments: EngineStack.all)
        func `input and output are attached later, and lost without harm`(_ stack: EngineStack) async throws {
            try await withEngine(stack) { engine in
                let reader = "while read line; do echo got $line; [ $line = end ] && exit 3; done; exit 4"
                try await engine.detach("first", "-i", shell: reader)
                let attached = try await engine.host.call([
                    "/bin/sh", "-c",
                    """
                    (sleep 0.5; echo one; sleep 0.3; echo end; sleep 1) \
                    | /usr/bin/\(stack.engine) attach first
                    """,
                ])
                #expect(attached.output.hasPrefix("got one\ngot end\n"))
                // podman 4.3 exits with 0 here.
                #expect(attached.status == (stack.isDocker ? 3 : 0))
                #expect(try await engine("wait", "first").output == "3\n")

                try await engine.detach("second", "-i", shell: reader)
                let lost = try await engine.host.call([
                    "/bin/sh", "-c",
                    """
                    (sleep 0.5; echo one; exec sleep 1.5) | /usr/bin/\(stack.engine) attach second &
                    sleep 1.2; kill -9 $!
                    """,
                ])
                #expect(lost.output == "got one\n")
                // podman closes the input when the client ends, docker keeps it open.
                if stack.isDocker {
                    #expect(try await engine.inspect("second", ".State.Status") == "running")
                } else {
                    #expect(try await engine("wait", "second").output == "4\n")
                }
            }
        }

        @Test(arguments: EngineStack.all)
        func `a terminal has a size, and keys detach from it`(_ stack: EngineStack) async throws {
            try await withEngine(stack) { engine in
                let session = try await engine.terminal(
                    typing: "sleep 2; echo words; sleep 0.5; printf '\\020'; sleep 0.3; printf '\\021'; sleep 1",
                    ["run", "-it", "--name", "first"] + engine.choice
                        + [
                            EngineHost.image, "sh", "-c",
                            "tty; sleep 0.5; stty size; while read line; do echo got $line; done",
                        ])
                #expect(session.output.contains("/dev/pts/0"))
                #expect(session.output.contains("30 70"))
                #expect(session.output.contains("got words"))
                #expect(session.status == 0, "\(session.output)")
                #expect(try await engine.inspect("first", ".State.Status") == "running")
                let again = try await engine.terminal(
                    typing: "sleep 1; echo more; sleep 0.5; printf '\\004'; sleep 1", ["attach", "first"])
                #expect(again.output.contains("got more"))
                #expect(try await engine("wait", "first").output == "0\n")
            }
        }

        @Test(arguments: EngineStack.all)
        func `health is checked`(_ stack: EngineStack) async throws {
            try await withEngine(stack) { engine in
                // podman leaves the timing to systemd; the test runs its checks one by one.
                try await engine.detach(
                    "first", "--health-cmd", "test -e /tmp/well", "--health-retries", "1", "--health-interval",
                    stack.isDocker ? "500ms" : "disable", shell: "sleep 1000")
                func check() async throws -> Int { try await engine("healthcheck", "run", "first").status }
                if !stack.isDocker { #expect(try await check() == 1) }
                try await engine.wait(for: "unhealthy", in: ".State.Health.Status", of: "first")
                _ = try await engine.exec("first", "touch /tmp/well")
                if !stack.isDocker { #expect(try await check() == 0) }
                try await engine.wait(for: "healthy", in: ".State.Health.Status", of: "first")
            }
        }

        @Test(arguments: EngineStack.all)
        func `a container that ends is restarted according to its policy`(_ stack: EngineStack) async throws {
            try await withEngine(stack) { engine in
                try await engine.detach("first", "--restart", "on-failure:2", shell: "echo try; exit 4")
                try await engine.detach("second", "--restart", "always", shell: "sleep 1000")
                let before = try await engine.inspect("second", ".State.Pid")
                _ = try await engine.host.call(["kill", "-9", before])
                try await engine.wait(for: "2", in: ".RestartCount", of: "first")
                try await engine.wait(for: "exited", in: ".State.Status", of: "first")
                #expect(try await engine.inspect("first", ".State.ExitCode") == "4")
                #expect(try await engine("logs", "first").output == "try\ntry\ntry\n")
                try await engine.wait(for: "1", in: ".RestartCount", of: "second")
                try await engine.wait(for: "running", in: ".State.Status", of: "second")
                #expect(try await engine.inspect("second", ".State.Pid") != before)
            }
        }
    }
}

extension EngineClient {
    /// Runs a shell command in a running container.
    func exec(_ name: String, _ command: String) async throws -> Outcome {
        try await self("exec", name, "sh", "-c", command)
    }
}
