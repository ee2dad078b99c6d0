// A server with a few methods, and two ways to call it.

import Glibc
import NIOCore
import NIOPosix
import TTRPC

struct Answer: Equatable, Sendable {
    var stream: UInt32
    var result: Result<[UInt8], Status>
    init(_ stream: UInt32, _ result: Result<[UInt8], Status>) {
        self.stream = stream
        self.result = result
    }
}

/// Runs a body against a server on a fresh socket in a fresh directory.
func withServer(_ body: (Harness) async throws -> Void) async throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    var template = Array("/tmp/ttrpc-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw IOError(errnoCode: errno, reason: "mkdtemp") }
    let directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let harness = Harness(loop: group.next(), path: directory + "/socket")
    var failure: (any Error)?
    do {
        try await harness.listen()
        try await body(harness)
    } catch {
        failure = error
    }
    unlink(harness.path)
    rmdir(directory)
    try await group.shutdownGracefully()
    if let failure { throw failure }
}

struct Harness: Sendable {
    typealias BoundClient = NIOLoopBound<Client>

    let loop: any EventLoop
    let path: String

    func listen() async throws {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        try withUnixAddress(path) { address, size in
            guard bind(descriptor, address, size) == 0, Glibc.listen(descriptor, 64) == 0 else {
                throw IOError(errnoCode: errno, reason: "listen")
            }
        }
        try await loop.flatSubmit {
            let server = Server(on: loop)
            register(on: server)
            return server.listen(adopting: descriptor)
        }.get()
    }

    private func register(on server: Server) {
        var waiting: [Call] = []
        server.register(
            "test.Echo",
            [
                "echo": { $0.answer(.success($0.payload)) },
                "later": { waiting.append($0) },
                "waiting": { $0.answer(.success(Array(String(waiting.count).utf8))) },
                "release": { call in
                    call.answer(.success(call.payload))
                    for call in waiting.reversed() { call.answer(.success(call.payload)) }
                    waiting = []
                },
                "never": { waiting.append($0) },
                "huge": { $0.answer(.success([UInt8](repeating: 1, count: Frame.longestPayload))) },
            ])
    }

    func connect(_ count: Int) async throws -> [BoundClient] {
        var clients: [BoundClient] = []
        for _ in 0..<count { clients.append(try await Client.connect(to: path, on: loop).get()) }
        return clients
    }

    func close(_ client: BoundClient) async { try? await loop.submit { client.value.close() }.get() }

    func call(
        _ method: String, _ payload: [UInt8], service: String = "test.Echo", on client: BoundClient? = nil,
        timeout: TimeAmount? = nil
    ) async throws -> Result<[UInt8], Status> {
        let client = if let client { client } else { try await connect(1)[0] }
        let request = Request(service: service, method: method, payload: payload)
        return try await withCheckedThrowingContinuation { continuation in
            loop.execute {
                client.value.call(request, timeout: timeout) { continuation.resume(returning: $0) }
            }
        }
    }

    /// Waits until a number of calls are pending.
    func untilWaiting(_ count: Int) async throws {
        while try await call("waiting", []).get() != Array(String(count).utf8) {
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    /// Writes raw frames and reads a number of response frames.
    func exchange(_ frames: [Frame], expecting count: Int) async throws -> [Answer] {
        let path = path
        return try await Task.detached {
            let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
            defer { Glibc.close(descriptor) }
            try withUnixAddress(path) { address, size in
                guard Glibc.connect(descriptor, address, size) == 0 else {
                    throw IOError(errnoCode: errno, reason: "connect")
                }
            }
            var output = ByteBuffer()
            for frame in frames { frame.write(to: &output) }
            while output.readableBytes > 0 {
                let sent = output.withUnsafeReadableBytes { write(descriptor, $0.baseAddress, $0.count) }
                guard sent > 0 else { throw IOError(errnoCode: errno, reason: "write") }
                output.moveReaderIndex(forwardBy: sent)
            }
            return try readAnswers(descriptor, count)
        }.value
    }
}

private func readAnswers(_ descriptor: Int32, _ count: Int) throws -> [Answer] {
    var decoder = FrameDecoder()
    var input = ByteBuffer()
    var answers: [Answer] = []
    while answers.count < count {
        let got = input.writeWithUnsafeMutableBytes(minimumWritableBytes: 4096) {
            max(0, read(descriptor, $0.baseAddress, $0.count))
        }
        guard got > 0 else { throw IOError(errnoCode: ECONNRESET, reason: "the server closed the connection") }
        while case .frame(let frame)? = decoder.next(from: &input) {
            guard let response = Response(decoding: frame.payload) else { continue }
            answers.append(Answer(frame.header.stream, response.result))
        }
    }
    return answers
}

private func withUnixAddress(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) throws -> Void) throws {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    try withUnsafePointer(to: &address) { pointer in
        try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            try body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
    }
}
