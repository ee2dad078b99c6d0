// The messages that a frame carries: ttrpc.Request and ttrpc.Response. They are written by hand, not generated: the
// fields are few, their encoding goes straight to and from NIO's buffers, and this target needs no SwiftProtobuf.

package import NIOCore

/// `ttrpc.Request`: the method to call and its input.
public struct Request: Equatable, Sendable {
    /// The full name of the service, such as `containerd.task.v3.Task`.
    public var service: String
    /// The name of the method in the service.
    public var method: String
    /// The encoded message.
    public var payload: [UInt8]
    /// The time left before the caller's deadline, in nanoseconds; zero means no deadline.
    public var timeoutNanoseconds: Int64
    /// Pairs of text beside the message; a key may occur several times.
    public var metadata: [Metadata]

    /// One pair of text beside the message.
    public struct Metadata: Equatable, Sendable {
        /// The name.
        public var key: String
        /// The text.
        public var value: String
        /// A pair.
        public init(_ key: String, _ value: String) {
            self.key = key
            self.value = value
        }
    }

    /// A request; `Client.call` sets its deadline.
    public init(
        service: String, method: String, payload: [UInt8] = [], timeoutNanoseconds: Int64 = 0,
        metadata: [Metadata] = []
    ) {
        self.service = service
        self.method = method
        self.payload = payload
        self.timeoutNanoseconds = timeoutNanoseconds
        self.metadata = metadata
    }

    /// Decodes a request; nil if the bytes are not such a message.
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

/// `ttrpc.Response`: a payload, or a status that gives the reason for its absence.
package struct Response: Equatable, Sendable {
    package var result: Result<[UInt8], Status>

    package init(_ result: Result<[UInt8], Status>) { self.result = result }

    /// Decodes a response; nil if the bytes are not such a message.
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

/// `google.rpc.Status` as received; code 0 means success.
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
