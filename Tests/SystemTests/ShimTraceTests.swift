// Traces: from a client's call through the shim to the runtime and its hooks, and to a collector.

import Foundation
import Glibc
import NIOCore
import NIOPosix
import ShimAPI
import TTRPC
import Testing

/// The trace of the tests' client.
private let traceID = "0af7651916cd43dd8448eb211c80319c"
private let parentID = "b7ad6b7169203331"

extension ShimCallTests {
    private func traced(_ shim: ShimConnection, flags: String = "01") -> ShimConnection {
        var shim = shim
        shim.metadata = [
            Request.Metadata("traceparent", "00-\(traceID)-\(parentID)-\(flags)"),
            Request.Metadata("tracestate", "vendor=1"),
        ]
        return shim
    }

    private func lines(_ path: String) -> [String] {
        ((try? String(contentsOfFile: path, encoding: .utf8)) ?? "").split(separator: "\n").map(String.init)
    }

    @Test func `the runtime and its hooks continue the trace of the client's call`() async throws {
        try await withShim("c1", "env >/seen") { host, shim in
            symlinkApplets(["env"], host)
            try host.change(host.directory + "/c1") { spec in
                spec["root"] = ["path": "rootfs"]
                spec["hooks"] = [
                    "createRuntime": [
                        [
                            "path": "/bin/sh", "env": ["PATH=/bin:/usr/bin"],
                            "args": [
                                "sh", "-c", "cat >/dev/null; echo $TRACEPARENT $TRACESTATE >\(host.directory)/hook",
                            ],
                        ]
                    ]
                ]
            }
            let told = "for word; do case $word in create|start|exec|kill|delete) break;; esac; done"
            let request = try create(
                "c1", host, runtime: "\(told); echo $word $TRACEPARENT $TRACESTATE >>\(host.directory)/calls")
            let client = traced(shim)
            let _: TaskCreateResponse = try await client.ask("Create", request)
            let _: TaskStartResponse = try await shim.ask("Start", process("c1"))
            let _: TaskWaitResponse = try await shim.ask("Wait", process("c1"))
            let _: TaskDeleteResponse = try await client.ask("Delete", process("c1"))
            let place = " 00-\(traceID)-\(parentID)-01 vendor=1"
            #expect(lines(host.directory + "/calls") == ["create" + place, "start", "delete" + place])
            #expect(lines(host.directory + "/hook") == [String(place.dropFirst())])
            let seen = lines(host.directory + "/c1/rootfs/seen")
            #expect(seen.contains { $0.hasPrefix("PATH=") } && !seen.contains { $0.hasPrefix("TRACE") }, "\(seen)")
        }
    }

    /// What a collector does with the requests that it gets.
    enum Answer: String, Sendable, CaseIterable { case takes, refuses, isSilent, isAbsent }

