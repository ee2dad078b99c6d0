// `criu swrk`: how a process becomes CRIU, with nothing of ours but what it is given.

internal import CLinux
internal import Glibc
package import Kernel

/// A program that speaks for CRIU, and the directories in which it finds its helpers: tar, gzip, iptables-restore, ip.
package struct Worker: Equatable, Sendable {
    /// Absolute.
    package var program: String
    package var searchPath: String

    package init(program: String, searchPath: String) {
        self.program = program
        self.searchPath = searchPath
    }

    /// Where CRIU finds its end of the socket.
    package static let socketNumber: Int32 = 3
    /// Where it finds the first of the descriptors that it inherits.
    package static let firstInherited: Int32 = 4

    /// Executes CRIU in place of the calling process.
    ///
    /// Its environment is PATH alone: other variables choose plugins, faults, config files and helper programs.
    /// - Parameters:
    ///   - streams: its stdin, stdout and stderr; the null device where there are none.
    ///   - inherited: what else it finds open, from ``firstInherited`` on.
    package func become(socket: Int32, streams: [Int32], inherited: [Int32]) throws(Errno) -> Never {
        let null = try OwnedDescriptor.open("/dev/null", .readWrite)
        let wanted = (0..<3).map { streams.count > $0 ? streams[$0] : null.rawValue } + [socket] + inherited
        // Out of the way first: what one of them becomes may be the number of another.
        var kept: [Int32] = []
        for number in wanted {
            kept.append(try checked { clinux_fcntl(number, F_DUPFD_CLOEXEC, Int(wanted.count + 3)) })
        }
        for (target, number) in kept.enumerated() { try checked { clinux_dup3(number, Int32(target), 0) } }
        try checked { clinux_close_range(UInt32(wanted.count), ~0, 0) }
        try checked { clinux_chdir("/") }
        let arguments = vector([program, "swrk", "\(Self.socketNumber)"])
        let environment = vector(["PATH=" + searchPath])
        try checked { clinux_execve(program, arguments, environment) }
        _exit(127)
    }

    private func vector(_ words: [String]) -> UnsafeMutablePointer<UnsafeMutablePointer<CChar>?> {
        let vector = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: words.count + 1)
        for (index, word) in words.enumerated() { vector[index] = strdup(RawText.bytes(word)) }
        vector[words.count] = nil
        return vector
    }
}
