// Clients that give up: nothing is left of what they asked for, and nothing is held.

import Foundation
import Glibc
import NIOCore
import ShimAPI
import SwiftProtobuf
import TTRPC
import Testing

extension ShimCallTests {
    /// A creation that does not come to its end, and how its client gives up.
    struct GivenUp: Sendable, CustomTestStringConvertible {
        /// What the creation waits for. The slow runtime creates the container when nobody wants it any more.
        enum Obstacle: String, CaseIterable, Sendable { case reader, logger, runtime, slowRuntime }
        enum Way: String, CaseIterable, Sendable { case deadline, connection, delete, shutdown, shutdownNow, helper }
        var obstacle: Obstacle
        var way: Way

        var testDescription: String { "\(obstacle), \(way)" }
        /// Whether the shim is to end with the creation.
        var isEnd: Bool { way == .shutdown || way == .shutdownNow || way == .helper }

        static let all = Obstacle.allCases.flatMap { obstacle in
            Way.allCases.map { GivenUp(obstacle: obstacle, way: $0) }
        }
    }

    @Test(arguments: GivenUp.all)
    func `a creation that is given up is undone`(_ row: GivenUp) async throws {
        let host = try ShimHost()
        try await host.listen()
        let bundle = try await host.makeBundle("c1", "sleep 1000")
        let address = try await host.start("c1", in: bundle).address
        let shim = try await host.connect(address)
        let connected: TaskConnectResponse = try await shim.ask("Connect", container("c1"))
        let process = pid_t(connected.shimPid)
        defer { Glibc.kill(process, SIGKILL) }
        let creator = try await host.connect(address)
        let request = try stuckCreation(row.obstacle, host)
        let limit = row.way == .deadline ? TimeAmount.seconds(1) : .seconds(60)
        async let refused = creator.call("Create", request, timeout: limit)
        try await eventually("the creation begins") {
            FileManager.default.fileExists(atPath: host.directory + "/begun")
        }
        try await giveUp(row.way, host, shim, creator)
        // A runtime is given a moment, except where the client has gone: then it is ended at once.
        if row.way != .deadline, row.way != .connection {
            try "".write(toFile: host.directory + "/go", atomically: false, encoding: .utf8)
        }
        let outcome = try await refused
        #expect(throws: Status.self) { _ = try outcome.get() }
        if row.isEnd {
            try await eventually("the shim ends") { !ContainerdHost.isAlive(process) }
        } else {
            try await eventually("the id is free") {
                if case .success = try await shim.call("Create", create("c1", host)) { true } else { false }
            }
            try await remove("c1", shim)
            try await shim.tell("Shutdown", TaskShutdownRequest())
        }
        #expect(access(bundle + "/swift-shim.options", F_OK) != 0)
        #expect(access(host.directory + "/runtime/c1", F_OK) != 0)
        try await host.end()
    }

    /// A request that waits, and leaves a file `begun` where it does so.
    private func stuckCreation(_ obstacle: GivenUp.Obstacle, _ host: ShimHost) throws -> TaskCreateRequest {
        let begun = host.directory + "/begun"
        switch obstacle {
        case .reader:
            // The shim mounts, then opens the FIFO: it is seen by the record in the bundle.
            var request = create("c1", host)
            mkfifo(host.directory + "/fifo", 0o600)
            request.stdout = host.directory + "/fifo"
            symlink(host.directory + "/c1/swift-shim.options", begun)
            return request
        case .logger:
            var request = create("c1", host)
            let path = host.directory + "/logger"
            try "#!/bin/sh\n: >\(begun)\nexec sleep 1000\n".write(toFile: path, atomically: false, encoding: .utf8)
            chmod(path, 0o755)
            request.stdout = "binary://" + path
            return request
        case .runtime:
            return try create(
                "c1", host, runtime: "case \"$*\" in *' create '*) : >\(begun); exec sleep 1000;; esac")
        case .slowRuntime:
            let wait = "while ! test -e \(host.directory)/go; do sleep 0.02; done"
            return try create("c1", host, runtime: "case \"$*\" in *' create '*) : >\(begun); \(wait);; esac")
        }
    }

    private func giveUp(
        _ way: GivenUp.Way, _ host: ShimHost, _ shim: ShimConnection, _ creator: ShimConnection
    ) async throws {
        switch way {
        case .deadline: break
        case .connection: creator.loop.execute { creator.client.value.close() }
        case .delete:
            #expect(try await shim.refusal("Delete", process("c1"))?.code == .notFound)
        case .shutdown: try await shim.tell("Shutdown", TaskShutdownRequest.with { $0.id = "c1" })
        case .shutdownNow: try await shim.tell("Shutdown", TaskShutdownRequest.with { $0.now = true })
        case .helper: _ = try await host.delete("c1", in: host.directory + "/c1")
        }
    }

    @Test func `a shim that keeps nothing and that nobody is connected to ends`() async throws {
        let host = try ShimHost()
        let result = try await host.start("c1", in: host.makeBundle("c1", "true"))
        let shim = try await host.connect(result.address)
        let connected: TaskConnectResponse = try await shim.ask("Connect", container("c1"))
        shim.loop.execute { shim.client.value.close() }
        try await eventually("the shim ends") { !ContainerdHost.isAlive(pid_t(connected.shimPid)) }
        try await host.end()
    }

    // MARK: exec processes

    /// How the start of an exec is given up.
    enum ExecWay: String, CaseIterable, Sendable { case deadline, kill, delete }

