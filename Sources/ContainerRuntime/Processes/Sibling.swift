// How an intermediate clones the process after it, with CLONE_PARENT as the runtime's own child, and reports it.

internal import Glibc
internal import Kernel

extension ChildChannel {
    /// Clones the init or the exec process as a sibling, reports it to the runtime, and exits.
    /// - Parameter pidSlot: receives its pid, in memory shared with the runtime; then no message is sent.
    func cloneSibling(
        _ namespaces: NamespaceSet, pidSlot: UnsafeMutablePointer<Int32>? = nil, _ body: () -> Never
    ) throws(StepReport) -> Never {
        let child = try call(.cloneInit) { () throws(Errno) in
            try cloneProcess(namespaces: namespaces, asSibling: true)
        }
        guard let child else { body() }
        if let pidSlot {
            pidSlot.pointee = child.pid
            _exit(0)
        }
        try send(.sibling, descriptor: child.pidfd.rawValue, bytes: messageBytes(child.pid))
        _exit(0)
    }
}

extension ReceivedMessage {
    /// The sibling, if the message reports one.
    mutating func takeSibling() -> ChildProcess? {
        guard bytes.count == 5, bytes[0] == ChildMessage.sibling.rawValue, let pidfd = descriptor.take() else {
            return nil
        }
        return ChildProcess(pid: messageNumber(bytes), pidfd: pidfd)
    }
}
