// Checkpoint and restore by engines; where CRIU can run.

import Foundation
import Glibc
import Testing

enum CRIU {
    /// The reason why it cannot run here; nil if it can.
    static let missing: String? = {
        guard geteuid() == 0 else { return "root is needed" }
        return system("criu check >/dev/null 2>&1") == 0 ? nil : "criu cannot run on this kernel (criu check)"
    }()
}

@Suite(
    .serialized, .timeLimit(.minutes(10)),
    .enabled(
        if: CRIU.missing == nil && ContainerdHost.missing == nil, "\(CRIU.missing ?? ContainerdHost.missing ?? "")"))
struct ContainerdCheckpointTests {
    @Test(arguments: [ContainerdStack.all[0], ContainerdStack.all[2]])
    func `a container goes on under another id`(stack: ContainerdStack) async throws {
        try await ContainerdHost.with(stack) { host in
            try await host.detach("c1", countingScript, ["--log-uri", "file://\(host.directory)/c1.log"])
            func count(_ id: String, _ exec: String) async throws -> Int {
                let text = try await host.ctr("task", "exec", "--exec-id", exec, id, "cat", "/n").output
                return Int(text.trimmingCharacters(in: .newlines)) ?? 0
            }
            var number = 0
            func next(_ id: String) async throws -> Int {
                number += 1
                return try await count(id, "e\(number)")
            }
            try await eventually("it counts") { try await next("c1") > 2 }
            let image = "docker.io/library/saved:1"
            let taken = try await host.ctr("container", "checkpoint", "--task", "--rw", "c1", image)
            #expect(taken.status == 0, "\(taken.errors)")
            #expect(try await host.task("c1")?.status == "RUNNING")
            try await host.discard("c1")
            let restored = try await host.ctr("container", "restore", "--rw", "--live", "c2", image)
            #expect(restored.status == 0, "\(restored.errors)")
            #expect(try await host.task("c2")?.status == "RUNNING")
            // ctr loses what a process writes before ctr has opened the streams.
            var before = 0
            try await eventually("it counts") {
                before = try await next("c2")
                return before > 0
            }
            #expect(before > 2)
            try await eventually("it counts on") { try await next("c2") > before }
            try await host.discard("c2")
        }
    }
}

private let countingScript = "i=0; while :; do i=$((i+1)); echo $i >/m; mv /m /n; sleep 0.1; done"

extension EngineTests {
    @Suite(.serialized, .enabled(if: CRIU.missing == nil, "\(CRIU.missing ?? "")")) struct Checkpoint {
        private func count(_ engine: EngineClient, _ name: String) async throws -> Int {
            Int(try await engine.exec(name, "cat /n").output.trimmingCharacters(in: .newlines)) ?? 0
        }

        @Test(arguments: EngineStack.docker.filter { $0.runtime == "swiftrun" })
        func `docker starts a container from its checkpoint, and one that failed anew`(_ stack: EngineStack)
            async throws
        {
            try await withEngine(stack) { engine in
                try await engine.detach("first", "--network", "none", shell: countingScript)
                try await eventually("it counts") { try await count(engine, "first") > 2 }
                for round in ["one", "two"] {
                    let taken = try await engine("checkpoint", "create", "first", round)
                    #expect(taken.status == 0, "\(taken.errors)")
                    try await engine.wait(for: "exited", in: ".State.Status", of: "first")
                    let restored = try await engine("start", "--checkpoint", round, "first")
                    #expect(restored.status == 0, "\(restored.errors)")
                    let before = try await count(engine, "first")
                    #expect(before > 2)
                    try await eventually("it counts on") { try await count(engine, "first") > before }
                }
                let taken = try await engine("checkpoint", "create", "first", "broken")
                #expect(taken.status == 0, "\(taken.errors)")
                try await engine.wait(for: "exited", in: ".State.Status", of: "first")
                let spoilt = try await engine.host.call([
                    "sh", "-c", "echo >$(ls /var/lib/docker/containers/*/checkpoints/broken/inventory.img)",
                ])
                #expect(spoilt.status == 0, "\(spoilt.errors)")
                let refused = try await engine("start", "--checkpoint", "broken", "first")
                #expect(refused.errors.contains("OCI runtime restore failed"), "\(refused.errors)")
                #expect(try await engine("start", "first").status == 0)
            }
        }

        @Test func `podman exports a container, and imports it under another name`() async throws {
            let stack = EngineStack.podman[0]
            try await withEngine(stack) { engine in
                try await engine.detach("first", "--network", "none", shell: countingScript)
                try await eventually("it counts") { try await count(engine, "first") > 2 }
                let archive = engine.host.directory + "/first.tar.gz"
                let taken = try await engine("container", "checkpoint", "--export", archive, "first")
                #expect(taken.status == 0, "\(taken.errors)")
                let restored = try await engine(
                    "container", "restore", "--import", archive, "--name", "second")
                #expect(restored.status == 0, "\(restored.errors)")
                let before = try await count(engine, "second")
                #expect(before > 2)
                try await eventually("it counts on") { try await count(engine, "second") > before }
                #expect(try await engine("container", "checkpoint", "second").status == 0)
                #expect(try await engine("container", "restore", "second").status == 0)
                #expect(try await count(engine, "second") > before)
            }
        }
    }
}
