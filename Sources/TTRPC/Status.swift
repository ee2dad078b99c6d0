// The failure of a call.

/// The failure of a call: gRPC's code and a message.
public struct Status: Error, Equatable, Sendable {
    /// gRPC's status codes.
    public enum Code: Int32, Sendable {
        case canceled = 1
        case unknown = 2
        case invalidArgument = 3
        case deadlineExceeded = 4
        case notFound = 5
        case alreadyExists = 6
        case permissionDenied = 7
        case resourceExhausted = 8
        case failedPrecondition = 9
        case aborted = 10
        case outOfRange = 11
        case unimplemented = 12
        case `internal` = 13
        case unavailable = 14
        case dataLoss = 15
        case unauthenticated = 16
    }

    /// The kind of failure.
    public var code: Code
    /// One sentence for a person.
    public var message: String

    /// A failure of this kind.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }
}
