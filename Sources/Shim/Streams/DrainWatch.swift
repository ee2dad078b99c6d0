// How long the output of a finished process is kept for its readers.

internal import NIOCore

/// Looks whether clients and a logger still take a finished process's output, and gives them up when they do not.
///
/// A slow reader loses nothing as long as it reads; one that stands still has two seconds.
final class DrainWatch {
    private let context: StreamContext
    private let flows: [FlowID]
    private let logger: Logger?
    private let mostLooks: Int

    private var consumed: [FlowID: UInt64] = [:]
    private var last: Level?
    private var looks = 0
    /// How many looks in a row have found nothing new.
    private var stillLooks = 0
    /// How many have found a logger that has read everything.
    private var looksAtIdleLogger = 0
    private var isOver = false
    private var givenUp: () -> Void = {}

    /// The numbers that change as long as output is being read.
    private struct Level: Equatable {
        var consumed: [FlowID: UInt64]
        var unread: Int
        var work: String
    }

    private static let pause: TimeAmount = .milliseconds(200)
    /// Counted in looks, not by the clock: on a machine that stood still, so did the reader.
    private static let mostStillLooks = 10
    private static let mostLooksAtIdleLogger = 50

    init(_ context: StreamContext, _ flows: [FlowID], _ logger: Logger?, loggerLimit: TimeAmount) {
        self.context = context
        self.flows = flows
        self.logger = logger
        let limit = logger == nil ? TimeAmount.seconds(30) : loggerLimit
        mostLooks = Int(limit.nanoseconds / Self.pause.nanoseconds)
    }

    /// Begins to look; the body runs when no reader takes any more.
    func begin(givenUp: @escaping () -> Void) {
        self.givenUp = givenUp
        look()
    }

    func end() {
        isOver = true
        givenUp = {}
    }

    private func look() {
        if isOver { return }
        let unread = logger?.unread ?? 0
        let isIdle = logger != nil && unread == 0
        let level = Level(consumed: consumed, unread: unread, work: isIdle ? logger?.work ?? "" : "")
        stillLooks = level == last ? stillLooks + 1 : 0
        last = level
        looks += 1
        if isIdle, flows.isEmpty { looksAtIdleLogger += 1 }
        if stillLooks >= Self.mostStillLooks || looks > mostLooks || looksAtIdleLogger > Self.mostLooksAtIdleLogger {
            return givenUp()
        }
        for flow in flows {
            context.measure(flow) { [weak self] in self?.consumed[flow] = $0 }
        }
        context.loop.after(Self.pause) { self.look() }
    }
}
