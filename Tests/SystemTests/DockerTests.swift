// Features of docker only: its configuration, its events, and containers that outlive it.

import Foundation
import Testing

extension EngineTests {
    @Suite(.serialized) struct Docker {
        @Test(arguments: EngineStack.docker)
        func `the daemon's default runtime runs containers that request none`(_ stack: EngineStack) async throws {
            try await withEngine(stack) { engine in
                #expect(try await engine("info", "--format", "{{.DefaultRuntime}}").output == "swiftrun\n")
                let started = try await engine("run", "-d", "--name", "first", EngineHost.image, "sleep", "1000")
                #expect(started.status == 0)
                #expect(try await engine.inspect("first", ".HostConfig.Runtime") == "swiftrun")
                let records = try await engine.host.call(["ls", "/run/docker/runtime-runc/moby"]).output
                #expect(records.trimmingCharacters(in: .newlines) == started.output.trimmingCharacters(in: .newlines))
                let shim = try await engine.host.call([
                    "sh", "-c",
                    "readlink /proc/$(awk '{ print $4 }' /proc/$0/stat)/exe",
                    try await engine.inspect("first", ".State.Pid"),
                ])
                let expected = stack.hasOurShim ? "/swift-shim\n" : "/containerd-shim-runc-v2\n"
                #expect(shim.output.hasSuffix(expected), "\(shim.output)")
            }
        }

        @Test func `a shim is chosen by name`() async throws {
            try await withEngine(EngineStack.docker[0]) { engine in
                let asked = try await engine(
                    "run", "--rm", "--runtime", "io.containerd.swiftrun.v2", EngineHost.image, "echo", "words")
                if asked.errors.contains("Unknown runtime specified io.containerd.swiftrun.v2") {
                    let version = try await engine("version", "--format", "{{.Server.Version}}").output
                    let reason = "docker \(version.dropLast()) knows no shim but its own"
                    #if compiler(>=6.3)
                    try Test.cancel("\(reason)")
                    #else
                    return print(reason)
                    #endif
                }
                #expect(asked.output == "words\n")
            }
        }

        @Test(arguments: EngineStack.docker)
        func `events report a container's life in order`(_ stack: EngineStack) async throws {
            try await withEngine(stack) { engine in
                let id = try #require(try await engine.detach("first", shell: "sleep 1000").lines.first)
                try await engine("pause", "first")
                try await engine("unpause", "first")
                try await engine("kill", "first")
                try await engine("wait", "first")
                try await engine("rm", "first")
                // docker omits events of the current second.
                try await Task.sleep(for: .milliseconds(1100))
                let events = try await engine(
                    "events", "--since", "1m", "--until", "0s", "--filter", "container=" + id, "--filter",
                    "type=container", "--format", "{{.Action}}")
                #expect(events.lines == ["create", "start", "pause", "unpause", "kill", "die", "destroy"])
            }
        }
    }
}
