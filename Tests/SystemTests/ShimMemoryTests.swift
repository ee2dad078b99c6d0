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

    /// The memory controller of either version.
    private enum Memory {
        static let isLegacy = access("/sys/fs/cgroup/memory/memory.oom_control", F_OK) == 0
        private static let isUnified = access("/sys/fs/cgroup/cgroup.subtree_control", F_OK) == 0
        static let isThere = isLegacy || isUnified

        private static func directory(_ path: String) -> String {
            "/sys/fs/cgroup" + (isLegacy ? "/memory" : "") + path
        }

        /// How many processes were killed in a cgroup.
        static func kills(_ path: String) -> Int {
            let file = directory(path) + (isLegacy ? "/memory.oom_control" : "/memory.events")
            let text = (try? String(contentsOfFile: file, encoding: .utf8)) ?? ""
            let line = text.split(separator: "\n").first { $0.hasPrefix("oom_kill ") }
            return line.flatMap { Int($0.dropFirst(9)) } ?? 0
        }

        /// Makes a cgroup, with a limit if there is one.
        static func make(_ path: String, limit: Int?) throws {
            let parent = String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
            if !isLegacy {
                try "+memory".write(
                    toFile: directory(parent) + "/cgroup.subtree_control", atomically: false, encoding: .utf8)
            }
            try #require(mkdir(directory(path), 0o755) == 0)
            guard let limit else { return }
            let file = directory(path) + (isLegacy ? "/memory.limit_in_bytes" : "/memory.max")
            try "\(limit)".write(toFile: file, atomically: false, encoding: .utf8)
        }

        static func remove(_ path: String) {
            let hierarchies = isLegacy ? (try? FileManager.default.contentsOfDirectory(atPath: "/sys/fs/cgroup")) : [""]
            for name in hierarchies ?? [] { rmdir("/sys/fs/cgroup/\(name)\(path)") }
        }
    }

    /// Whose limit a process meets: the container's own, its pod's, or that of the slice with all pods.
    enum Owner: String, CaseIterable, Sendable { case container, pod, slice }

    /// Gives a container a cgroup and limits, in a pod in a slice.
    private func withLimit(
        _ command: String, of owner: Owner = .container, _ limit: Int = 16 << 20,
        _ body: (ShimHost, ShimConnection, String) async throws -> Void
    ) async throws {
        try await withShim("c1", command) { host, shim in
            let slice = "/swiftrun-" + UUID().uuidString.prefix(8).lowercased()
            defer { for path in [slice + "/pod", slice] { Memory.remove(path) } }
            try Memory.make(slice, limit: owner == .slice ? limit : nil)
            try Memory.make(slice + "/pod", limit: owner == .pod ? limit : nil)
            let own = owner == .container ? limit : 512 << 20
            try host.change(host.directory + "/c1") { spec in
                var linux = spec["linux"] as? [String: Any] ?? [:]
                linux["cgroupsPath"] = slice + "/pod/c1"
                linux["resources"] = ["memory": ["limit": own, "swap": own]]
                spec["linux"] = linux
            }
            try await body(host, shim, slice)
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

    /// A thousand; of version 2 fewer, as an emulated machine takes a sixth of a second for each.
    @Test(.enabled(if: Memory.isThere, "the host has no memory controller"))
    func `each of many kills has its event, before the exit`() async throws {
        let count = Memory.isLegacy ? 1000 : 150
        let command = "i=0; while [ $i -lt \(count) ]; do \(glutton); i=$((i+1)); done; sleep 1000"
        try await withLimit(command, 4 << 20) { host, shim, slice in
            try await run(shim, host)
            func kills() -> Int { Memory.kills(slice + "/pod/c1") }
            let end = ContinuousClock.now + .seconds(150)
            while kills() < count, ContinuousClock.now < end { try await Task.sleep(for: .milliseconds(20)) }
            #expect(kills() == count)
            // Without waiting: the last notices may not have come yet.
            try await shim.tell("Kill", kill("c1", SIGKILL))
            let exit = try await finish(shim, host)
            let told: [EventTaskOOM] = try host.messages("/tasks/oom")
            #expect(told.count == count)
            #expect(told.allSatisfy { $0.limitOf == "container" && $0.limit == 4 << 20 })
            let topics = host.events
            #expect(topics.lastIndex(of: "/tasks/oom") ?? 0 < topics.firstIndex(of: "/tasks/exit") ?? 0)
            #expect(exit.exitStatus == 137)
        }
    }

    @Test(.enabled(if: Memory.isThere, "the host has no memory controller"), arguments: Owner.allCases)
    func `an exit for want of memory says whose limit it was`(_ owner: Owner) async throws {
        try await withLimit("exec \(glutton)", of: owner) { host, shim, slice in
            try await run(shim, host)
            let exit = try await finish(shim, host)
            let name = owner == .container ? "container" : owner == .pod ? slice + "/pod" : slice
            #expect(exit.exitStatus == 137)
            #expect(exit.killedByLimitOf == name && exit.limit == 16 << 20)
            let told: [EventTaskOOM] = try host.messages("/tasks/oom")
            #expect(told.map(\.limitOf) == [name] && told.map(\.limit) == [16 << 20])
            #expect(host.events == ["/tasks/create", "/tasks/start", "/tasks/oom", "/tasks/exit", "/tasks/delete"])
        }
    }

    /// A kill by a person; one after another process ran out of memory.
    @Test(
        .enabled(if: Memory.isThere, "the host has no memory controller"),
        arguments: [
            ("sleep 1000", 0), ("tail /dev/zero; sleep 1000", 1),
        ])
    func `a plain kill is not called one for want of memory`(
        _ command: String, _ kills: Int
    ) async throws {
        try await withLimit(command) { host, shim, slice in
            try await run(shim, host)
            try await eventually("\(kills) kills") { Memory.kills(slice + "/pod/c1") == kills }
            try await Task.sleep(for: .seconds(1))
            try await shim.tell("Kill", kill("c1", SIGKILL))
            let exit = try await finish(shim, host)
            #expect(exit.exitStatus == 137)
            #expect(exit.killedByLimitOf == "" && exit.limit == 0)
            #expect(host.events.filter { $0 == "/tasks/oom" }.count == kills)
        }
    }
}
