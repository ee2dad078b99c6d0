// One call to a server.

public import NIOCore

/// A call in progress. Its holder answers it once, at once or later.
///
/// Used on the event loop only.
public final class Call {
    /// The name of the method, without its service.
    public let method: String
    /// The encoded message.
    public let payload: [UInt8]
    /// What the client has sent beside the message.
    public let metadata: [Request.Metadata]
    /// When the request arrived.
    public let begin = NIODeadline.now()
    /// False after the call was answered, timed out, or lost its connection: then an answer would be dropped.
    public private(set) var isAwaited = true

    private var send: ((Result<[UInt8], Status>) -> Void)?
    private var afterGivingUp: (() -> Void)?

    init(_ request: Request, send: @escaping (Result<[UInt8], Status>) -> Void) {
        method = request.method
        payload = request.payload
        metadata = request.metadata
        self.send = send
    }

    /// Answers the call; every answer but the first is dropped.
    public func answer(_ result: Result<[UInt8], Status>) {
        guard let send else { return }
        end()
        send(result)
    }

    /// Runs a body if the client stops waiting before the call is answered: its time is over, or its connection.
    public func whenGivenUp(_ body: @escaping () -> Void) {
        if isAwaited { afterGivingUp = body }
    }

    /// The client's time is over.
    func expire() {
        let body = afterGivingUp
        answer(.failure(Status(.deadlineExceeded, "deadline exceeded")))
        body?()
    }

    /// The client's connection has ended.
    func abandon() {
        let body = afterGivingUp
        end()
        body?()
    }

    private func end() {
        isAwaited = false
        send = nil
        afterGivingUp = nil
    }
}
