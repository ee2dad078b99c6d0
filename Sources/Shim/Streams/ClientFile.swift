// Files, FIFOs and devices that a client names for streams. Their directory may be one in which others can put names: what
// root reads or writes through such a name would be theirs to choose. The rules are those of the runtime's `--log`.

internal import Glibc
internal import Kernel

/// The file at a path that a client has named. It is opened once, so that no other file can be put in its place afterwards.
struct ClientFile: ~Copyable {
    private let place: OwnedDescriptor
    let status: FileStatus

    var isFIFO: Bool { status.mode & S_IFMT == S_IFIFO }

    /// Finds it.
    ///
    /// A link is followed to what keeps no content, as a FIFO: neither to a file nor to a disk. A second name of a file
    /// is not taken in a directory that is everybody's. proc_sys_fs(5), `protected_hardlinks`, `protected_symlinks`.
    init(_ path: String) throws(ShimFailure) {
        let what = "open \(path)"
        var place = try during(what) { () throws(Errno) in try OwnedDescriptor.open(path, [.path, .noFollow]) }
        var status = try during(what) { () throws(Errno) in try fileStatus(place.rawValue) }
        if status.isSymbolicLink {
            place = try during(what) { () throws(Errno) in try OwnedDescriptor.open(path, .path) }
            status = try during(what) { () throws(Errno) in try fileStatus(place.rawValue) }
            if status.keepsContent, !status.isDirectory {
                throw ShimFailure("\(what): it is a link, which is not followed to a file")
            }
        }
        if status.isDirectory { throw ShimFailure(what, .isDirectory) }
        if status.isOpenToSecondNames(at: path) {
            throw ShimFailure("\(what): it is a second name of a file, in a directory where everybody can make one")
        }
        self.place = place
        self.status = status
    }

    /// Opens it, without waiting for anybody.
    borrowing func open(_ flags: OpenFlags) throws(Errno) -> OwnedDescriptor {
        try OwnedDescriptor.open("/proc/self/fd/\(place.rawValue)", flags | .nonBlocking | .noControllingTerminal)
    }

    /// Opens a file to write at its end, and makes it where there is none.
    static func openToAppend(_ path: String) throws(ShimFailure) -> OwnedDescriptor {
        do throws(Errno) {
            // Another process may make the name first: a link is not followed, and a file of another user is refused.
            let flags: OpenFlags = .writeOnly | .append | .nonBlocking | .noControllingTerminal
            return try OwnedDescriptor.open(path, flags | .create | .exclusive, mode: 0o644)
        } catch {
            if error != .fileExists { throw ShimFailure("open \(path)", error) }
        }
        let file = try ClientFile(path)
        do throws(Errno) {
            return try file.open([.writeOnly, .append])
        } catch {
            let isUnread = file.isFIFO && error == .noSuchAddressOrDevice
            throw ShimFailure("open \(path): \(error.message)\(isUnread ? " (nobody reads from it)" : "")")
        }
    }
}
