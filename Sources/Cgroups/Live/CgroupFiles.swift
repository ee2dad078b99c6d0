// Opens, reads and writes files inside the hierarchy, never outside.

internal import CLinux
internal import Glibc
internal import Kernel

/// Opens the mount point of a hierarchy.
func openMount(_ directory: CgroupDirectory) throws(Errno) -> OwnedDescriptor {
    try OwnedDescriptor.open(directory.mount, .path | .directory)
}

/// Opens a directory below a mount point, without following anything that leads out of the hierarchy.
func openCgroup(below mount: borrowing OwnedDescriptor, _ path: String) throws(Errno) -> OwnedDescriptor {
    try openBelow(mount.rawValue, relative(path), .directory, resolving: .confined)
}

/// Opens the container's directory.
/// - Throws: `noSuchFileOrDirectory` also if the path now belongs to another container.
func open(_ directory: CgroupDirectory) throws(Errno) -> OwnedDescriptor {
    let mount = try openMount(directory)
    let own = try openCgroup(below: mount, directory.path)
    if let inode = directory.inode, try fileStatus(own.rawValue).inode != inode { throw .noSuchFileOrDirectory }
    return own
}

/// A path for use with a directory descriptor: without the leading slash.
func relative(_ path: String) -> String {
    path == "/" ? "." : String(Substring(path.utf8.dropFirst()))
}

/// The content of a short file without surrounding white space, in one read: no value is longer than a page.
func readValue(_ file: String, at directory: borrowing OwnedDescriptor) throws(Errno) -> String {
    let opened = try OwnedDescriptor.open(file, .readOnly, at: directory.rawValue)
    // A result: this function of Swift 6.2's library has no typed throws yet.
    return try withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 4_096) { buffer -> Result<String, Errno> in
        do throws(Errno) {
            let length = try checked { Glibc.read(opened.rawValue, buffer.baseAddress, buffer.count) }
            return .success(trimmed(String(decoding: buffer[..<length], as: UTF8.self)))
        } catch {
            return .failure(error)
        }
    }.get()
}

/// Text without surrounding white space.
func trimmed(_ text: String) -> String {
    let isSpace: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x0a || $0 == 0x09 || $0 == 0 }
    var bytes = text.utf8[...]
    while let last = bytes.last, isSpace(last) { bytes.removeLast() }
    while let first = bytes.first, isSpace(first) { bytes.removeFirst() }
    return String(decoding: bytes, as: UTF8.self)
}

/// The directories in a directory. A container may have named them, with bytes that are not UTF-8.
func subdirectories(of directory: borrowing OwnedDescriptor) throws(Errno) -> [DirectoryEntry] {
    // The kernel counts a cgroup's sub-directories as links, and usually there are none. kernfs_refresh_inode()
    if try fileStatus(directory.rawValue).links == 2 { return [] }
    return try directoryEntries(directory.rawValue).filter { $0.isDirectory }
}

/// Sleeps; a signal may shorten it, which is harmless because the callers retry by their own clock.
func pause(microseconds: Int) {
    var time = timespec(tv_sec: microseconds / 1_000_000, tv_nsec: microseconds % 1_000_000 * 1_000)
    Glibc.nanosleep(&time, nil)
}

/// More CPUs or memory nodes than any kernel has: NR_CPUS is at most 8192.
let mostNumbers = 8_192
