// The conversation between the runtime and the process that it has cloned: the child sends numbers, the parent makes the text.

internal import CLinux
internal import Glibc
internal import Kernel
internal import SystemPackage

/// A message of the child; each is one packet on a socket pair.
///
///     child                        parent
///     mapIDs      ──────────────▶  writes uid_map and gid_map of the new user namespace
///                 ◀──────────────  proceed
///     adoptMe     ──────────────▶  has systemd put the child into its cgroup
///                 ◀──────────────  proceed
///     sibling     ── pidfd ─────▶  from the intermediate: it has cloned the init, which is the child from now on
///                 ◀──────────────  proceed, to the sibling
///     networkDue  ──────────────▶  moves network devices into the network namespace
///                 ◀──────────────  proceed
///     mountSource ──────────────▶  opens a source that takes the host's rights, or maps its ids
///                 ◀── mount fd ──  proceed
///     hooksDue    ──────────────▶  runs the prestart and createRuntime hooks
///                 ◀──────────────  proceed
///     terminal    ── master fd ─▶  sends it to the console socket, or keeps it
///     listener    ── filter fd ─▶  sends it to the seccomp agent
///                 ◀──────────────  proceed
///     rulePlace   ──────────────▶  remembers which file or directory a Landlock rule is for
///                 ◀──────────────  proceed
///     ready       ──────────────▶  sets limits, remembers the container
///                 ◀──────────────  proceed: create waits at the gate, run executes the program
///     failed      ──────────────▶  names the step of the plan and the kernel's error
///
/// The intermediate of exec may share the runtime's memory, so that the runtime learns the new pid from there. If the exec
/// process will ask nothing, the runtime answers it at once, and it finds the answer when it is ready.
///
/// The child's end closes when it no longer needs the parent: at the gate, or when the program is executed.
enum ChildMessage: UInt8 {
    case mapIDs = 1
    case adoptMe, hooksDue, terminal, listener, ready, failed, sibling, networkDue, mountSource
    /// For `mounts add` and `mounts remove`: the identity of a mount that is about to be attached, or was detached.
    case attaching, detached
    case rulePlace
    /// From an exec process: the numbers of Landlock rules that it has left out. There is no answer.
    case rulesLeftOut
}

/// The parent's answer; at any other byte, and at the end of the conversation, the child exits.
let proceed: UInt8 = 0x70

/// A number in a message: four bytes, the least significant first.
func messageBytes(_ number: Int32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: UInt32(bitPattern: number) >> ($0 * 8)) }
}

/// The number in a message of five bytes.
func messageNumber(_ bytes: [UInt8]) -> Int32 {
    Int32(bitPattern: (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[$1 + 1]) << ($1 * 8) })
}

/// The child's end of the conversation.
struct ChildChannel {
    let socket: Int32

    func send(_ message: ChildMessage, descriptor: Int32? = nil, bytes: [UInt8] = []) throws(StepReport) {
        try call(.conversation) { () throws(Errno) in
            try sendMessage(socket, [message.rawValue] + bytes, descriptor: descriptor)
        }
    }

    /// Waits for the parent's answer; without one the child exits.
    func awaitProceed() {
        var answer: UInt8 = 0
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
