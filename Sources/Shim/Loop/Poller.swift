// Which descriptors of the relay's flows are ready. epoll(7).

internal import CLinux
internal import Glibc
internal import Kernel

/// Readiness of the flows' descriptors, each awaited once.
struct Poller: ~Copyable {
    private let descriptor: OwnedDescriptor
    private static let capacity = 64

    // epoll_ctl(2), which Swift's Glibc module hides.
    private static let add: Int32 = 1
    private static let remove: Int32 = 2
    private static let modify: Int32 = 3
    private static let readable: UInt32 = 1
    private static let writable: UInt32 = 4
    private static let oneShot: UInt32 = 1 << 30

    /// The alarm is reported as an event without a flow.
    init(alarm: Int32) throws(Errno) {
        let closeOnExec = OpenFlags.closeOnExec.rawValue  // EPOLL_CLOEXEC
        let poller = OwnedDescriptor(adopting: try checked { clinux_epoll_create1(closeOnExec) })
        try checked { clinux_epoll_ctl(poller.rawValue, Self.add, alarm, Self.readable, 0) }
        descriptor = poller
    }

    /// The flows that can go on, none after a time in milliseconds, which -1 makes endless; nothing stands for the alarm.
    func wait(atMost time: Int32) -> [FlowID?] {
        withUnsafeTemporaryAllocation(of: UInt64.self, capacity: Self.capacity) { names in
            let count = clinux_epoll_wait(descriptor.rawValue, names.baseAddress, Int32(Self.capacity), time)
            return (0..<max(0, Int(count))).map { names[$0] == 0 ? nil : names[$0] }
        }
    }

    enum Answer { case asked, alwaysReady, impossible }

    /// Watches for the next moment when a flow can go on.
    func await(_ next: Flow.Next, of flow: Flow) -> Answer {
        let isSource = next == .awaitSource
        let target = isSource ? flow.source : flow.destination
        let events = (isSource ? Self.readable : Self.writable) | Self.oneShot
        let isKnown = isSource ? flow.isSourceKnown : flow.isDestinationKnown
        let change = isKnown ? Self.modify : Self.add
        if clinux_epoll_ctl(descriptor.rawValue, change, target, events, flow.id) != 0 {
            // Files, and devices such as /dev/zero, have no readiness.
            return Errno(rawValue: errno) == .notPermitted ? .alwaysReady : .impossible
        }
        if isSource { flow.isSourceKnown = true } else { flow.isDestinationKnown = true }
        return .asked
    }

    /// A closed descriptor stays watched as long as a copy of it is open, as terminals' are.
    func forget(_ flow: Flow) {
        if flow.isSourceKnown { clinux_epoll_ctl(descriptor.rawValue, Self.remove, flow.source, 0, 0) }
        if flow.isDestinationKnown {
            clinux_epoll_ctl(descriptor.rawValue, Self.remove, flow.destination, 0, 0)
        }
        flow.isSourceKnown = false
        flow.isDestinationKnown = false
    }
}