    @Test(arguments: Answer.allCases)
    func `calls are told to a collector, and never wait for it`(_ answer: Answer) async throws {
        let host = try ShimHost()
        try await host.listen()
        let collector = try await Collector(answer, host.group)
        let bundle = try await host.makeBundle("c1", "exit 3")
        let result = try await host.start(
            "c1", in: bundle, variables: ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:\(collector.port)"])
        let shim = try await host.connect(result.address)
        let connected: TaskConnectResponse = try await shim.ask("Connect", container("c1"))
        let _: TaskCreateResponse = try await traced(shim).ask("Create", create("c1", host))
        let _: TaskStartResponse = try await traced(shim, flags: "00").ask("Start", process("c1"))
        let waited: TaskWaitResponse = try await shim.ask("Wait", process("c1"))
        #expect(waited.exitStatus == 3)
        #expect(try await shim.refusal("Kill", kill("c2", SIGKILL)) != nil)
        let _: TaskDeleteResponse = try await shim.ask("Delete", process("c1"))
        if answer == .takes {
            try await eventually("the spans") { Set(collector.spans.compactMap { $0["name"] as? String }).count >= 5 }
            try check(collector.spans)
        }
        try await shim.tell("Shutdown", TaskShutdownRequest())
        try await eventually("the shim ends") { !ContainerdHost.isAlive(pid_t(connected.shimPid)) }
        try await host.end()
    }

    /// The spans of the calls above: those of a trace that is not kept are missing, and questions are not told.
    private func check(_ spans: [[String: Any]]) throws {
        func text(_ key: String, _ span: [String: Any]) -> String { span[key] as? String ?? "" }
        // A request that is answered late is sent again.
        let names = Set(spans.map { text("name", $0) })
        #expect(names == ["Create", "Delete", "Kill", "swiftrun create", "swiftrun delete"])
        let create = try #require(spans.first { text("name", $0) == "Create" })
        let runtime = try #require(spans.first { text("name", $0) == "swiftrun create" })
        #expect(text("traceId", create) == traceID && text("parentSpanId", create) == parentID)
        #expect(text("traceState", create) == "vendor=1" && create["kind"] as? Int == 2)
        #expect(text("traceId", runtime) == traceID && text("parentSpanId", runtime) == text("spanId", create))
        #expect(text("spanId", create).utf8.count == 16 && runtime["kind"] as? Int == 3)
        let begin = try #require(UInt64(text("startTimeUnixNano", create)))
        let end = try #require(UInt64(text("endTimeUnixNano", create)))
        #expect(begin > 1_700_000_000_000_000_000 && end >= begin)
        let kill = try #require(spans.first { text("name", $0) == "Kill" })
        #expect(kill["parentSpanId"] == nil && text("traceId", kill).utf8.count == 32)
        let status = try #require(kill["status"] as? [String: Any])
        #expect(status["code"] as? Int == 2 && status["message"] as? String == "container not created")
    }
}

/// A collector of spans at a port of its own.
private final class Collector: Sendable {
    let port: Int
    private let bodies: NIOLockedBox<[Data]>

    init(_ answer: ShimCallTests.Answer, _ group: any EventLoopGroup) async throws {
        let bodies = NIOLockedBox<[Data]>([])
        self.bodies = bodies
        let channel = try await ServerBootstrap(group: group)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(CollectorConnection(answer, bodies))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = try #require(channel.localAddress?.port)
        if answer == .isAbsent { try await channel.close() }
    }

    /// All spans of all requests.
    var spans: [[String: Any]] {
        bodies.value.flatMap { body -> [[String: Any]] in
            let request = try? JSONSerialization.jsonObject(with: body) as? [String: Any]
            let resources = request?["resourceSpans"] as? [[String: Any]] ?? []
            let scopes = resources.flatMap { $0["scopeSpans"] as? [[String: Any]] ?? [] }
            return scopes.flatMap { $0["spans"] as? [[String: Any]] ?? [] }
        }
    }
}

private final class CollectorConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let answer: ShimCallTests.Answer
    private let bodies: NIOLockedBox<[Data]>
    private var received: [UInt8] = []

    init(_ answer: ShimCallTests.Answer, _ bodies: NIOLockedBox<[Data]>) {
        self.answer = answer
        self.bodies = bodies
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        received += unwrapInboundIn(data).readableBytesView
        let text = String(decoding: received, as: UTF8.self)
        guard let end = text.range(of: "\r\n\r\n"), let length = text.range(of: "Content-Length: "),
            let count = Int(text[length.upperBound...].prefix { $0.isNumber }),
            text[end.upperBound...].utf8.count == count, answer != .isSilent
        else { return }
        bodies.append(Data(text[end.upperBound...].utf8))
        let status = answer == .takes ? "200 OK" : "400 Bad Request"
        let reply = ByteBuffer(string: "HTTP/1.1 \(status)\r\nContent-Length: 2\r\n\r\n{}")
        context.channel.writeAndFlush(reply, promise: nil)
    }
}
