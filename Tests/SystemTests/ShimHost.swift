// The shim without containerd, started and called as a new containerd does, so that every answer is visible.

import Foundation
import FoundationEssentials
import Glibc
import NIOCore
import NIOPosix
import ShimAPI
import Subprocess
import Synchronization
import SwiftProtobuf
import SystemPackage
import TTRPC
import Testing

/// A shim with containers for one test, and a listener for its events.
final class ShimHost: Sendable {
    let directory: String
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let received: NIOLockedBox<[EventEnvelope]>

    var loop: any EventLoop { group.next() }
    private static let binary = ContainerdHost.checkout + "/.build/dist/swift-shim"

    init() throws {
        directory = "/tmp/shim-host-" + UUID().uuidString.prefix(8).lowercased()
        received = NIOLockedBox([])
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    }

    /// The topics of all events so far.
    var events: [String] { received.value.map(\.topic) }

    /// The messages of one topic so far.
    func messages<Event: Message>(_ topic: String) throws -> [Event] {
        try received.value.filter { $0.topic == topic }.map { try Event(serializedBytes: $0.event.value) }
    }

    /// Creates a bundle whose process is a shell command.
    func makeBundle(_ id: String, _ command: String, annotations: [String: String] = [:]) async throws -> String {
        let bundle = directory + "/" + id
        try FileManager.default.createDirectory(atPath: bundle + "/rootfs/bin", withIntermediateDirectories: true)
        for name in ["proc", "sys", "dev"] {
            try FileManager.default.createDirectory(
                atPath: bundle + "/rootfs/" + name, withIntermediateDirectories: true)
        }
        try FileManager.default.copyItem(atPath: "/bin/busybox", toPath: bundle + "/rootfs/bin/sh")
        _ = try await run("/usr/sbin/runc", ["spec"], in: bundle)
        let file = bundle + "/config.json"
        let object = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: file)))
        var spec = try #require(object as? [String: Any])
        var process = try #require(spec["process"] as? [String: Any])
        process["terminal"] = false
        process["args"] = ["/bin/sh", "-c", command]
        spec["process"] = process
        spec["annotations"] = annotations
        try JSONSerialization.data(withJSONObject: spec).write(to: URL(fileURLWithPath: file))
        return bundle
    }

    /// Makes the bundle of a pod, as containerd does for a shim that keeps pods: there is nothing in it.
    func makePodBundle(_ id: String) throws -> String {
        let bundle = directory + "/" + id
        try FileManager.default.createDirectory(atPath: bundle, withIntermediateDirectories: true)
        return bundle
    }

    /// Changes a bundle's configuration.
    func change(_ bundle: String, _ body: (inout [String: Any]) -> Void) throws {
        let file = URL(fileURLWithPath: bundle + "/config.json")
        var spec = try #require(JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
        body(&spec)
        try JSONSerialization.data(withJSONObject: spec).write(to: file)
    }

    /// Starts a shim by the protocol of containerd 2.3, and returns its answer.
    /// - Parameter variables: added to the shim's environment.
    func start(_ id: String, in bundle: String, variables: [String: String] = [:]) async throws -> BootstrapResult {
        var parameters = BootstrapParams()
        parameters.instanceID = id
        parameters.namespace = "tests"
        parameters.containerdTtrpcAddress = directory + "/events"
        parameters.containerdGrpcAddress = directory + "/grpc"
        parameters.socketDir = directory + "/s"
        let output = try await run(
            Self.binary, ["-namespace", "tests", "-id", id, "-address", directory + "/grpc", "start"], in: bundle,
            input: parameters.serializedBytes(), variables: variables)
        return try BootstrapResult(serializedBytes: output)
    }

    /// Runs the helper that containerd runs when the shim is gone.
    func delete(_ id: String, in bundle: String) async throws -> TaskDeleteResponse {
        let output = try await run(
            Self.binary,
            ["-namespace", "tests", "-id", id, "-address", directory + "/grpc", "-bundle", bundle, "delete"],
            in: bundle)
        return try TaskDeleteResponse(serializedBytes: output)
    }

    func run(
        _ path: String, _ arguments: [String], in bundle: String, input: [UInt8] = [], variables: [String: String] = [:]
    ) async throws -> [UInt8] {
        let changes = variables.map { (Environment.Key(stringLiteral: $0.key), Optional($0.value)) }
        let result = try await Subprocess.run(
            .path(FilePath(path)), arguments: Arguments(arguments),
            environment: .inherit.updating(Dictionary(uniqueKeysWithValues: changes)),
            workingDirectory: FilePath(bundle), input: .array(input), output: .bytes(limit: 1 << 20),
            error: .string(limit: 1 << 20))
        guard case .exited(0) = result.terminationStatus else { throw Refusal(description: result.standardError) }
        return result.standardOutput
    }

    struct Refusal: Error, CustomStringConvertible { var description: String }

    /// Listens at the address to which the shim sends its events.
    func listen() async throws {
        let path = directory + "/events"
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let isBound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
        try #require(isBound && Glibc.listen(descriptor, 8) == 0)
        let loop = loop
        let received = received
        try await loop.flatSubmit {
            let server = Server(on: loop)
            server.register(
                "containerd.services.events.ttrpc.v1.Events",
                [
                    "Forward": { call in
                        let request = try? EventForwardRequest(serializedBytes: call.payload)
                        received.append(request?.envelope ?? EventEnvelope())
                        call.answer(.success([]))
                    }
                ])
            return server.listen(adopting: descriptor)
        }.get()
    }

    func connect(_ address: String) async throws -> ShimConnection {
        let path = address.hasPrefix("unix://") ? String(address.dropFirst(7)) : address
        return ShimConnection(client: try await Client.connect(to: path, on: loop).get(), loop: loop)
    }

    func end() async throws {
        try await group.shutdownGracefully()
        try? FileManager.default.removeItem(atPath: directory)
    }
}

