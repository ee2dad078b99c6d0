// How long the init takes for its steps: for `--timings`.

internal import Glibc
internal import Kernel
internal import Planning

/// A step of the init that is timed on its own.
enum TimedStep: UInt8 {
    case namespaces = 1
    case rootfs, session, mount, devices, hooks, pivot, streams, names, paths, process

    /// - Parameter index: the mount's place in the plan.
    func name(_ index: Int, in plan: ContainerPlan) -> String {
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
        }
    }
}

/// Measures the init's steps, and tells the runtime of each. It exists only if the command has `--timings`.
///
/// The length of a step is sent, not a time: in a time namespace the init has another clock than the runtime.
/// time_namespaces(7).
final class StepClock {
    private var last: UInt64 = 0

    func begin() { last = monotonicNanoseconds() }

    /// The end of a step, which began at the end of the one before.
    func mark(_ step: TimedStep, _ index: Int, _ socket: Int32) {
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

extension ReceivedMessage {
    /// The step of which a message tells; nil for another message.
    func timedStep(in plan: ContainerPlan) -> (name: String, nanoseconds: UInt64)? {
        guard bytes.count == 14, bytes[0] == ChildMessage.timed.rawValue, let step = TimedStep(rawValue: bytes[1])
        else {
            return nil
        }
        return (step.name(Int(messageNumber(Array(bytes[1...5]))), in: plan), messageWord(bytes, at: 6))
    }
}
