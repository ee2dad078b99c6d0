// What is said between the relay's thread and its clients.

/// Names a flow.
typealias FlowID = UInt64

/// What the relay is to do with a flow.
enum RelayOrder: Sendable {
    case add(FlowID, source: Int32, destination: Int32)
    case remove(FlowID)
    case awaitArrival(FlowID)
    case giveUpAwaiting(FlowID)
    case endWithoutSource(FlowID)
    case measure(FlowID)
}

/// A change of a flow.
enum RelayReport: Sendable {
    /// The source's content at the time of the order has been read at the far end, or never will be.
    case arrived(FlowID)
    /// The source has ended, or its end is not awaited, and both descriptors are closed.
    case ended(FlowID)
    /// How many bytes have been read at the far end; none of a flow that has ended.
    case measured(FlowID, UInt64)
}
