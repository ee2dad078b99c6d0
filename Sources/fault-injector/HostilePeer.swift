// A hostile process in a container, which reports the parts of the command that it can access: see
// Sources/witness/Hostile.swift.

internal import CLinux
internal import Glibc
internal import Kernel

final class HostilePeer {
    /// The name in reports.
    let name: String
    private let socket: OwnedDescriptor
    /// Its own capabilities let it trace any process that it sees: then a hole is only access to the host's files, or a
    /// process that is stronger than itself.
    private let mayTrace: Bool
    private let strength: Strength?
    /// Whether stronger processes are left aside.
    private let sparesStronger: Bool
    private let level: Int
    private let pidNamespace: UInt64?
    /// Whether it has ended, for example because its container was killed.
    private var isGone = false
    /// The pids of the command's processes in the peer's pid namespace; 0 for processes that it cannot see.
    private var names: [Int32: Int32] = [:]

    /// - Parameters:
    ///   - request: `NAME:PATH`, with a `+` after the name of a peer that may trace.
    ///   - facts: the items to search for.
    ///   - sparesStronger: whether it may trace processes that are stronger than itself.
    init(_ request: Substring, facts: String, sparesStronger: Bool) throws(Errno) {
        self.sparesStronger = sparesStronger
        let parts = request.split(separator: ":", maxSplits: 1)
        guard parts.count == 2 else { throw .invalidArgument }
        name = String(parts[0])
        mayTrace = name.hasSuffix("+")
        socket = try unixSocket(.packets)
        let (path, number) = (String(parts[1]), socket.rawValue)
        // Its socket may exist before it listens.
        for attempt in 0... {
            do throws(Errno) {
                try checked { clinux_connect_unix(number, path, path.utf8.count) }
                break
            } catch {
                guard error == .connectionRefused, attempt < 1000 else { throw error }
                usleep(2000)
            }
        }
        var peer: [Int32] = [0, 0, 0]
        var size = socklen_t(12)
        try checked { getsockopt(number, SOL_SOCKET, SO_PEERCRED, &peer, &size) }
        level = max(0, numbers(of: peer[0]).count - 1)
        pidNamespace = namespace("pid", of: peer[0])
        strength = Strength(of: peer[0])
        _ = try Self.converse(number, facts)
    }

    private static func converse(_ socket: Int32, _ text: String) throws(Errno) -> String {
        try sendMessage(socket, Array(text.utf8))
        guard try waitUntilReadable(socket, milliseconds: 10_000) else { throw Errno(rawValue: ETIMEDOUT) }
        let bytes = try receiveMessage(socket, limit: 64 << 10).bytes
        if bytes.isEmpty { throw .connectionReset }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The holes that it has found, by process.
    func look(at processes: [Int32]) throws(Errno) -> [(pid: Int32, hole: String)] {
        let seen = visible(processes)
        if seen.isEmpty || isGone { return [] }
        let request = seen.reduce("look") { $0 + " \($1.inside)" }
        let answer: String
        do throws(Errno) { answer = try Self.converse(socket.rawValue, request) } catch {
            guard error == .connectionReset || error == .brokenPipe else { throw error }
            isGone = true
            return []
        }
        return answer.split(separator: "\n").compactMap { line in
            let parts = line.split(separator: " ", maxSplits: 1)
            guard parts.count == 2, let inside = Int32(parts[0]), let pid = seen.first(where: { $0.inside == inside })
            else { return nil }
            let hole = String(parts[1])
            if mayTrace, Self.rights.contains(hole) {
                // One of the rights gives all others.
                guard hole == "mem opens" else { return nil }
                return excess(of: pid.outside).map { (pid.outside, $0) }
            }
            // Every user who sees a process may read its cmdline; that is true of the host's processes too.
            if level == 0, hole.hasPrefix("cmdline") { return nil }
            return (pid.outside, hole)
        }
    }

    private func excess(of pid: Int32) -> String? {
        guard !sparesStronger, let strength, let other = Strength(of: pid) else { return nil }
        let found = other.excess(over: strength)
        return found.isEmpty ? nil : "traceable, with \(found.joined(separator: ", ")) more than its own"
    }

    private static let rights: Set<String> = [
        "memory is readable", "mem opens", "environ opens", "descriptors can be taken",
        // Until an init has mounted its root, it has the host's; but it is in its pid namespace from the start.
        "root leads to files of the host", "cwd leads to files of the host",
    ]

    private func visible(_ processes: [Int32]) -> [(outside: Int32, inside: Int32)] {
        processes.compactMap { pid in
            let inside = names[pid] ?? find(pid)
            names[pid] = inside
            return inside == 0 ? nil : (pid, inside)
        }
    }

    private func find(_ pid: Int32) -> Int32 {
        let all = numbers(of: pid)
        guard all.count > level else { return 0 }
        if level == 0 { return all[0] }
        return all.count == level + 1 && namespace("pid", of: pid) == pidNamespace ? all[level] : 0
    }
}
