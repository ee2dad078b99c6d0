// One call that a server was asked to answer.

/// A call in flight; whoever holds it answers it once, now or later.
///
/// Used on the event loop only.
package final class Call {
    package let method: String
    package let payload: [UInt8]
    package let metadata: [Request.Metadata]
    /// False once it was answered, its time ran out, or its connection went away: then nobody reads an answer.
    package private(set) var isAwaited = true

    private var send: ((Result<[UInt8], Status>) -> Void)?

    init(_ request: Request, send: @escaping (Result<[UInt8], Status>) -> Void) {
        method = request.method
        payload = request.payload
        metadata = request.metadata
        self.send = send
    }

    /// Answers; every answer but the first is dropped.
    package func answer(_ result: Result<[UInt8], Status>) {
        guard let send else { return }
        abandon()
        send(result)
    }

    func abandon() {
        isAwaited = false
        send = nil
    }
}
