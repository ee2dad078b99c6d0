// A real server on a real socket, called by the client and by raw bytes.

import Glibc
import NIOCore
import NIOPosix
import TTRPC
import Testing

@Suite(.timeLimit(.minutes(1))) struct ServerTests {
    @Test func `answers reach their calls in any order`() async throws {
        try await withServer { harness in
            // "later" answers only after "now" was called, so the first call is answered last.
            async let late = harness.call("later", [1])
            try await harness.untilWaiting(1)
            let early = try await harness.call("release", [2]).get()
            #expect(early == [2])
            #expect(try await late.get() == [1])
        }
    }

    @Test func `a thousand calls on twenty connections are all in flight at once`() async throws {
        try await withServer { harness in
            let clients = try await harness.connect(20)
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<1000 {
                    group.addTask {
                        let payload = withUnsafeBytes(of: number) { Array($0) }
                        return try await harness.call("later", payload, on: clients[number % 20]).get() == payload
                    }
                }
                try await harness.untilWaiting(1000)
                _ = try await harness.call("release", []).get()
                for try await matches in group { #expect(matches) }
            }
        }
    }

    @Test func `an unknown service and an unknown method are unimplemented`() async throws {
        try await withServer { harness in
            let service = try await harness.call("x", [], service: "no.such.Service")
            #expect(service == .failure(Status(.unimplemented, "service no.such.Service")))
            let method = try await harness.call("Nothing", [])
            #expect(method == .failure(Status(.unimplemented, "method Nothing")))
        }
    }

    @Test func `a deadline that passes is answered by the server`() async throws {
        try await withServer { harness in
            var request = Request(service: "test.Echo", method: "never")
            request.timeoutNanoseconds = 20_000_000
            let answer = try await harness.exchange([frame(1, request)], expecting: 1)
            #expect(answer == [.init(1, .failure(Status(.deadlineExceeded, "deadline exceeded")))])
        }
    }

    @Test func `a client stops waiting when its time is over`() async throws {
        try await withServer { harness in
            let answer = try await harness.call("never", [], timeout: .milliseconds(20))
            let byClient = Status(.deadlineExceeded, "no answer in time")
            let byServer = Status(.deadlineExceeded, "deadline exceeded")
            #expect(answer == .failure(byClient) || answer == .failure(byServer))
        }
    }

    @Test func `stream ids must be odd and rise`() async throws {
        try await withServer { harness in
            let echo = Request(service: "test.Echo", method: "echo", payload: [9])
            let answers = try await harness.exchange(
                [frame(5, echo), frame(2, echo), frame(5, echo), frame(3, echo), frame(7, echo)], expecting: 5)
            #expect(
                answers == [
                    .init(5, .success([9])),
                    .init(2, .failure(Status(.invalidArgument, "stream id 2 is not odd"))),
                    .init(5, .failure(Status(.invalidArgument, "stream id 5 is not above 5"))),
                    .init(3, .failure(Status(.invalidArgument, "stream id 3 is not above 5"))),
                    .init(7, .success([9])),
                ])
        }
    }

    @Test func `garbage, foreign kinds and streaming calls leave the connection alive`() async throws {
        try await withServer { harness in
            let echo = Request(service: "test.Echo", method: "echo", payload: [1, 2])
            let garbage = Frame(stream: 1, kind: .request, payload: ByteBuffer(bytes: [0xff, 0xff]))
            let unknown = Frame(stream: 3, kind: .init(rawValue: 200), payload: ByteBuffer(bytes: [1]))
            let data = Frame(stream: 3, kind: .data, payload: ByteBuffer(bytes: [1]))
            let streaming = Frame(stream: 3, kind: .request, flags: .remoteOpen, payload: echo.encoded())
            let answers = try await harness.exchange(
                [garbage, unknown, data, streaming, frame(5, echo)], expecting: 3)
            #expect(
                answers == [
                    .init(1, .failure(Status(.invalidArgument, "malformed request"))),
                    .init(3, .failure(Status(.unimplemented, "streaming calls"))),
                    .init(5, .success([1, 2])),
                ])
        }
    }

    @Test func `an oversized call is refused and the next one served`() async throws {
        try await withServer { harness in
            let length = Frame.longestPayload + 1
            let oversized = Frame(stream: 1, kind: .request, payload: ByteBuffer(repeating: 0, count: length))
            let echo = Request(service: "test.Echo", method: "echo", payload: [3])
            let answers = try await harness.exchange([oversized, frame(3, echo)], expecting: 2)
            let refusal = Status(.resourceExhausted, "message of 4194305 bytes is longer than 4194304")
            #expect(answers == [.init(1, .failure(refusal)), .init(3, .success([3]))])
        }
    }

    @Test func `an answer too long for a frame becomes a failure`() async throws {
        try await withServer { harness in
            let answer = try await harness.call("huge", [])
            #expect(answer == .failure(Status(.resourceExhausted, "answer of 4194309 bytes is too long")))
        }
    }

    @Test func `calls in flight fail when their connection closes, and others go on`() async throws {
        try await withServer { harness in
            let clients = try await harness.connect(2)
            async let lost = harness.call("never", [], on: clients[0])
            try await harness.untilWaiting(1)
            await harness.close(clients[0])
            #expect(try await lost == .failure(Status(.unavailable, "connection closed")))
            #expect(try await harness.call("echo", [4], on: clients[1]).get() == [4])
        }
    }

    private func frame(_ stream: UInt32, _ request: Request) -> Frame {
        Frame(stream: stream, kind: .request, payload: request.encoded())
    }
}
