// Files that the caller names for the runtime to write: the log, the pid file. Their directory may be writable for
// other users, whose links must not make root write elsewhere.

internal import CLinux
internal import Glibc
package import Kernel

package enum CallersFile {
    /// The number in a path that names one of this process's own descriptors, such as /dev/fd/3.
    package static func ownDescriptor(_ path: String) -> Int32? {
        switch path {
        case "/dev/stdin": return 0
        case "/dev/stdout": return 1
        case "/dev/stderr": return 2
        default:
            for folder in ["/dev/fd/", "/proc/self/fd/"] where path.hasPrefix(folder) {
                return Int32(path.dropFirst(folder.count)).flatMap { $0 >= 0 ? $0 : nil }
            }
            return nil
        }
    }

    /// Opens a file for appending, and creates it if it does not exist.
    ///
    /// Refuses a link to a file, and in a world-writable directory a second name of a file: both may name a file that
    /// another user wants root to write to. proc_sys_fs(5), `protected_hardlinks`, `protected_symlinks`. A pipe behind
    /// a link is accepted, because it has no content that could be lost; a disk is none.
    package static func openToAppend(_ path: String, flag: String) throws(Failure) -> OwnedDescriptor {
        let what = "open \(flag) \(path)"
        if let number = ownDescriptor(path) {
            return try during(what) { () throws(Errno) in try duplicate(number) }
        }
        // Without waiting for the reader of a FIFO.
        let flags: OpenFlags = .writeOnly | .append | .nonBlocking | .noControllingTerminal
        guard let file = try open(path, flags, what) else { return try openBehindLink(path, flags, what) }
        let status = try during(what) { () throws(Errno) in try fileStatus(file.rawValue) }
        guard status.isRegular else {
            try during(what) { () throws(Errno) in try setBlocking(file.rawValue) }
            return file
        }
        if status.isOpenToSecondNames(at: path) {
            throw Failure(.other, "\(what): it is a second name of a file, in a directory where everybody can make one")
        }
        return file
    }

    /// - Returns: nil for a link.
    private static func open(_ path: String, _ flags: OpenFlags, _ what: String) throws(Failure) -> OwnedDescriptor? {
        do throws(Errno) {
            return try OwnedDescriptor.open(path, flags | .create | .noFollow, mode: 0o644)
        } catch {
            if error == .tooManySymbolicLinkLevels { return nil }
            throw refusal(what, error)
        }
    }

    private static func openBehindLink(
        _ path: String, _ flags: OpenFlags, _ what: String
    ) throws(Failure) -> OwnedDescriptor {
        let place = try during(what) { () throws(Errno) in try OwnedDescriptor.open(path, .path) }
        let status = try during(what) { () throws(Errno) in try fileStatus(place.rawValue) }
        if status.keepsContent {
            // The caller may write to its own open descriptors, under any name.
            for number in Int32(0)...2 {
                guard let own = try? fileStatus(number), own.device == status.device, own.inode == status.inode else {
                    continue
                }
                return try during(what) { () throws(Errno) in try duplicate(number) }
            }
            throw Failure(.other, "\(what): it is a link, which is not followed to a file")
        }
        do throws(Errno) {
            let file = try OwnedDescriptor.open("/proc/self/fd/\(place.rawValue)", flags)
            try setBlocking(file.rawValue)
            return file
        } catch {
            throw refusal(what, error)
        }
    }

    private static func refusal(_ what: String, _ error: Errno) -> Failure {
        error == .noSuchAddressOrDevice
            ? Failure(.system(error), "\(what): \(error.message) (nobody reads from it)") : Failure(what, error)
    }

    // Waits for a slow reader.
    private static func setBlocking(_ number: Int32) throws(Errno) {
        let flags = try checked { clinux_fcntl(number, F_GETFL, 0) }
        try checked { clinux_fcntl(number, F_SETFL, Int(flags & ~O_NONBLOCK)) }
    }

    private static func duplicate(_ number: Int32) throws(Errno) -> OwnedDescriptor {
        OwnedDescriptor(adopting: try checked { clinux_fcntl(number, F_DUPFD_CLOEXEC, 3) })
    }

    /// Whether a path leads to something other than a regular file, which is opened as it is: a FIFO, a device, a
    /// socket, or a link to one of them.
    static func isNoFile(_ path: String) -> Bool {
        guard let status = try? fileStatus(at: path) else { return false }
        return !status.isRegular && !status.isDirectory
    }
}
