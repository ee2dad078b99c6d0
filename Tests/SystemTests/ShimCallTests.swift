// Every call of the task service, in the usual order and in wrong orders.

import Foundation
import Glibc
import ShimAPI
import SwiftProtobuf
import TTRPC
import Testing

@Suite(
    .serialized, .timeLimit(.minutes(3)),
    .enabled(if: ContainerdHost.missing == nil, "\(ContainerdHost.missing ?? "")"))
struct ShimCallTests {
    @Test func `a container's life in calls of version three`() async throws {
        try await withShim("c1", "trap 'exit 9' TERM; while :; do sleep 0.05; done") { host, shim in
            let created: TaskCreateResponse = try await shim.ask("Create", create("c1", host))
            #expect(created.pid > 0)
            let state: TaskStateResponse = try await shim.ask("State", process("c1"))
            #expect(state.status == .created)
            let started: TaskStartResponse = try await shim.ask("Start", process("c1"))
            #expect(started.pid == created.pid)
            let pids: TaskPidsResponse = try await shim.ask("Pids", container("c1"))
            #expect(pids.processes.map(\.pid).contains(created.pid))
            let statistics: TaskStatsResponse = try await shim.ask("Stats", container("c1"))
            #expect(
                ["io.containerd.cgroups.v1.Metrics", "io.containerd.cgroups.v2.Metrics"].contains(
                    statistics.stats.typeURL))
            let connected: TaskConnectResponse = try await shim.ask("Connect", container("c1"))
            #expect(connected.taskPid == created.pid)
            async let waited: TaskWaitResponse = shim.ask("Wait", process("c1"))
            try await Task.sleep(for: .milliseconds(200))
            try await shim.tell("Kill", kill("c1", SIGTERM))
            #expect(try await waited.exitStatus == 9)
            let deleted: TaskDeleteResponse = try await shim.ask("Delete", process("c1"))
            #expect(deleted.exitStatus == 9)
            #expect(deleted.pid == created.pid)
            #expect(host.events == ["/tasks/create", "/tasks/start", "/tasks/exit", "/tasks/delete"])
        }
    }

    @Test func `calls in the wrong order get the codes that clients check`() async throws {
        try await withShim("c1", "sleep 1000") { host, shim in
            let unknown = Status(.notFound, "container not created")
            #expect(try await shim.refusal("State", process("nobody")) == unknown)
            #expect(try await shim.refusal("Kill", kill("nobody", 9)) == unknown)
            let connected: TaskConnectResponse = try await shim.ask("Connect", container("nobody"))
            #expect(connected.taskPid == 0)
            let _: TaskCreateResponse = try await shim.ask("Create", create("c1", host))
            #expect(
                try await shim.refusal("Create", create("c1", host))
                    == Status(.alreadyExists, "container c1 already exists"))
            let _: TaskStartResponse = try await shim.ask("Start", process("c1"))
            #expect(
                try await shim.refusal("Start", process("c1")) == Status(.unknown, "cannot start a running process"))
            #expect(
                try await shim.refusal("Delete", process("c1")) == Status(.unknown, "cannot delete a running process"))
            #expect(
                try await shim.refusal("State", process("c1", "nobody"))
                    == Status(.notFound, "process does not exist nobody"))
            try await shim.tell("Exec", exec("c1", "e1", ["/bin/sh", "-c", "exit 3"]))
            #expect(
                try await shim.refusal("Exec", exec("c1", "e1", ["/bin/sh"]))
                    == Status(.alreadyExists, "id e1 already exists"))
            #expect(
                try await shim.refusal("Kill", kill("c1", 9, "e1"))
                    == Status(.failedPrecondition, "process not created"))
            #expect(try await shim.refusal("Exec", exec("c1", "../e", ["/bin/sh"]))?.code == .invalidArgument)
            let _: TaskStartResponse = try await shim.ask("Start", process("c1", "e1"))
            let waited: TaskWaitResponse = try await shim.ask("Wait", process("c1", "e1"))
            #expect(waited.exitStatus == 3)
            let _: TaskDeleteResponse = try await shim.ask("Delete", process("c1", "e1"))
            try await shim.tell("Exec", exec("c1", "e2", ["/bin/sh"]))
            try await shim.tell("ResizePty", TaskResizePtyRequest.with { $0.id = "c1" })
            #expect(try await shim.refusal("Resume", container("c1"))?.code == .unknown)
            try await shim.tell("Kill", kill("c1", SIGKILL))
            let _: TaskWaitResponse = try await shim.ask("Wait", process("c1"))
            #expect(
                try await shim.refusal("Start", process("c1", "e2"))
                    == Status(.failedPrecondition, "container c1 init process is not running"))
            #expect(
                try await shim.refusal("Kill", kill("c1", SIGKILL)) == Status(.notFound, "process already finished"))
            let _: TaskDeleteResponse = try await shim.ask("Delete", process("c1"))
            #expect(try await shim.refusal("Delete", process("c1")) == unknown)
        }
    }

    @Test func `a container that cannot be created is removed, and the shim stays`() async throws {
        try await withShim("c1", "true") { host, shim in
            var request = create("c1", host)
            request.bundle = host.directory + "/nothing"
            #expect(
                try await shim.refusal("Create", request)
                    == Status(.unknown, "open \(request.bundle)/config.json: no such file or directory"))
            request = create("c1", host)
            request.rootfs = [
                TaskMount.with {
                    $0.type = "overlay"; $0.source = "overlay"; $0.options = ["lowerdir=/no"]
                }
            ]
            #expect(try await shim.refusal("Create", request)?.message.hasPrefix("mount overlay overlay on") == true)
            request = create("c1", host)
            request.stdout = host.directory + "/nothing"
            #expect(
                try await shim.refusal("Create", request)
                    == Status(.unknown, "open \(request.stdout): no such file or directory"))
            request.stdout = "gopher://x"
            #expect(
                try await shim.refusal("Create", request)
                    == Status(.unknown, "stdout gopher://x: unknown scheme gopher"))
            let _: TaskCreateResponse = try await shim.ask("Create", create("c1", host))
            try await shim.tell("Kill", kill("c1", SIGKILL))
            let _: TaskWaitResponse = try await shim.ask("Wait", process("c1"))
            let _: TaskDeleteResponse = try await shim.ask("Delete", process("c1"))
        }
    }

    @Test func `an overlay whose options are longer than a page is mounted, and unmounted in the end`() async throws {
        try await withShim("c1", "cat /layer-149 && test -e /layer-0 && exit 5") { host, shim in
            let layers = (0..<150).map { host.directory + "/a-rather-long-name-for-layers/\($0)" }
            for (number, layer) in layers.enumerated() {
                try FileManager.default.createDirectory(atPath: layer, withIntermediateDirectories: true)
                try "\(number)".write(toFile: layer + "/layer-\(number)", atomically: false, encoding: .utf8)
            }
            let system = layers[0] + "/bin"
            try FileManager.default.copyItem(atPath: host.directory + "/c1/rootfs/bin", toPath: system)
            for name in ["proc", "sys", "dev"] {
                try FileManager.default.createDirectory(
                    atPath: layers[0] + "/" + name, withIntermediateDirectories: true)
            }
            var request = create("c1", host)
            request.rootfs = [
                TaskMount.with { mount in
                    mount.type = "overlay"
                    mount.source = "overlay"
                    mount.options = ["lowerdir=" + layers.joined(separator: ":")]
                }
            ]
            let _: TaskCreateResponse = try await shim.ask("Create", request)
            let _: TaskStartResponse = try await shim.ask("Start", process("c1"))
            let waited: TaskWaitResponse = try await shim.ask("Wait", process("c1"))
            #expect(waited.exitStatus == 5)
            let _: TaskDeleteResponse = try await shim.ask("Delete", process("c1"))
            let mounts = try String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8)
            #expect(!mounts.contains(host.directory))
        }
    }

    @Test func `containers of a pod share a shim, which ends with the last`() async throws {
        let host = try ShimHost()
        try await host.listen()
        let pod = ["io.kubernetes.cri.sandbox-id": "pod"]
        let first = try await host.start("c1", in: host.makeBundle("c1", "sleep 1000", annotations: pod))
        let second = try await host.start("c2", in: host.makeBundle("c2", "sleep 1000", annotations: pod))
        #expect(first.version == 3)
        #expect(first.protocol == "ttrpc")
        #expect(first.address == second.address)
        let shim = try await host.connect(first.address)
        for id in ["c1", "c2"] {
            let _: TaskCreateResponse = try await shim.ask("Create", create(id, host))
            let _: TaskStartResponse = try await shim.ask("Start", process(id))
        }
        let other = try await host.connect(first.address)
        let connected: TaskConnectResponse = try await other.ask("Connect", container("c2"))
        for id in ["c1", "c2"] {
            try await other.tell("Shutdown", TaskShutdownRequest())
            try await shim.tell("Kill", kill(id, SIGKILL))
            let _: TaskWaitResponse = try await shim.ask("Wait", process(id))
            let _: TaskDeleteResponse = try await shim.ask("Delete", process(id))
        }
        try await other.tell("Shutdown", TaskShutdownRequest())
        try await eventually("the shim ends") { !ContainerdHost.isAlive(pid_t(connected.shimPid)) }
        #expect(access(String(first.address.dropFirst(7)), F_OK) != 0)
        #expect(host.events.count == 8)
        try await host.end()
    }

    // MARK: requests

    func withShim(
        _ id: String, _ command: String, _ body: (ShimHost, ShimConnection) async throws -> Void
    ) async throws {
        let host = try ShimHost()
        try await host.listen()
        let result = try await host.start(id, in: host.makeBundle(id, command))
        let shim = try await host.connect(result.address)
        let connected: TaskConnectResponse = try await shim.ask("Connect", container(id))
        do {
            try await body(host, shim)
        } catch {
            Glibc.kill(pid_t(connected.shimPid), SIGKILL)
            throw error
        }
        try await shim.tell("Shutdown", TaskShutdownRequest())
        try await host.end()
    }

    func create(_ id: String, _ host: ShimHost) -> TaskCreateRequest {
        .with { request in
            request.id = id
            request.bundle = host.directory + "/" + id
            request.options.typeURL = "containerd.runc.v1.Options"
            let options = RuncOptions.with { options in
                options.binaryName = ContainerdHost.checkout + "/.build/dist/swiftrun"
                options.root = host.directory + "/runtime"
            }
            request.options.value = (try? options.serializedData()) ?? Data()
        }
    }

    func exec(_ id: String, _ execID: String, _ arguments: [String]) -> TaskExecRequest {
        .with { request in
            request.id = id
            request.execID = execID
            request.spec.typeURL = "types.containerd.io/opencontainers/runtime-spec/1/Process"
            let process: [String: Any] = ["args": arguments, "cwd": "/", "user": ["uid": 0, "gid": 0]]
            request.spec.value = (try? JSONSerialization.data(withJSONObject: process)) ?? Data()
        }
    }

    func process(_ id: String, _ execID: String = "") -> TaskProcessRequest {
        .with { request in
            request.id = id
            request.execID = execID
        }
    }

    func container(_ id: String) -> TaskContainerRequest { .with { $0.id = id } }

    func kill(_ id: String, _ signal: Int32, _ execID: String = "") -> TaskKillRequest {
        .with { request in
            request.id = id
            request.execID = execID
            request.signal = UInt32(signal)
        }
    }
}
