// Files that another process may have replaced. Opening a device, a FIFO or a terminal already has effects, and a
// device in an image may be one that the container must not use.

internal import CLinux

/// Flags for opening a file that is known to be regular; without O_NONBLOCK a lease on it could block the caller.
/// fcntl(2).
private let carefully = OpenFlags.readOnly | .nonBlocking | .noControllingTerminal

/// Opens the file of an `O_PATH` descriptor for reading, if it is regular.
///
/// The path through /proc, which must be the host's, rules out that the file is replaced between check and opening.
package func openRegular(behind place: borrowing OwnedDescriptor) throws(Errno) -> OwnedDescriptor {
    guard try fileStatus(place.rawValue).isRegular else { throw .invalidArgument }
    return try unsafe OwnedDescriptor.open("/proc/self/fd/\(place.rawValue)", carefully)
}

/// Opens the file at a path for reading, if it is regular; for a process that has no procfs to trust.
///
/// A file that replaces it between check and opening is closed again. Even then the cgroup's rules limit which
/// devices can be opened.
package func openRegular(
    _ path: UnsafePointer<CChar>, at directory: Int32 = OwnedDescriptor.currentDirectory, followLinks: Bool = true
) throws(Errno) -> OwnedDescriptor {
    let links: OpenFlags = followLinks ? .readOnly : .noFollow
    let place = try unsafe openBelow(directory, path, .path | links, resolving: .noMagicLinks)
    let seen = try fileStatus(place.rawValue)
    guard seen.isRegular else { throw .invalidArgument }
    let file = try unsafe openBelow(directory, path, carefully | links, resolving: .noMagicLinks)
    let opened = try fileStatus(file.rawValue)
    guard opened.isRegular, opened.device == seen.device, opened.inode == seen.inode else { throw .invalidArgument }
    return file
}
