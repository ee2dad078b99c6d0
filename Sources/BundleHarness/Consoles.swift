// The receiving ends of a terminal and of seccomp notifications: separate processes, so that no container waits for
// the harness.

internal import CLinux
internal import Glibc

/// The code of the harness's worker processes.
package enum Worker {
    /// Receives a terminal over a socket and copies its output into a file, until it is closed.
    package static func console(socket path: String, output: String) throws(CaseError) {
        let connection = try accept(on: path)
        var terminal: Int32 = -1
        var count: Int32 = 1
        var name = [UInt8](repeating: 0, count: 4096)
        let received = clinux_receive_descriptors(connection, &name, name.count, &terminal, &count, 0)
        guard received >= 0, count == 1 else { throw CaseError("receive a terminal on \(path): \(word())") }
        try writeNew(path + ".name", String(decoding: name.prefix(max(0, received)), as: UTF8.self), mode: 0o644)
        let file = clinux_openat(AT_FDCWD, output, O_WRONLY | O_CREAT | O_APPEND | CLINUX_O_CLOEXEC, 0o644)
        try check(file, "write \(output)")
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        while true {
            let got = read(terminal, &buffer, buffer.count)
            if got < 0 && errno == EINTR { continue }
            if got <= 0 { break }
            _ = write(file, buffer, got)
        }
        try writeNew(path + ".closed", "", mode: 0o644)
    }

    /// Receives a seccomp listener, stores the message that was sent with it, and answers every notification.
    ///
    /// - Parameters:
    ///   - path: the socket to listen on.
    ///   - agent: what it does otherwise.
    /// - Throws: `CaseError` if the socket cannot be created or the message cannot be stored.
    package static func listener(socket path: String, _ agent: SeccompAgent) throws(CaseError) {
        let server = try listen(on: path)
        while agent == .misbehaves(.absent) { pause() }
        var served = 0
        var listeners: [Int32] = []
        while true {
            var entries = ([server] + listeners).map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            guard poll(&entries, nfds_t(entries.count), -1) > 0 else { continue }
            for entry in entries.dropFirst() where entry.revents != 0 {
                // Before Linux 6.11 the call to receive a notification waits for ever on a listener without processes.
                if entry.revents & Int16(POLLIN) != 0, serve(entry.fd, agent) { continue }
                close(entry.fd)
                listeners.removeAll { $0 == entry.fd }
            }
            guard entries[0].revents != 0, let listener = try takeListener(server, path, agent, &served) else {
                continue
            }
            switch agent {
            case .answers, .misbehaves(.dies): listeners.append(listener)
            case .misbehaves(.silent): break
            case .misbehaves: close(listener)
            }
        }
    }

    private static func takeListener(
        _ server: Int32, _ path: String, _ agent: SeccompAgent, _ served: inout Int
    ) throws(CaseError) -> Int32? {
        let connection = Glibc.accept(server, nil, nil)
        try check(connection, "accept on \(path)")
        defer { close(connection) }
        if agent == .misbehaves(.hangsUp) { return nil }
        var fds = [Int32](repeating: -1, count: 4)
        var count: Int32 = 4
        var message = [UInt8](repeating: 0, count: 64 << 10)
        let length = clinux_receive_descriptors(connection, &message, message.count, &fds, &count, 0)
        guard length > 0 else { return nil }
        let text = String(decoding: message.prefix(length), as: UTF8.self)
        try writeNew(served == 0 ? path + ".message" : "\(path).message\(served)", text, mode: 0o644)
        served += 1
        return count > 0 ? fds[0] : nil
    }

    /// struct seccomp_notif has 80 bytes and begins with the id; struct seccomp_notif_resp has 24: id, value, error,
    /// flags.
    /// - Returns: whether the listener is served on; not when its processes have ended.
    private static func serve(_ listener: Int32, _ agent: SeccompAgent) -> Bool {
        var notification = [UInt64](repeating: 0, count: 10)
        let got = notification.withUnsafeMutableBytes {
            clinux_ioctl(listener, UInt(CLINUX_SECCOMP_IOCTL_NOTIF_RECV), $0.baseAddress)
        }
        // A process that was killed meanwhile has taken its notification back.
        if got != 0 { return errno == EINTR || errno == ENOENT && !isClosed(listener) }
        guard case .answers(let answer) = agent else { return false }
        // The error is the lower half of the last word, the flags are the upper half; flag 1 lets the call continue.
        let error = UInt64(UInt32(bitPattern: Int32(-answer)))
        var response: [UInt64] = [notification[0], 0, error | (answer == 0 ? 1 << 32 : 0)]
        _ = response.withUnsafeMutableBytes {
            clinux_ioctl(listener, UInt(CLINUX_SECCOMP_IOCTL_NOTIF_SEND), $0.baseAddress)
        }
        return true
    }

    private static func isClosed(_ listener: Int32) -> Bool {
        var entry = pollfd(fd: listener, events: 0, revents: 0)
        return poll(&entry, 1, 0) > 0 && entry.revents & Int16(POLLHUP) != 0
    }

    private static func listen(on path: String) throws(CaseError) -> Int32 {
        let server = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | CLINUX_SOCK_CLOEXEC, 0)
        try check(server, "make a socket")
        // The socket gets its name only after listen(2), because a process that waits for the name connects at once.
        let early = path + "~"
        unlink(early)
        try check(clinux_bind_unix(server, early, early.utf8.count), "bind \(early)")
        try check(Glibc.listen(server, 8), "listen on \(early)")
        try check(chmod(early, 0o666), "change the mode of \(early)")
        try check(rename(early, path), "rename \(early)")
        return server
    }

    private static func accept(on path: String) throws(CaseError) -> Int32 {
        let connection = Glibc.accept(try listen(on: path), nil, nil)
        try check(connection, "accept on \(path)")
        return connection
    }
}

extension CaseExecution {
    func consoleSocket(_ container: String) -> String { "\(scratch)/\(container)-console.sock" }

    func startConsole(_ step: Step, _ container: String, _ invocation: HarnessInvocation) async throws(CaseError) {
        let socket = consoleSocket(container)
        for leftover in [socket, socket + ".closed", socket + ".name"] { unlink(leftover) }
        try await startWorker(["console", socket, invocation.outputPath], awaiting: socket)
    }

    func startListener(_ socket: String, _ agent: SeccompAgent) async throws(CaseError) {
        try await startWorker(["listener", socket, agent.word], awaiting: socket)
    }

    private func startWorker(_ words: [String], awaiting path: String) async throws(CaseError) {
        var buffer = [CChar](repeating: 0, count: 4096)
        let length = readlink("/proc/self/exe", &buffer, buffer.count)
        let own = String(decoding: buffer.prefix(max(0, length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let base = "\(scratch)/output/\(words[0])\(stepNumber)"
        let worker = HarnessInvocation(
            executable: own, arguments: ["worker"] + words, environment: HarnessInvocation.cleanEnvironment,
            outputPath: base + ".out", errorPath: base + ".err", limit: secondsLeft)
        background.append(Task { _ = try? await worker.run() })
        for _ in 0..<400 {
            if exists(path) { return }
            try? await Task.sleep(for: .milliseconds(5))
        }
        throw CaseError("\(path) was not made: \(readText(base + ".err") ?? "")")
    }

    /// The worker marks the socket as closed after it has read all output of the terminal.
    func finishConsole(_ container: String) async {
        let socket = consoleSocket(container)
        guard exists(socket) else { return }
        for _ in 0..<200 where !exists(socket + ".closed") { try? await Task.sleep(for: .milliseconds(5)) }
    }
}
