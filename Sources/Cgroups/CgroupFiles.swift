// Opening, reading and writing inside the hierarchy, never leaving it.

internal import CLinux
internal import Glibc
internal import Kernel
internal import SystemPackage

/// Opens the mount point of a hierarchy.
func openMount(_ directory: CgroupDirectory) throws(Errno) -> OwnedDescriptor {
    try OwnedDescriptor.open(directory.mount, [.path, .directory])
}

/// Opens a directory below a mount point without following anything that leads out of the hierarchy.
func openBelow(_ mount: borrowing OwnedDescriptor, _ path: String) throws(Errno) -> OwnedDescriptor {
    // RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH
    let confined: UInt64 = 0x01 | 0x02 | 0x04 | 0x08
    let flags: OpenFlags = [.directory, .closeOnExec]
    let number = mount.rawValue
    return OwnedDescriptor(
        adopting: try checked {
            clinux_openat2(number, relative(path), UInt64(flags.rawValue), 0, confined)
        })
}

/// Opens the container's directory.
func open(_ directory: CgroupDirectory) throws(Errno) -> OwnedDescriptor {
    let mount = try openMount(directory)
    return try openBelow(mount, directory.path)
}

/// A path of ours as the kernel wants it, beside a descriptor: without the leading slash.
func relative(_ path: String) -> String {
    path == "/" ? "." : String(path.dropFirst())
}

/// A file's content without white space at its ends.
func readValue(_ file: String, at directory: borrowing OwnedDescriptor) throws(Errno) -> String {
    trimmed(try readText(file, at: directory.rawValue))
}

/// A text without white space at its ends.
func trimmed(_ text: String) -> String {
    let isSpace: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x0a || $0 == 0x09 || $0 == 0 }
    var bytes = text.utf8[...]
    while let last = bytes.last, isSpace(last) { bytes.removeLast() }
    while let first = bytes.first, isSpace(first) { bytes.removeFirst() }
    return String(decoding: bytes, as: UTF8.self)
}

/// The names of the directories in a directory.
func subdirectories(of directory: borrowing OwnedDescriptor) throws(Errno) -> [String] {
    var names: [String] = []
    let number = directory.rawValue
    var buffer = [UInt8](repeating: 0, count: 16 << 10)
    while true {
        let length = try checked {
            buffer.withUnsafeMutableBytes { clinux_getdents64(number, $0.baseAddress, $0.count) }
        }
        if length == 0 { return names }
        var offset = 0
        while offset + 19 <= length {
            // struct linux_dirent64: inode, offset, u16 record length, u8 type, name
            let recordLength = Int(buffer[offset + 16]) | Int(buffer[offset + 17]) << 8
            guard recordLength >= 19 else { break }
            if buffer[offset + 18] == 4 {  // DT_DIR
                let name = buffer[(offset + 19)..<(offset + recordLength)].prefix { $0 != 0 }
                let text = String(decoding: name, as: UTF8.self)
                if text != ".", text != ".." { names.append(text) }
            }
            offset += recordLength
        }
    }
}

/// Sleeps without caring about signals: the callers look at the clock of their own retries.
func pause(microseconds: Int) {
    var time = timespec(tv_sec: microseconds / 1_000_000, tv_nsec: microseconds % 1_000_000 * 1_000)
    Glibc.nanosleep(&time, nil)
}
