// The descriptors of the caller that the program inherits.

internal import CLinux
internal import Glibc
internal import Kernel

/// Descriptors 3 and up for the program: the service manager's sockets, then those of --preserve-fds.
struct InheritedDescriptors {
    let count: Int32

    /// - Throws: if one of them is not open, or is ours.
    init(sockets: Int32, preserved: Int32) throws(Failure) {
        let closesOnExec: Int32 = 1  // FD_CLOEXEC
        let wanted = Int(sockets) + Int(preserved)
        for number in 3..<(3 + wanted) {
            // The caller's descriptors are not close-on-exec; every descriptor that this program opens is, for example
            // the log.
            let flags = Int32(exactly: number).map { clinux_fcntl($0, F_GETFD, 0) } ?? -1
            guard flags >= 0, flags & closesOnExec == 0 else {
                let asker = number < 3 + Int(sockets) ? "LISTEN_FDS" : "--preserve-fds"
                throw Failure(.invalid, "\(asker): descriptor \(number) is not open")
            }
        }
        // So many are open that the number is one.
        count = Int32(clamping: wanted)
    }

    /// Keeps every other descriptor of the caller from the program.
    func keepOthers() throws(Failure) {
        try during("close descriptors") { () throws(Errno) in try closeOnExec(from: 3 + count) }
    }
}

/// The number of sockets that a service manager has opened for this process. LISTEN_PID must name it: the environment
/// may be inherited from another process. sd_listen_fds(3).
func activationSockets() -> Int32? {
    guard environmentNumber("LISTEN_PID") == getpid(), let count = environmentNumber("LISTEN_FDS"), count > 0 else {
        return nil
    }
    return count
}

private func environmentNumber(_ name: String) -> Int32? { getenv(name).flatMap { Int32(String(cString: $0)) } }
