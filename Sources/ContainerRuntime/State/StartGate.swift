// A created container waits here for `start`, which learns whether the program was executed.

internal import CLinux
internal import Glibc
internal import Kernel

/// A listening socket in the container's directory. The init process accepts one connection, reads one byte, and goes
/// on; the connection closes when the program is executed, or carries the report of why it was not.
enum StartGate {
    private static let go: UInt8 = 0x67
    private static let namespaces: UInt8 = 0x6e
    /// Sent by the init before and after the startContainer hooks, so that its end during a hook is not taken for the
    /// execution of its program.
    private static let hooksBegin: UInt8 = 0x68
    private static let hooksEnd: UInt8 = 0x70

    /// Makes the gate of a new container.
    static func make(in directory: borrowing ContainerDirectory) throws(Failure) -> OwnedDescriptor {
        let path = directory.socketPath(ContainerDirectory.gateName)
        return try during("make \(directory.path)/\(ContainerDirectory.gateName)") { () throws(Errno) in
            let old = umask(0o177)
            defer { umask(old) }
            return try listenSocket(at: path)
        }
    }

    /// The init process waits here without a limit; signals have their handlers by then (``exitOnTermination()``).
    /// - Parameter own: the init's namespaces, for a runtime that may not inspect a hidden process.
    /// - Returns: the connection of the starter.
    static func waitForStart(_ listener: Int32, handingOut own: [Int32]) -> Int32 {
        // More than a seccomp filter is allowed that says so for ever.
        var interruptions = 1 << 16
        while true {
            let connection = clinux_accept4(listener, CLINUX_SOCK_CLOEXEC)
            guard connection >= 0 else {
                interruptions -= 1
                if errno == EINTR || errno == ECONNABORTED, interruptions > 0 { continue }
                _exit(1)
            }
            var word: UInt8 = 0
            // A starter that is killed before it has said the word leaves the container as it was.
            let length = read(connection, &word, 1)
            if length == 1, word == namespaces {
                _ = clinux_send_descriptors(connection, &word, 1, own, Int32(own.count), 0)
            }
            if length == 1, word == go {
                close(listener)
                for number in own { close(number) }
                restoreTermination()
                return connection
            }
            close(connection)
        }
    }

    private static let terminating = [SIGHUP, SIGINT, SIGQUIT, SIGTERM]

    /// The first process of a pid namespace ignores signals without a handler; a created container must still end on
    /// SIGTERM. pid_namespaces(7).
    ///
    /// To be called before the runtime is told that the init is ready: a signal that comes at once must not be lost.
    static func exitOnTermination() {
        for number in terminating { signal(number) { _exit(128 + $0) } }
    }
    private static func restoreTermination() {
        for number in terminating { signal(number, SIG_DFL) }
    }

    /// Lets the container go on, and removes the gate.
    /// - Parameter refused: makes the error from the report, while the init still waits.
    /// - Throws: the container's init is gone, or the error of `refused`.
    static func open(
        in directory: borrowing ContainerDirectory, isPaused: () throws(Failure) -> Bool,
        refused: (StepReport) throws(Failure) -> Void
    ) throws(Failure) -> Bool {
        let path = directory.socketPath(ContainerDirectory.gateName)
        let connection = try mapping({ () throws(Errno) in try connectSocket(to: path) }) { (code: Errno) in
            switch code {
            case .connectionRefused, .noSuchFileOrDirectory:
                Failure(.wrongState, "cannot start a container that has stopped")
            default: Failure("connect to \(ContainerDirectory.gateName)", code)
            }
        }
        // The status would stay "created" if the gate could not be removed.
        try during("start \(directory.id): write to \(directory.path)") { () throws(Errno) in
            try directory.checkWritable()
        }
        try during("start \(directory.id)") { () throws(Errno) in
            try writeAll([go], to: connection.rawValue)
            // From here on the container no longer waits, even if the starter is killed.
            directory.removeFile(ContainerDirectory.gateName)
            // Its hooks, its filter's agent, its filesystem may take as long as they like.
            directory.unlock()
        }
        guard let message = try receive(connection.rawValue, isPaused) else { return false }
        if message == [hooksBegin] {
            throw Failure(
                .other,
                "unable to start container process: the container's init ended while its startContainer hooks ran")
        }
        if let report = StepReport(packet: message) { try refused(report) }
        _ = consume connection
        return true
    }

    /// In the init: runs the startContainer hooks.
    static func announceHooks(_ starter: Int32, _ hooks: () throws(StepReport) -> Void) throws(StepReport) {
        // The starter may be gone.
        do throws(Errno) { try sendMessage(starter, [hooksBegin]) } catch { return try hooks() }
        try hooks()
        do throws(Errno) { try sendMessage(starter, [hooksEnd]) } catch {}
    }

    /// The namespaces of a container's init that waits and hands them out: in the order in which they can be joined.
    static func askForNamespaces(in directory: borrowing ContainerDirectory) throws(Failure) -> [Int32] {
        let path = directory.socketPath(ContainerDirectory.gateName)
        return try during("ask the container's init for its namespaces") { () throws(Errno) in
            let connection = try connectSocket(to: path)
            try writeAll([namespaces], to: connection.rawValue)
            var numbers = [Int32](repeating: -1, count: 16)
            var (count, word): (Int32, UInt8) = (16, 0)
            let number = connection.rawValue
            guard try waitUntilReadable(number, milliseconds: 10_000) else { throw .timedOut }
            try checked { clinux_receive_descriptors(number, &word, 1, &numbers, &count, 0) }
            return Array(numbers.prefix(Int(count)))
        }
    }

    // A report is sent in one call, and fits the socket's buffer; its sender may be unable to send an end mark.
    private static func receive(
        _ connection: Int32, _ isPaused: () throws(Failure) -> Bool
    ) throws(Failure) -> [UInt8]? {
        var isInHooks = false
        while true {
            let isReadable = try during("wait for the container's init") { () throws(Errno) in
                try waitUntilReadable(connection, milliseconds: 1000)
            }
            guard isReadable else {
                // It may have come between two waits, and have interrupted something else.
                if RequestToEnd.current != nil { throw Failure("wait for the container's init", .interrupted) }
                // A container that is paused now begins when it is resumed: start has done its part.
                if try isPaused() { return nil }
                continue
            }
            var bytes = try received(connection)[...]
            if bytes.isEmpty { break }
            // It is a stream: what was sent in several calls may come at once.
            if bytes.first == hooksBegin {
                isInHooks = true
                bytes.removeFirst()
            }
            if bytes.first == hooksEnd {
                isInHooks = false
                bytes.removeFirst()
            }
            if !bytes.isEmpty { return Array(bytes) }
        }
        return isInHooks ? [hooksBegin] : []
    }

    private static func received(_ connection: Int32) throws(Failure) -> [UInt8] {
        do throws(Errno) { return try receiveMessage(connection).bytes } catch {
            // The init process was killed with the connection open.
            guard error == .connectionReset else { throw Failure("receive a message from the container's init", error) }
            return []
        }
    }
}
