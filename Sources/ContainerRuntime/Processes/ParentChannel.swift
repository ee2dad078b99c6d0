// The parent's end of the conversation with a process that it has cloned.

internal import Glibc
internal import Kernel

/// A cloned process, and the socket on which it speaks.
struct ParentChannel: ~Copyable {
    /// The init or the exec process; its intermediate until that has cloned it.
    private(set) var child: ChildProcess
    let socket: OwnedDescriptor
    /// The child's end of the socket, until the conversation begins.
    private let childEnd: Int32
    /// The child's name in errors.
    private let name: String

    init(child: consuming ChildProcess, pair: consuming SocketPair, name: String) {
        self.child = child
        var childEnd: Int32 = -1
        socket = pair.takeFirst(&childEnd)
        self.childEnd = childEnd
        self.name = name
    }

    /// Closes the child's end, and limits each wait for a message to a second; then the parent checks that the child is not
    /// frozen.
    borrowing func begin() throws(Failure) {
        let (number, childEnd) = (socket.rawValue, childEnd)
        // An end that stayed open here would hide the end of the child.
        try during("close the socket of \(name)") { () throws(Errno) in try checked { close(childEnd) } }
        try during("limit the wait for \(name)") { () throws(Errno) in
            try limitReceiving(number, milliseconds: 1000)
        }
    }

    enum Received: ~Copyable {
        case message(ReceivedMessage)
        /// The child has sent nothing for a second.
        case nothingYet
        /// The child has ended before it had read the last answer.
        case reset
    }

    /// Waits for a message.
    borrowing func receive() throws(Failure) -> Received {
        do throws(Errno) { return .message(try receiveMessage(socket.rawValue)) } catch {
            switch error {
            case .connectionReset: return .reset
            case .resourceTemporarilyUnavailable: return .nothingYet
            default: throw Failure("receive a message from \(name)", error)
            }
        }
    }

    /// Waits for a message of the intermediate. A sibling would keep the socket open, so the intermediate's end is watched too.
    /// - Parameter check: runs once a second; its error ends the wait.
    borrowing func waitForIntermediate(check: () throws(Failure) -> Void) throws(Failure) {
        var entries = [
            pollfd(fd: socket.rawValue, events: Int16(POLLIN), revents: 0),
            pollfd(fd: child.pidfd.rawValue, events: Int16(POLLIN), revents: 0),
        ]
        let what = "wait for the intermediate process"
        while try during(what, { () throws(Errno) in try checked { poll(&entries, 2, 1000) } }) == 0 { try check() }
        if entries[0].revents != 0 { return }
        hangUp()
        let pid = child.pid
        let end = try during(what) { () throws(Errno) in try waitForEnd(of: pid) }
        throw Failure(.other, "the intermediate process ended with status \(end.shellStatus)")
            .namingRefusedCalls(after: end)
    }

    /// Waits for the end of the intermediate, which a pause may freeze meanwhile, and reaps it.
    /// - Parameter check: runs once a second; its error ends the wait.
    borrowing func reap(
        _ intermediate: borrowing ChildProcess, check: () throws(Failure) -> Void
    ) throws(Failure) {
        let what = "wait for the intermediate process"
        let (pid, number) = (intermediate.pid, intermediate.pidfd.rawValue)
        while !(try during(what, { () throws(Errno) in try waitUntilReadable(number, milliseconds: 1000) })) {
            try check()
        }
        try during(what) { () throws(Errno) in _ = try waitForEnd(of: pid) }
    }

    borrowing func answer(_ descriptor: Int32? = nil) throws(Failure) {
        do throws(Errno) {
            try sendMessage(socket.rawValue, [proceed], descriptor: descriptor)
        } catch {
            // A child that has exited may have sent its reason before: the next receive reads it.
            guard error == .brokenPipe || error == .connectionReset else { throw Failure("answer \(name)", error) }
        }
    }

    /// Makes the sibling the child.
    /// - Returns: the intermediate, which is still to be reaped.
    mutating func replaceChild(by sibling: consuming ChildProcess) -> ChildProcess {
        swap(&child, &sibling)
        return sibling
    }

    /// Ends the conversation. If the intermediate failed after it had cloned a sibling and before it reported it, the sibling
    /// waits for an answer: the end of the socket makes it exit.
    borrowing func hangUp() { shutdown(socket.rawValue, Int32(SHUT_RDWR)) }

    /// A descriptor of the child that outlives the conversation.
    borrowing func duplicatePidfd() throws(Failure) -> OwnedDescriptor {
        try during("duplicate the pidfd") { () throws(Errno) in try child.pidfd.duplicated() }
    }

    /// Reaps the child.
    borrowing func waitForChild() throws(Failure) -> TerminationStatus {
        let pid = child.pid
        return try during("wait for \(name)") { () throws(Errno) in try waitForEnd(of: pid) }
    }
}
