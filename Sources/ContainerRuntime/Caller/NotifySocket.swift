// Readiness notification: passes a container's READY=1 on to systemd. sd_notify(3).

internal import CLinux
internal import Glibc
internal import Kernel
internal import Planning

/// The socket inside the container, and the connection to the service manager that started the runtime.
///
/// The runtime itself must send the message: the service manager knows no other process of the unit.
final class NotifySocket {
    private static let directoryName = ContainerDirectory.notifyName
    private static let socketName = MountStep.notifySocketName

    private let descriptor: OwnedDescriptor
    private let manager: String

    private init(_ descriptor: consuming OwnedDescriptor, manager: String) {
        self.descriptor = descriptor
        self.manager = manager
    }

    /// Readable when the container has sent a message.
    var number: Int32 { descriptor.rawValue }

    /// The service manager's socket, if there is one.
    static var managerPath: String? {
        environmentVariable("NOTIFY_SOCKET")
    }

    /// The directory that a new container mounts, if a service manager listens.
    /// - Parameter container: the container's directory.
    static func directory(forNew container: String) -> String? { managerPath.map { _ in directory(in: container) } }

    static func directory(in container: String) -> String { "\(container)/\(directoryName)" }

    /// Whether a container was made with it.
    static func isIn(_ directory: borrowing ContainerDirectory) -> Bool { directory.has(directoryName) }

    /// Makes the directory of the socket, if the plan mounts it.
    static func prepare(for plan: ContainerPlan, in directory: borrowing ContainerDirectory) throws(Failure) {
        guard plan.mounts.contains(where: { $0.isNotify }) else { return }
        let number = directory.descriptor.rawValue
        try during("make \(directory.path)/\(directoryName)") { () throws(Errno) in
            let mask = umask(0o022)
            defer { umask(mask) }
            try checked { mkdirat(number, directoryName, 0o755) }
        }
        guard let label = plan.mountLabel?.parameter.value else { return }
        // The socket gets the directory's. If that fails, the policy decides whether the container reaches it.
        do throws(Errno) {
            try setSecurityLabel(label, on: try OwnedDescriptor.open(directoryName, .directory | .noFollow, at: number))
        } catch {}
    }

    /// Begins to listen.
    /// - Parameter note: receives a warning if the service manager cannot be reached; then `start` does not wait for the
    ///   container's readiness.
    /// - Returns: nil without a service manager, or if the container was made without the directory.
    static func listen(
        in directory: borrowing ContainerDirectory, note: (String) -> Void
    ) throws(Failure) -> NotifySocket? {
        guard let manager = managerPath, directory.has(directoryName) else { return nil }
        do throws(Errno) {
            _ = try connectDatagramSocket(to: address(of: manager))
        } catch {
            note("NOTIFY_SOCKET: connect to \(manager): \(error.message); it is not told when the container is ready")
            return nil
        }
        let directoryNumber = directory.descriptor.rawValue
        let made = try during("make \(directory.path)/\(directoryName)/\(socketName)") { () throws(Errno) in
            let place = try OwnedDescriptor.open(
                directoryName, .readOnly | .directory | .noFollow, at: directoryNumber)
            try removeContents(of: place.rawValue)
            let path = "/proc/self/fd/\(place.rawValue)/\(socketName)"
            let socket = try datagramSocket()
            // For every user of the container. The mode is set by the umask at bind, not changed afterwards, when a
            // link could lie at the path.
            let mask = umask(0)
            defer { umask(mask) }
            try bindSocket(socket, to: path)
            return socket
        }
        return NotifySocket(made, manager: manager)
    }

    /// Waits until the container is ready or has ended.
    func waitUntilReady(_ pid: Int32, _ pidfd: Int32) throws(Failure) {
        try during("NOTIFY_SOCKET: tell \(manager) that the container is ready") { () throws(Errno) in
            while true {
                var entries = [
                    pollfd(fd: number, events: Int16(POLLIN), revents: 0),
                    pollfd(fd: pidfd, events: Int16(POLLIN), revents: 0),
                ]
                try checked { poll(&entries, 2, -1) }
                if entries[0].revents != 0, try forward(pid, awaitsManager: true) { return }
                if entries[1].revents != 0 { return }
            }
        }
    }

    /// Reads one message; passes READY=1 on to the service manager.
    /// - Parameter awaitsManager: waits until the manager has read it; not needed if the runtime stays.
    /// - Returns: whether the container is ready.
    func forward(_ pid: Int32, awaitsManager: Bool) throws(Errno) -> Bool {
        let own = number
        var bytes = [UInt8](repeating: 0, count: 4096)
        let length = try checked { bytes.withUnsafeMutableBytes { recv(own, $0.baseAddress, $0.count, 0) } }
        let lines = String(decoding: bytes[..<length], as: UTF8.self).split(separator: "\n")
        guard let ready = lines.first(where: { $0.hasPrefix("READY=") }) else { return false }
        let socket = try connectDatagramSocket(to: Self.address(of: manager))
        let target = socket.rawValue
        try sendMessage(target, Array((ready + "\n").utf8))
        try sendMessage(target, Array("MAINPID=\(pid)".utf8))
        if awaitsManager { try awaitBarrier(target) }
        return true
    }

    private static func address(of manager: String) -> String {
        manager.hasPrefix("@") ? "\0" + manager.dropFirst() : manager
    }

    // The manager closes the descriptor after it has processed all earlier messages. sd_notify_barrier(3).
    private func awaitBarrier(_ target: Int32) throws(Errno) {
        let pair = try SocketPair()
        let other = pair.second.rawValue
        try sendMessage(target, Array("BARRIER=1".utf8), descriptor: other)
        let here = pair.takeFirst()
        let halfMinute: Int32 = 30_000
        _ = try waitUntilReadable(here.rawValue, milliseconds: halfMinute)
    }
}
