// A failed step of the child, in numbers.

internal import Kernel

/// A step of the child's straight line.
enum Step: UInt8 {
    case enterCgroup = 1
    case mapIDs, joinNamespace, cgroupNamespace, session, keyring, loopback, timeNamespace
    case propagation, rootfs, mount, device, deviceLink
    case hook, pivot, workingDirectory, terminal, console, standardStreams
    case readOnlyRoot, readOnlyMount, hostname, domainname, sysctl, readonlyPath, maskedPath
    case label, scheduling, limit, noNewPrivileges, seccomp, descriptors, boundingSet, groups, group, user
    case changeDirectory, escapedDirectory, capabilities, lookup, conversation, gate, execute
    case userNamespace, timeOffsets, cloneInit, landlock, mountNamespace, networkNamespace
}

/// The part of a step that failed.
enum Action: UInt8 {
    case whole = 0
    case openSource, makeTarget, coverProc, notDirectory, filesystemType, parameter, superblock, copyUp, attributes
    case attach, propagation, idMapping, differentNode, makeNode, owner, nullDevice, isDirectory, notExecutable
    case notMounted, linkOnTheWay, sameMount, detach, otherDevice, notAdded, comesBack, rootItself, label
}

/// The child's failure, in numbers: the parent makes the text, in memory that is not charged to the container.
struct StepReport: Error, Equatable {
    var step: Step
    var index = 0
    var action = Action.whole
    var code: Errno
    /// Details that only the child has: the kernel's complaint about a parameter, a hook's output.
    var text = ""

    var packet: [UInt8] {
        let number = UInt32(bitPattern: code.rawValue)
        return [
            ChildMessage.failed.rawValue, step.rawValue, action.rawValue, UInt8(truncatingIfNeeded: index),
            UInt8(truncatingIfNeeded: index >> 8), UInt8(truncatingIfNeeded: index >> 16),
            UInt8(truncatingIfNeeded: number), UInt8(truncatingIfNeeded: number >> 8),
        ] + Array(text.utf8.prefix(3000))
    }

    init(step: Step, index: Int = 0, action: Action = .whole, code: Errno, text: String = "") {
        self.step = step
        self.index = index
        self.action = action
        self.code = code
        self.text = text
    }

    init?(packet: [UInt8]) {
        guard packet.count >= 8, packet[0] == ChildMessage.failed.rawValue, let step = Step(rawValue: packet[1]),
            let action = Action(rawValue: packet[2])
        else { return nil }
        self.step = step
        self.action = action
        index = Int(packet[3]) | Int(packet[4]) << 8 | Int(packet[5]) << 16
        code = Errno(rawValue: Int32(packet[6]) | Int32(packet[7]) << 8)
        text = String(decoding: packet[8...], as: UTF8.self)
    }
}

/// A failed part of a step, without the step's name.
struct ActionFailure: Error {
    var action: Action
    var code: Errno
    var text = ""
}

/// Runs a system call, and names its part of the step if it fails.
@inline(__always)
@discardableResult
func part<Value: ~Copyable>(
    _ action: Action, _ body: () throws(Errno) -> Value
) throws(ActionFailure) -> Value {
    do throws(Errno) { return try body() } catch { throw ActionFailure(action: action, code: error) }
}

/// Runs the parts of a step.
@inline(__always)
@discardableResult
func step<Value: ~Copyable>(
    _ step: Step, _ index: Int = 0, _ body: () throws(ActionFailure) -> Value
) throws(StepReport) -> Value {
    do throws(ActionFailure) {
        return try body()
    } catch {
        throw StepReport(step: step, index: index, action: error.action, code: error.code, text: error.text)
    }
}

/// Runs a step that is a single system call.
@inline(__always)
@discardableResult
func call<Value: ~Copyable>(
    _ step: Step, _ index: Int = 0, _ body: () throws(Errno) -> Value
) throws(StepReport) -> Value {
    do throws(Errno) { return try body() } catch { throw StepReport(step: step, index: index, code: error) }
}
