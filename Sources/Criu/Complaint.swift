// CRIU's log: the line that says why, and what helps.

/// The cause of a failure, found in CRIU's log.
package struct Complaint: Equatable, Sendable {
    /// The text of the message, without time, process and place in CRIU's source.
    package var text: String

    package init(text: String) { self.text = text }

    /// The first complaint in a log is nearly always the cause, and the later ones its echo.
    ///
    /// A line looks like `(00.012345)      1: Error (criu/mount.c:1094): mnt: Mount 33 ...`.
    package init?(log: [UInt8]) {
        let lines = String(decoding: log, as: UTF8.self).split(separator: "\n")
        guard let first = lines.lazy.compactMap(Self.complaint).first(where: { !Self.isHarmless($0) }) else {
            return nil
        }
        text = String(first)
    }

    /// The message of CRIU's answer: the first complaint of its log.
    package init?(message: String) {
        if let complaint = Self(log: Array(message.utf8)) {
            self = complaint
        } else {
            guard !message.isEmpty, message.place(of: "Error (") == nil else { return nil }
            text = message
        }
    }

    private static func complaint(_ line: Substring) -> Substring? {
        guard let mark = line.place(of: "Error (") else { return nil }
        guard let end = line[mark.upperBound...].place(of: "): ") else { return nil }
        let text = line[end.upperBound...]
        return text.isEmpty ? nil : text
    }

    // Said on the way of dumps and restores that go well: without CAP_SYS_RESOURCE, and when a helper of CRIU's ends.
    private static func isHarmless(_ text: Substring) -> Bool {
        text.holds("RLIMIT_NOFILE") || text.holds("cgroupd: recv req error")
    }

    /// A remedy, where the message does not name one.
    package var hint: String? { Self.hints.first { text.holds($0.0) }?.1 }

    private static let hints: [(StaticString, String)] = [
        ("vDSO", "this CRIU is too old for the kernel; 4.1 and later know it"),
        ("vdso", "this CRIU is too old for the kernel; 4.1 and later know it"),
        ("Connected TCP socket", "--tcp-established keeps connections"),
        ("External socket is used", "--ext-unix-sk lets sockets with a named peer pass"),
        ("ile lock", "--file-locks keeps them"),
        ("an't lookup mount", "a descriptor leads to a file outside of the container"),
        ("doesn't have a proper root mount", "a mount from outside that the config does not know"),
        ("iptables-restore", "install iptables"),
        ("bad size", "the rootfs is not the one that was checkpointed"),
        ("bad build-ID", "the rootfs is not the one that was checkpointed"),
        ("File exists", "a process of the host may have the pid"),
        ("Unable to connect a socket", "CRIU tries the kernel out over the host's loopback device, which has to be up"),
        ("soft-dirty", "this kernel does not track memory"),
    ]
}
