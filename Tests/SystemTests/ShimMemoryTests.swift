// Kills for want of memory: each is told, before the exit that it may have caused, with the limit that it was for.

import Foundation
import Glibc
import ShimAPI
import SwiftProtobuf
import TTRPC
import Testing

extension ShimCallTests {
    /// A program that takes all the memory that it can get.
    private var glutton: String { "tail /dev/zero" }

    private static let memory = "/sys/fs/cgroup/memory"
    private static let isLegacy = access(memory + "/memory.oom_control", F_OK) == 0

    /// Gives a container a cgroup and limits.
    private func limit(_ host: ShimHost, _ memory: [String: Any], below parent: String) throws {
        try host.change(host.directory + "/c1") { spec in
            var linux = spec["linux"] as? [String: Any] ?? [:]
            linux["cgroupsPath"] = parent + "/c1"
            linux["resources"] = ["memory": memory]
            spec["linux"] = linux
        }
    }

    private func withLimit(
        _ command: String, _ memory: [String: Any] = ["limit": 16 << 20, "swap": 16 << 20], above: Int? = nil,
        _ body: (ShimHost, ShimConnection, String) async throws -> Void
    ) async throws {
        try await withShim("c1", command) { host, shim in
            let parent = "/swiftrun-" + UUID().uuidString.prefix(8).lowercased()
            let hierarchies = try FileManager.default.contentsOfDirectory(atPath: "/sys/fs/cgroup")
            defer { for name in hierarchies { rmdir("/sys/fs/cgroup/\(name)\(parent)") } }
            if let above {
                #expect(mkdir(Self.memory + parent, 0o755) == 0)
                try "\(above)".write(
                    toFile: Self.memory + parent + "/memory.limit_in_bytes", atomically: false, encoding: .utf8)
            }
            try limit(host, memory, below: parent)
            try await body(host, shim, parent)
            #expect(host.events.filter { $0 == "/tasks/oom" }.isEmpty || host.events.last == "/tasks/delete")
        }
    }

    private func run(_ shim: ShimConnection, _ host: ShimHost) async throws {
        let _: TaskCreateResponse = try await shim.ask("Create", create("c1", host))
        let _: TaskStartResponse = try await shim.ask("Start", process("c1"))
    }

    /// Waits for the container's end, and for the last event of it.
    private func finish(_ shim: ShimConnection, _ host: ShimHost) async throws -> EventTaskExit {
        let _: TaskWaitResponse = try await shim.ask("Wait", process("c1"))
        let _: TaskDeleteResponse = try await shim.ask("Delete", process("c1"))
        try await eventually("all events") { host.events.last == "/tasks/delete" }
        let exits: [EventTaskExit] = try host.messages("/tasks/exit")
        return try #require(exits.last)
    }

    @Test(.enabled(if: isLegacy, "the host has no memory controller of version 1"), .timeLimit(.minutes(5)))
    func `each of a thousand kills has its event, before the exit`() async throws {
        let command = "i=0; while [ $i -lt 1000 ]; do \(glutton); i=$((i+1)); done; sleep 1000"
        try await withLimit(command, ["limit": 4 << 20, "swap": 4 << 20]) { host, shim, parent in
            try await run(shim, host)
            let file = Self.memory + parent + "/c1/memory.oom_control"
            func kills() -> Int {
                let text = (try? String(contentsOfFile: file, encoding: .utf8)) ?? ""
                return text.split(separator: "\n").last.flatMap { Int($0.dropFirst(9)) } ?? 0
            }
            let end = ContinuousClock.now + .seconds(240)
            while kills() < 1000, ContinuousClock.now < end { try await Task.sleep(for: .milliseconds(20)) }
            #expect(kills() == 1000)
            // Without waiting: the last notices may not have come yet.
            try await shim.tell("Kill", kill("c1", SIGKILL))
            let exit = try await finish(shim, host)
            let told: [EventTaskOOM] = try host.messages("/tasks/oom")
            #expect(told.count == 1000)
            #expect(told.allSatisfy { $0.limitOf == "container" && $0.limit == 4 << 20 })
            let topics = host.events
            #expect(topics.lastIndex(of: "/tasks/oom") ?? 0 < topics.firstIndex(of: "/tasks/exit") ?? 0)
            #expect(exit.exitStatus == 137)
        }
    }

    @Test(
        .enabled(if: isLegacy, "the host has no memory controller of version 1"),
        arguments: [("container", nil), ("above", 16 << 20)] as [(String, Int?)])
    func `an exit for want of memory says whose limit it was`(_ owner: String, _ above: Int?) async throws {
        let own = above == nil ? 16 << 20 : 512 << 20
        try await withLimit("exec \(glutton)", ["limit": own, "swap": own], above: above) { host, shim, parent in
            try await run(shim, host)
            let exit = try await finish(shim, host)
            let name = above == nil ? owner : parent
            #expect(exit.exitStatus == 137)
            #expect(exit.killedByLimitOf == name && exit.limit == 16 << 20)
            let told: [EventTaskOOM] = try host.messages("/tasks/oom")
            #expect(told.map(\.limitOf) == [name] && told.map(\.limit) == [16 << 20])
            #expect(host.events == ["/tasks/create", "/tasks/start", "/tasks/oom", "/tasks/exit", "/tasks/delete"])
        }
    }

    /// A kill by a person; one after another process ran out of memory.
    @Test(
        .enabled(if: isLegacy, "the host has no memory controller of version 1"),
        arguments: [
            ("sleep 1000", 0), ("tail /dev/zero; sleep 1000", 1),
        ])
    func `a plain kill is not called one for want of memory`(
        _ command: String, _ kills: Int
    ) async throws {
        try await withLimit(command) { host, shim, parent in
            try await run(shim, host)
            let control = Self.memory + parent + "/c1/memory.oom_control"
            let mark = "oom_kill \(kills)"
            try await eventually(mark) {
                try String(contentsOfFile: control, encoding: .utf8).split(separator: "\n").contains { $0 == mark }
            }
            try await Task.sleep(for: .seconds(1))
            try await shim.tell("Kill", kill("c1", SIGKILL))
            let exit = try await finish(shim, host)
            #expect(exit.exitStatus == 137)
            #expect(exit.killedByLimitOf == "" && exit.limit == 0)
            #expect(host.events.filter { $0 == "/tasks/oom" }.count == kills)
        }
    }
}
