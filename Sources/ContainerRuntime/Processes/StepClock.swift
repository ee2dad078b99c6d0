// How long the init takes for its steps: for `--timings` and `--debug`.

internal import Glibc
internal import Kernel
internal import Planning

extension PlanStage {
    /// Of a stage that the init measures; nil for the others.
    /// - Parameter index: the mount's place in the plan.
    fileprivate func name(_ index: Int, in plan: ContainerPlan) -> String? {
        switch self {
        case .namespaces: "init: enter the namespaces and the cgroup"
        case .rootfs: "init: make the rootfs a mount of its own"
        case .session: "init: session, keyring and loopback"
        case .mount:
            plan.mounts.indices.contains(index) ? "init: mount \(plan.mounts[index].destination)" : "init: mount"
        case .devices: "init: devices"
        case .hooks: "init: createContainer hooks"
        case .pivot: "init: pivot_root"
        case .streams: "init: terminal, streams and the read-only root"
        case .names: "init: host name, labels and sysctls"
        case .paths: "init: masked and read-only paths"
        case .process: "init: limits, environment and Landlock"
        case .resources, .runtimeHooks, .identity, .gate, .start, .later: nil
        }
    }
}

/// Measures the init's steps, and tells the runtime of each. It exists only if the command has `--timings` or `--debug`.
///
/// The length of a step is sent, not a time: in a time namespace the init has another clock than the runtime.
/// time_namespaces(7).
final class StepClock {
    private var last: UInt64 = 0

    func begin() { last = monotonicNanoseconds() }

    /// The end of a step, which began at the end of the one before.
    func mark(_ step: PlanStage, _ index: Int, _ socket: Int32) {
        let time = monotonicNanoseconds()
        let length = time - last
        let bytes = [ChildMessage.timed.rawValue, step.rawValue] + messageBytes(Int32(truncatingIfNeeded: index))
        // A runtime that has ended is noticed by the next question.
        do throws(Errno) {
            try sendMessage(socket, bytes + messageBytes(length))
        } catch {}
        last = monotonicNanoseconds()
    }

    /// Leaves out a wait for the runtime, which times its own work.
    func leaveOut(since begin: UInt64) { last += monotonicNanoseconds() - begin }
}

/// A step that the init has measured.
struct TimedStep {
    let stage: PlanStage
    /// The mount's place in the plan.
    let index: Int
    let name: String
    let nanoseconds: UInt64
}

extension ReceivedMessage {
    /// The step of which a message tells; nil for another message.
    func timedStep(in plan: ContainerPlan) -> TimedStep? {
        guard bytes.count == 14, bytes[0] == ChildMessage.timed.rawValue, let stage = PlanStage(rawValue: bytes[1])
        else { return nil }
        let index = Int(messageNumber(Array(bytes[1...5])))
        guard let name = stage.name(index, in: plan) else { return nil }
        return TimedStep(stage: stage, index: index, name: name, nanoseconds: messageWord(bytes, at: 6))
    }
}