    @Test(arguments: ExecWay.allCases)
    func `an exec whose output nobody reads holds no call`(_ way: ExecWay) async throws {
        try await withShim("c1", "sleep 1000") { host, shim in
            symlinkApplets(["sleep"], host)
            let _: TaskCreateResponse = try await shim.ask("Create", create("c1", host))
            let _: TaskStartResponse = try await shim.ask("Start", process("c1"))
            mkfifo(host.directory + "/fifo", 0o600)
            var request = exec("c1", "e1", ["/bin/sh"])
            request.stdout = host.directory + "/fifo"
            try await shim.tell("Exec", request)
            let limit = way == .deadline ? TimeAmount.seconds(1) : .seconds(60)
            async let refused = shim.call("Start", process("c1", "e1"), timeout: limit)
            if way == .deadline { _ = try await refused }
            if way != .delete {
                #expect(
                    try await shim.refusal("Kill", kill("c1", SIGKILL, "e1"))
                        == Status(.failedPrecondition, "process not created"))
            }
            let _: TaskDeleteResponse = try await shim.ask("Delete", process("c1", "e1"))
            let outcome = try await refused
            #expect(throws: Status.self) { _ = try outcome.get() }
            try await remove("c1", shim)
        }
    }

    @Test func `who waits for an exec that could not be started is answered`() async throws {
        try await withShim("c1", "sleep 1000") { host, shim in
            symlinkApplets(["sleep"], host)
            let _: TaskCreateResponse = try await shim.ask("Create", create("c1", host))
            let _: TaskStartResponse = try await shim.ask("Start", process("c1"))
            try await shim.tell("Exec", exec("c1", "e1", ["/bin/nothing"]))
            async let early: TaskWaitResponse = shim.ask("Wait", process("c1", "e1"))
            #expect(try await shim.refusal("Start", process("c1", "e1")) != nil)
            _ = try await early
            let _: TaskWaitResponse = try await shim.ask("Wait", process("c1", "e1"))
            let _: TaskDeleteResponse = try await shim.ask("Delete", process("c1", "e1"))
            try await remove("c1", shim)
        }
    }

    // MARK: output

    /// More slowly than any limit that does not look at what is read, and with less than two seconds between reads.
    @Test func `a client that reads slowly gets all output of a process that has ended`() async throws {
        try await withShim("c1", "dd if=/dev/zero bs=104000 count=1 2>/dev/null") { host, shim in
            symlinkApplets(["dd"], host)
            let fifo = host.directory + "/fifo"
            mkfifo(fifo, 0o600)
            let end = open(fifo, O_RDONLY | O_NONBLOCK)
            defer { close(end) }
            var request = create("c1", host)
            request.stdout = fifo
            let _: TaskCreateResponse = try await shim.ask("Create", request)
            let _: TaskStartResponse = try await shim.ask("Start", process("c1"))
            let _: TaskWaitResponse = try await shim.ask("Wait", process("c1"))
            async let deleted: TaskDeleteResponse = shim.ask("Delete", process("c1"))
            var buffer = [UInt8](repeating: 0, count: 1024)
            var sum = 0
            while true {
                let count = read(end, &buffer, buffer.count)
                if count == 0 { break }
                sum += max(0, count)
                // What does not fit into the FIFO has been carried when so much has been read.
                if sum < 45_000 || count < 0 { try await Task.sleep(for: .milliseconds(400)) }
            }
            _ = try await deleted
            #expect(sum == 104_000)
        }
    }

    @Test func `a logger that reads nothing does not keep a container from being deleted`() async throws {
        try await withShim("c1", "echo a; exit 5") { host, shim in
            let path = host.directory + "/logger"
            // It ends when it is told to, which happens when its container is deleted.
            let script = "trap 'echo told >\(host.directory)/told; exit' TERM\nexec 5>&-\nwhile :; do sleep 0.1; done\n"
            try "#!/bin/sh\n\(script)".write(toFile: path, atomically: false, encoding: .utf8)
            chmod(path, 0o755)
            var request = create("c1", host)
            request.stdout = "binary://" + path
            let _: TaskCreateResponse = try await shim.ask("Create", request)
            let _: TaskStartResponse = try await shim.ask("Start", process("c1"))
            let waited: TaskWaitResponse = try await shim.ask("Wait", process("c1"))
            #expect(waited.exitStatus == 5)
            let _: TaskDeleteResponse = try await shim.ask("Delete", process("c1"))
            try await eventually("the logger is told") { access(host.directory + "/told", F_OK) == 0 }
        }
    }

    // MARK: names

    @Test func `names that are no identifiers and options of an unknown type are refused`() async throws {
        try await PodBench.with { bench in
            for name in ["../pod", "a/b", "", "a..b"] {
                var request = create("c1", bench.host)
                request.id = name
                #expect(try await bench.shim.refusal("Create", request)?.code == .invalidArgument)
                var pod = bench.request(CRIPodSandboxConfig())
                pod.sandboxID = name
                #expect(try await bench.shim.pods.refusal("CreateSandbox", pod)?.code == .invalidArgument)
            }
            var request = bench.request(CRIPodSandboxConfig())
            request.options.typeURL = "runtime.v1.Something"
            #expect(
                try await bench.shim.pods.refusal("CreateSandbox", request)
                    == Status(.invalidArgument, "sandbox options: unknown type \"runtime.v1.Something\""))
            let config = CRIPodSandboxConfig.with { $0.dnsConfig.servers = ["10.0.0.1\nnameserver 6.6.6.6"] }
            #expect(
                try await bench.shim.pods.refusal("CreateSandbox", bench.request(config))?.code == .invalidArgument)
            try await bench.shim.pods.tell("CreateSandbox", bench.request(CRIPodSandboxConfig()))
            let _: SandboxStartResponse = try await bench.shim.pods.ask("StartSandbox", bench.pod)
            try await bench.end()
        }
    }
}
