// The child's side of the handshake.

internal import CLinux
internal import Glibc
internal import Kernel
internal import Planning

/// The child's end of the conversation.
struct ChildChannel {
    let socket: Int32
    /// There, if the steps are timed.
    var clock: StepClock?

    /// The end of a step for `--timings` and `--debug`.
    func mark(_ step: PlanStage, _ index: Int = 0) { clock?.mark(step, index, socket) }

    func send(_ message: ChildMessage, descriptor: Int32? = nil, bytes: [UInt8] = []) throws(StepReport) {
        try call(.conversation) { () throws(Errno) in
            try sendMessage(socket, [message.rawValue] + bytes, descriptor: descriptor)
        }
    }

    /// Waits for the parent's answer; without one the child exits.
    func awaitProceed() {
        var answer: UInt8 = 0
        let begin = clock.map { _ in monotonicNanoseconds() }
        defer { if let begin { clock?.leaveOut(since: begin) } }
        do throws(Errno) {
            if try checked({ read(socket, &answer, 1) }) == 1, answer == proceed { return }
        } catch {
            // An end without a report would look like the program's own end.
            fail(StepReport(step: .conversation, code: error))
        }
        _exit(1)
    }

    func ask(_ message: ChildMessage, descriptor: Int32? = nil, bytes: [UInt8] = []) throws(StepReport) {
        try send(message, descriptor: descriptor, bytes: bytes)
        awaitProceed()
    }

    /// Asks for a descriptor.
    func askForDescriptor(_ message: ChildMessage, index: Int) throws(StepReport) -> OwnedDescriptor {
        try send(message, bytes: messageBytes(Int32(index)))
        let begin = clock.map { _ in monotonicNanoseconds() }
        defer { if let begin { clock?.leaveOut(since: begin) } }
        var answer = try call(.conversation) { () throws(Errno) in try receiveMessage(socket) }
        guard answer.bytes == [proceed], let descriptor = answer.descriptor.take() else { _exit(1) }
        return descriptor
    }

    /// Reports the failure, and exits.
    func fail(_ report: StepReport) -> Never {
        // Each call is made once, whatever its result: a seccomp filter may make any of them fail for ever. The parent sees
        // the end of a child that cannot report.
        let packet = report.packet
        let sent = packet.withUnsafeBytes {
            clinux_send_descriptors(socket, $0.baseAddress, $0.count, nil, 0, 0)
        }
        if sent == packet.count, report.step == .lookup || report.step == .execute {
            // Until the runtime has looked, through this process, for the reason.
            var end: UInt8 = 0
            _ = read(socket, &end, 1)
        }
        _exit(1)
    }
}
