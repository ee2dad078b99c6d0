// Files that somebody else may have put another thing in the place of: to open a device, a FIFO or a terminal is to do
// something already, and a device of an image may be one that its container is refused.

internal import CLinux
package import SystemPackage

/// How a file is opened that is known to be regular; a lease on it could make the caller wait otherwise. fcntl(2).
private let carefully = OpenFlags.readOnly | .nonBlocking | .noControllingTerminal

/// Opens for reading what an `O_PATH` descriptor stands for, if that is a regular file.
///
/// By way of /proc, which has to be the host's: nothing can be put in the file's place on the way.
package func openRegular(behind place: borrowing OwnedDescriptor) throws(Errno) -> OwnedDescriptor {
    guard try fileStatus(place.rawValue).isRegular else { throw .invalidArgument }
    return try OwnedDescriptor.open("/proc/self/fd/\(place.rawValue)", carefully)
}

/// Opens for reading what a path names, if that is a regular file; for a process that has no procfs it could trust.
///
/// What is swapped in between the look and the opening is closed again; of devices only what the process's cgroup
/// allows is opened even then.
package func openRegular(
    _ path: UnsafePointer<CChar>, at directory: Int32 = OwnedDescriptor.currentDirectory, followLinks: Bool = true
) throws(Errno) -> OwnedDescriptor {
    let links: OpenFlags = followLinks ? .readOnly : .noFollow
    let place = try openBelow(directory, path, .path | links, resolving: .noMagicLinks)
    let seen = try fileStatus(place.rawValue)
    guard seen.isRegular else { throw .invalidArgument }
    let file = try openBelow(directory, path, carefully | links, resolving: .noMagicLinks)
    let opened = try fileStatus(file.rawValue)
    guard opened.isRegular, opened.device == seen.device, opened.inode == seen.inode else { throw .invalidArgument }
    return file
}
