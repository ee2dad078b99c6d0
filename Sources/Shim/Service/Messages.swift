// Between protobuf's values and ours.

internal import FoundationEssentials
internal import SwiftProtobuf
internal import TTRPC

extension Google_Protobuf_Any {
    /// A message under its bare full name; containerd compares names without the prefix that the library would add.
    init(bare message: some Message) {
        self.init()
        typeURL = type(of: message).protoMessageName
        value = message.encoded
    }

    /// A value that is not protobuf, under a type name.
    init(_ name: String, _ bytes: [UInt8]) {
        self.init()
        typeURL = name
        value = Data(bytes)
    }

    var bytes: [UInt8] { Array(value) }

    /// The name without any prefix.
    var typeName: Substring { typeURL.split(separator: "/").last ?? "" }
}

extension Message {
    /// Encoding fails only for messages with required fields, which ours have none of.
    var encoded: Data { (try? serializedData()) ?? Data() }
    var encodedBytes: [UInt8] { (try? serializedBytes()) ?? [] }
}

extension Google_Protobuf_Timestamp {
    init(_ time: Timestamp) {
        self.init(seconds: time.seconds, nanos: time.nanoseconds)
    }
}

/// The answer to one call, with its message's type.
struct Reply<Answer: Message> {
    let call: Call
    /// The call in its trace, if a collector records it.
    var span: Span?
    /// The trace that is continued on behalf of the call.
    var trace: TraceContext?

    func callAsFunction(_ answer: Answer) {
        call.answer(.success(answer.encodedBytes))
        span?.end()
    }

    func fail(_ status: Status) {
        call.answer(.failure(status))
        span?.end(error: status.message)
    }

    func fail(_ code: Status.Code, _ message: String) { fail(Status(code, message)) }

    /// Runs a body if the client stops waiting before there is an answer.
    func whenGivenUp(_ body: @escaping () -> Void) { call.whenGivenUp(body) }

    /// Whether the client still waits for the answer.
    var isAwaited: Bool { call.isAwaited }
}