/// A client's connection to the shim.
struct ShimConnection: Sendable {
    let client: NIOLoopBound<Client>
    let loop: any EventLoop

    /// The service that methods are called of.
    var service = "containerd.task.v3.Task"

    /// Sent with every call.
    var metadata: [Request.Metadata] = []

    /// The same connection, for calls of the pod's.
    var pods: ShimConnection {
        ShimConnection(client: client, loop: loop, service: "containerd.runtime.sandbox.v1.Sandbox")
    }

    /// Calls a method; returns the answer as bytes, or the status.
    func call(
        _ method: String, _ message: some Message & Sendable, timeout: TimeAmount = .seconds(60)
    ) async throws -> Result<[UInt8], Status> {
        let request = Request(
            service: service, method: method, payload: try message.serializedBytes(), metadata: metadata)
        let client = client
        let loop = loop
        return await withCheckedContinuation { continuation in
            loop.execute {
                client.value.call(request, timeout: timeout) { continuation.resume(returning: $0) }
            }
        }
    }

    /// Calls a method that must succeed.
    func ask<Answer: Message>(_ method: String, _ message: some Message & Sendable) async throws -> Answer {
        try Answer(serializedBytes: try await call(method, message).get())
    }

    /// Calls a method that must succeed and has an empty answer.
    func tell(_ method: String, _ message: some Message & Sendable) async throws {
        #expect(try await call(method, message).get() == [])
    }

    /// The reason why a call fails.
    func refusal(_ method: String, _ message: some Message & Sendable) async throws -> Status? {
        if case .failure(let status) = try await call(method, message) { status } else { nil }
    }
}

/// A value behind a lock.
final class NIOLockedBox<Element: Sendable>: Sendable
where Element: RangeReplaceableCollection, Element.Element: Sendable {
    private let content: Mutex<Element>
    init(_ value: Element) { content = Mutex(value) }
    var value: Element { content.withLock { $0 } }
    func append(_ element: Element.Element) { content.withLock { $0.append(element) } }
}
