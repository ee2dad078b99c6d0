// Where one call of a runtime logs.

internal import CLinux
internal import Glibc
internal import Kernel

/// The log of one call, in the bundle. A bundle can be gone, full or read-only when its container must still be ended: then the
/// runtime is given no `--log`, and tells its errors on standard error, which is a file in memory.
final class CallLog {
    /// For `--log`; nil if it is in memory.
    let path: String?
    /// Standard error of a call that has none of its own.
    let file: OwnedDescriptor

    init(_ path: String) throws(ShimFailure) {
        do throws(Errno) {
            file = try OwnedDescriptor.open(path, [.writeOnly, .create, .append], mode: 0o600)
            self.path = path
        } catch {
            let closeOnExec: UInt32 = 1  // MFD_CLOEXEC
            file = try during("open \(path): \(error.message); make a file in memory") { () throws(Errno) in
                OwnedDescriptor(adopting: try checked { clinux_memfd_create("log", closeOnExec) })
            }
            self.path = nil
        }
    }

    /// What the runtime has told; to be read when it has ended.
    var text: String {
        if let path { return (try? readRegularFile(path)).map(RawText.text) ?? "" }
        guard lseek(file.rawValue, 0, SEEK_SET) == 0 else { return "" }
        return (try? readAll(file.rawValue)).map(RawText.text) ?? ""
    }

    func remove() { if let path { clinux_unlink(path) } }
}
