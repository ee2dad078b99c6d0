// Checkpoint, and Create from one, with a runtime that answers for CRIU.

import Foundation
import Glibc
import ShimAPI
import SwiftProtobuf
import TTRPC
import Testing

extension ShimCallTests {
    @Test func `a checkpoint is an event, and one that fails is none`() async throws {
        try await withShim("c1", "sleep 1000") { host, shim in
            symlinkApplets(["sleep"], host)
            let request = try create(
                "c1", host,
                runtime: "case \"$*\" in *' checkpoint '*'/broken '*) exit 1;; *' checkpoint '*) exit 0;; esac")
            let _: TaskCreateResponse = try await shim.ask("Create", request)
            let _: TaskStartResponse = try await shim.ask("Start", process("c1"))
            func checkpoint(_ name: String) -> TaskCheckpointRequest {
                .with { request in
                    request.id = "c1"
                    request.path = host.directory + "/" + name
                }
            }
            let message = try await shim.refusal("Checkpoint", checkpoint("broken"))?.message ?? ""
            #expect(message.contains("OCI runtime checkpoint failed"), "\(message)")
            try await shim.tell("Checkpoint", checkpoint("images"))
            try await eventually("the event") { host.events.last == "/tasks/checkpointed" }
            let events: [EventTaskCheckpointed] = try host.messages("/tasks/checkpointed")
            #expect(events.map(\.containerID) == ["c1"])
            #expect(events.map(\.checkpoint) == [host.directory + "/images"])
            let state: TaskStateResponse = try await shim.ask("State", process("c1"))
            #expect(state.status == .running)
            try await remove("c1", shim)
        }
    }

    @Test func `after a restore that failed the container can be deleted, and made again`() async throws {
        try await withShim("c1", "sleep 1000") { host, shim in
            symlinkApplets(["sleep"], host)
            var request = try create("c1", host, runtime: "case \"$*\" in *' restore '*) exit 1;; esac")
            request.checkpoint = host.directory + "/images"
            let created: TaskCreateResponse = try await shim.ask("Create", request)
            #expect(created.pid == 0)
            let message = try await shim.refusal("Start", process("c1"))?.message ?? ""
            #expect(message.contains("OCI runtime restore failed"), "\(message)")
            for method in ["Pause", "Resume"] {
                #expect(try await shim.refusal(method, container("c1")) != nil, "\(method)")
            }
            let deleted: TaskDeleteResponse = try await shim.ask("Delete", process("c1"))
            #expect(deleted.pid == 0)
            #expect(try await shim.refusal("State", process("c1"))?.code == .notFound)
            let again: TaskCreateResponse = try await shim.ask("Create", create("c1", host))
            #expect(again.pid > 0)
            try await remove("c1", shim)
        }
    }
}
