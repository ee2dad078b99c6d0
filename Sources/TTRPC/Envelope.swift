// The messages that every frame carries: ttrpc.Request and ttrpc.Response.

package import NIOCore

/// `ttrpc.Request`: which method is called, with what.
package struct Request: Equatable, Sendable {
    package var service: String
    package var method: String
    package var payload: [UInt8]
    /// What is left of the caller's patience, in nanoseconds; zero is no limit.
    package var timeoutNanoseconds: Int64
    package var metadata: [Metadata]

    package struct Metadata: Equatable, Sendable {
        package var key: String
        package var value: String
        package init(_ key: String, _ value: String) {
            self.key = key
            self.value = value
        }
    }

    package init(
        service: String, method: String, payload: [UInt8] = [], timeoutNanoseconds: Int64 = 0,
        metadata: [Metadata] = []
    ) {
        self.service = service
        self.method = method
        self.payload = payload
        self.timeoutNanoseconds = timeoutNanoseconds
        self.metadata = metadata
    }

    /// Reads a request; nothing when the bytes are no such message.
    package init?(decoding bytes: ByteBuffer) {
        self.init(service: "", method: "")
        var rest = bytes
        while rest.readableBytes > 0 {
            guard let field = rest.readField() else { return nil }
            switch field {
            case (1, .bytes(let value)): service = value.text
            case (2, .bytes(let value)): method = value.text
            case (3, .bytes(let value)): payload = value.array
            case (4, .varint(let value)): timeoutNanoseconds = Int64(bitPattern: value)
            case (5, .bytes(let value)):
                guard let pair = Metadata(decoding: value) else { return nil }
                metadata.append(pair)
            case (1...5, _): return nil
            default: continue
            }
        }
    }

    package func encoded() -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeField(1, service.utf8)
        buffer.writeField(2, method.utf8)
        buffer.writeField(3, payload)
        buffer.writeField(4, UInt64(bitPattern: timeoutNanoseconds))
        for pair in metadata {
            var inner = ByteBuffer()
            inner.writeField(1, pair.key.utf8)
            inner.writeField(2, pair.value.utf8)
            buffer.writeMessage(5, inner.readableBytesView)
        }
        return buffer
    }
}

extension Request.Metadata {
    fileprivate init?(decoding bytes: ByteBuffer) {
        self.init("", "")
        var rest = bytes
        while rest.readableBytes > 0 {
            guard let field = rest.readField() else { return nil }
            switch field {
            case (1, .bytes(let text)): key = text.text
            case (2, .bytes(let text)): value = text.text
            default: continue
            }
        }
    }
}

/// `ttrpc.Response`: a payload, or a status that says why there is none.
package struct Response: Equatable, Sendable {
    package var result: Result<[UInt8], Status>

    package init(_ result: Result<[UInt8], Status>) { self.result = result }

    /// Reads a response; nothing when the bytes are no such message.
    package init?(decoding bytes: ByteBuffer) {
        var payload: [UInt8] = []
        var failure: Status?
        var rest = bytes
        while rest.readableBytes > 0 {
            guard let field = rest.readField() else { return nil }
            switch field {
            case (1, .bytes(let value)):
                guard let status = ReceivedStatus(decoding: value) else { return nil }
                failure = status.failure
            case (2, .bytes(let value)): payload = value.array
            case (1...2, _): return nil
            default: continue
            }
        }
        if let failure { self.init(.failure(failure)) } else { self.init(.success(payload)) }
    }

    package func encoded() -> ByteBuffer {
        var buffer = ByteBuffer()
        switch result {
        case .success(let payload):
            buffer.writeField(2, payload)
        case .failure(let status):
            var inner = ByteBuffer()
            inner.writeField(1, UInt64(bitPattern: Int64(status.code.rawValue)))
            inner.writeField(2, status.message.utf8)
            buffer.writeMessage(1, inner.readableBytesView)
        }
        return buffer
    }
}

/// `google.rpc.Status` as received, where code 0 is no failure.
private struct ReceivedStatus {
    var failure: Status?

    init?(decoding bytes: ByteBuffer) {
        var code: Int32 = 0
        var message = ""
        var rest = bytes
        while rest.readableBytes > 0 {
            guard let field = rest.readField() else { return nil }
            switch field {
            case (1, .varint(let value)): code = Int32(truncatingIfNeeded: value)
            case (2, .bytes(let value)): message = value.text
            default: continue
            }
        }
        if code != 0 { failure = Status(Status.Code(rawValue: code) ?? .unknown, message) }
    }
}
