// The socket that one shim process serves: its name, and whether another process serves it already.

internal import CLinux
internal import Glibc
internal import Kernel
internal import NIOCore
internal import TTRPC

/// The path of a shim's socket.
package struct ShimSocket: Equatable, Sendable {
    package static let defaultDirectory = "/run/containerd/s"

    package let path: String

    /// Containers of one group, in one namespace of one containerd, share a socket.
    ///
    /// - Throws: when the directory's name leaves no room for a socket's name.
    package init(
        directory: String?, containerd: String, namespace: String, group: String, isDebug: Bool
    ) throws(ShimFailure) {
        let directory = directory.flatMap { $0.isEmpty ? nil : $0 } ?? Self.defaultDirectory
        // 107 bytes is the longest socket path; the digest and its slash take 65.
        if directory.utf8.count > 42 { throw ShimFailure("socket directory \(directory): longer than 42 bytes") }
        let key = [containerd, namespace, group] + (isDebug ? ["debug"] : [])
        path = directory + "/" + SHA256.hexDigest(of: key.joined(separator: "/"))
    }

    package var address: String { "unix://" + path }

    private var directory: String { String(path[..<(path.utf8.lastIndex(of: UInt8(ascii: "/")) ?? path.startIndex)]) }

    /// Starts listening, unless another shim serves the socket: then nothing is returned.
    ///
    /// The directory is locked meanwhile: of two starts at once for one group, the second must see the first listening.
    func claim() throws(ShimFailure) -> OwnedDescriptor? {
        let directory = directory
        try makeDirectories(directory, mode: 0o700)
        let lock = try during("open \(directory)") { () throws(Errno) in
            try OwnedDescriptor.open(directory, [.readOnly, .directory])
        }
        try Self.wait(forLock: lock, on: directory)
        if isServed { return nil }
        let path = path
        let listener = try during("listen on \(path)") { () throws(Errno) in
            clinux_unlink(path)
            return try listenSocket(at: path, mode: 0o600, backlog: 128)
        }
        _ = consume lock
        return listener
    }

    /// A start that is stopped must not hold up those after it for ever.
    private static func wait(
        forLock lock: borrowing OwnedDescriptor, on directory: String
    ) throws(ShimFailure) {
        var waited = 0
        var pause = 1
        while waited < 10_000 {
            if flock(lock.rawValue, LOCK_EX | LOCK_NB) == 0 { return }
            let code = Errno(rawValue: errno)
            if code != .wouldBlock { throw ShimFailure("lock \(directory)", code) }
            usleep(UInt32(pause) * 1000)
            waited += pause
            pause = min(2 * pause, 16)
        }
        throw ShimFailure("lock \(directory): another process has held the lock for 10 seconds")
    }

    /// Sends a call to the shim that serves a socket, without an event loop, and waits until that shim ends and closes the
    /// connection; at most for a time in milliseconds.
    static func call(_ path: String, _ request: Request, within time: Int64) {
        guard let socket = try? unixSocket(.stream, nonBlocking: true),
            let connection = try? connectSocket(socket, to: path)
        else { return }
        var frame = ByteBuffer()
        Frame(stream: 1, kind: .request, payload: request.encoded()).write(to: &frame)
        let bytes = Array(frame.readableBytesView)
        // So few bytes fit into the socket's buffer; a shim that has just ended is no failure.
        if Glibc.send(connection.rawValue, bytes, bytes.count, Int32(MSG_NOSIGNAL)) != bytes.count { return }
        // POLLHUP, which needs no asking for, comes when the other side has closed; the answer is of no interest.
        var side = pollfd(fd: connection.rawValue, events: 0, revents: 0)
        poll(&side, 1, Int32(clamping: time))
    }

    private var isServed: Bool {
        do throws(Errno) {
            _ = try connectSocket(try unixSocket(.stream, nonBlocking: true), to: path)
            return true
        } catch {
            // A full backlog answers EAGAIN, so a process listens.
            return error == .wouldBlock
        }
    }
}

/// Makes a directory and those above it.
func makeDirectories(_ path: String, mode: mode_t) throws(ShimFailure) {
    if clinux_mkdir(path, mode) == 0 || errno == EEXIST { return }
    let code = Errno(rawValue: errno)
    guard code == .noSuchFileOrDirectory, let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")),
        slash != path.startIndex
    else {
        throw ShimFailure("make directory \(path)", code)
    }
    try makeDirectories(String(path[..<slash]), mode: 0o711)
    if clinux_mkdir(path, mode) != 0, errno != EEXIST {
        throw ShimFailure("make directory \(path)", Errno(rawValue: errno))
    }
}
