// Work in a container's rootfs by descriptors only: every path is resolved as if the rootfs were "/".

internal import CLinux
internal import Glibc

/// How a path under a root may be resolved: `RESOLVE_*` of openat2(2).
package struct Resolution: OptionSet, Sendable {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }
    package init(arrayLiteral elements: Self...) { self.init(rawValue: elements.reduce(0) { $0 | $1.rawValue }) }
    package static let noCrossingMounts = Self(rawValue: 0x1)  // RESOLVE_NO_XDEV
    package static let noMagicLinks = Self(rawValue: 0x2)  // RESOLVE_NO_MAGICLINKS
    package static let noSymlinks = Self(rawValue: 0x4)  // RESOLVE_NO_SYMLINKS
    package static let beneath = Self(rawValue: 0x8)  // RESOLVE_BENEATH
    package static let inRoot = Self(rawValue: 0x10)  // RESOLVE_IN_ROOT
    /// Below the directory, on the same mount, and through no link.
    package static let confined = Self(rawValue: 0x1 | 0x2 | 0x4 | 0x8)
}

/// Opens a path below a directory under the given rules. openat2(2).
///
/// `EAGAIN` means that a concurrent rename kept the kernel from guaranteeing the result; the call is repeated.
package func openBelow(
    _ directory: Int32, _ path: UnsafePointer<CChar>, _ flags: OpenFlags, resolving rules: Resolution,
    mode: UInt64 = 0
) throws(Errno) -> OwnedDescriptor {
    var attempts = 0
    while true {
        do throws(Errno) {
            let how = UInt64(flags.union(.closeOnExec).rawValue)
            return OwnedDescriptor(
                adopting: try checked { unsafe clinux_openat2(directory, path, how, mode, rules.rawValue) })
        } catch {
            attempts += 1
            guard error == .wouldBlock, attempts < 64 else { throw error }
        }
    }
}

/// A directory that serves as "/" for all operations through it.
///
/// Symbolic links, even absolute ones, cannot lead outside (CVE-2019-18837, CVE-2021-30465, CVE-2024-45310), even if
/// another process renames files meanwhile.
package struct RootDirectory: ~Copyable {
    package let descriptor: OwnedDescriptor

    package init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }

    /// The kind of file to create if a path does not exist.
    package enum Leaf: Sendable { case directory, file }

    /// The directory that contains the last component of a path, and that component.
    package struct Place: ~Copyable {
        package let directory: OwnedDescriptor
        package let name: String
    }

    /// An `O_PATH` descriptor of a path, with links resolved inside the root.
    package borrowing func open(
        _ path: String, _ flags: OpenFlags = .path, resolving rules: Resolution = []
    ) throws(Errno) -> OwnedDescriptor {
        try unsafe openBelow(
            descriptor.rawValue, path.isEmpty ? "." : path, flags,
            resolving: rules.union([.inRoot, .noMagicLinks]))
    }

    /// Opens a path; if it is missing, creates it together with its parent directories (mode 0755).
    package borrowing func openOrMake(
        _ path: String, _ leaf: Leaf, resolving rules: Resolution = [], mode: UInt32 = 0o755
    ) throws(Errno) -> OwnedDescriptor {
        do throws(Errno) {
            return try open(path, .path, resolving: rules)
        } catch {
            guard error == .noSuchFileOrDirectory else { throw error }
        }
        return try walk(path, leaf: leaf, mode: mode, followLinks: !rules.contains(.noSymlinks))
    }

    /// The directory that contains the last component of a path (created if missing), and that component.
    package borrowing func parent(of path: String) throws(Errno) -> Place {
        var parts = path.split(at: "/", omittingEmptySubsequences: true)
        guard let name = parts.popLast(), name != "..", name != "." else { throw .invalidArgument }
        return Place(directory: try openOrMake(parts.joined(separator: "/"), .directory), name: String(name))
    }

    // Resolves one component at a time and follows only links that this function has read. A link that another
    // process swaps in is either refused by O_NOFOLLOW or resolved by this loop, inside the root.
    private borrowing func walk(_ path: String, leaf: Leaf, mode: UInt32, followLinks: Bool) throws(Errno)
        -> OwnedDescriptor
    {
        var pending = components(path)
        var trail: [Int32] = []
        defer { for number in trail { close(number) } }
        var links = 0
        while !pending.isEmpty {
            let name = pending.removeFirst()
            if name == ".." {
                if let last = trail.popLast() { close(last) }
                continue
            }
            let here = trail.last ?? descriptor.rawValue
            let isLeaf = pending.isEmpty
            let found = try openComponent(here, name, isLeaf ? leaf : .directory, mode: isLeaf ? mode : 0o755)
            if let target = try linkTarget(found) {
                links += 1
                guard followLinks, links <= 40 else { throw Errno(rawValue: ELOOP) }
                if target.isAbsolutePath {
                    for number in trail { close(number) }
                    trail = []
                }
                pending = components(target) + pending
                continue
            }
            trail.append(found.relinquish())
        }
        guard let last = trail.popLast() else { return try open(".", .path) }
        return OwnedDescriptor(adopting: last)
    }

    private borrowing func components(_ path: String) -> [String] {
        path.split(at: "/", omittingEmptySubsequences: true).filter { $0 != "." }.map(String.init)
    }

    private borrowing func openComponent(_ here: Int32, _ name: String, _ kind: Leaf, mode: UInt32) throws(Errno)
        -> OwnedDescriptor
    {
        do throws(Errno) {
            return try unsafe OwnedDescriptor.open(name, .path | .noFollow, at: here)
        } catch {
            guard error == .noSuchFileOrDirectory else { throw error }
        }
        do throws(Errno) {
            switch kind {
            case .directory: try checked { unsafe clinux_mkdirat(here, name, mode) }
            case .file:
                _ = try unsafe OwnedDescriptor.open(
                    name, .writeOnly | .create | .exclusive | .noFollow, mode: mode, at: here)
            }
        } catch {
            // Another process created it meanwhile; the caller checks the kind.
            guard error == .fileExists else { throw error }
        }
        return try unsafe OwnedDescriptor.open(name, .path | .noFollow, at: here)
    }

    private borrowing func linkTarget(_ found: borrowing OwnedDescriptor) throws(Errno) -> String? {
        let number = found.rawValue
        guard try fileStatus(number).isSymbolicLink else { return nil }
        return try readLink(number, "")
    }
}

/// The text of a symbolic link; an empty path reads the link that is the descriptor itself.
package func readLink(_ directory: Int32, _ path: String) throws(Errno) -> String {
    let target = try unsafe linkTarget(directory, path)
    return unsafe RawText.text(target)
}

/// The bytes of a link's target, ended by a zero. readlink(2).
package func linkTarget(_ directory: Int32, _ path: UnsafePointer<CChar>) throws(Errno) -> [CChar] {
    var bytes = [UInt8](repeating: 0, count: 4096)
    let length = try checked {
        unsafe bytes.withUnsafeMutableBytes { buffer -> Int in
            guard let start = unsafe buffer.assumingMemoryBound(to: CChar.self).baseAddress else { return 0 }
            return unsafe clinux_readlinkat(directory, path, start, buffer.count)
        }
    }
    return bytes[..<length].map { CChar(bitPattern: $0) } + [0]
}

/// The fields of fstat(2) that are used.
package struct FileStatus: Sendable, Equatable {
    package var mode: UInt32
    package var device: UInt64
    package var inode: UInt64
    package var special: UInt64
    package var uid: UInt32
    package var gid: UInt32
    package var links: UInt64

    package var isDirectory: Bool { mode & S_IFMT == S_IFDIR }
    package var isSymbolicLink: Bool { mode & S_IFMT == S_IFLNK }
    package var isRegular: Bool { mode & S_IFMT == S_IFREG }
    package var isSocket: Bool { mode & S_IFMT == S_IFSOCK }

    package var isDevice: Bool { mode & S_IFMT == S_IFCHR || mode & S_IFMT == S_IFBLK }
    /// Whether everybody may read and write it.
    package var isOpenToAll: Bool { mode & 0o666 == 0o666 }

    /// Whether what is written to it replaces what was there, as with a file or a disk, but not with a FIFO.
    package var keepsContent: Bool { isRegular || isDirectory || mode & S_IFMT == S_IFBLK }

    /// Whether it is a file with more than one name, found by a path in a directory in which everybody can make one: another
    /// user may have named a file of root's there. proc_sys_fs(5), `protected_hardlinks`.
    package func isOpenToSecondNames(at path: String) -> Bool {
        guard isRegular, links > 1 else { return false }
        guard let directory = unsafe try? fileStatus(at: path.directoryPart) else { return true }
        return directory.mode & 0o002 != 0
    }

    /// The kind for use in a sentence; nil for a directory.
    package var otherKind: StaticString? {
        switch mode & S_IFMT {
        case S_IFDIR: nil
        case S_IFREG: "a file"
        case S_IFLNK: "a symbolic link"
        case S_IFIFO: "a fifo"
        case S_IFSOCK: "a socket"
        default: "a device"
        }
    }

    /// Whether it is the character device with these numbers.
    package func isCharacterDevice(_ major: UInt32, _ minor: UInt32) -> Bool {
        mode & S_IFMT == S_IFCHR && special == clinux_makedev(major, minor)
    }
    package var majorNumber: UInt32 { clinux_major(special) }
    package var minorNumber: UInt32 { clinux_minor(special) }

    init(_ facts: stat) {
        mode = facts.st_mode
        device = UInt64(facts.st_dev)
        inode = UInt64(facts.st_ino)
        special = UInt64(facts.st_rdev)
        uid = facts.st_uid
        gid = facts.st_gid
        links = UInt64(facts.st_nlink)
    }
}

/// fstat(2), also of an `O_PATH` descriptor.
package func fileStatus(_ descriptor: Int32) throws(Errno) -> FileStatus {
    var facts = stat()
    try checked { unsafe fstat(descriptor, &facts) }
    return FileStatus(facts)
}

/// stat(2) or lstat(2) relative to a directory.
package func fileStatus(
    at path: UnsafePointer<CChar>, in directory: Int32 = OwnedDescriptor.currentDirectory, followLinks: Bool = true
) throws(Errno) -> FileStatus {
    var facts = stat()
    try checked { unsafe clinux_fstatat(directory, path, &facts, followLinks ? 0 : AT_SYMLINK_NOFOLLOW) }
    return FileStatus(facts)
}

/// Distinguishes a file from another that has the same path later.
package struct FileIdentity: Equatable, Sendable {
    package var device: UInt64
    package var inode: UInt64

    package init(_ status: FileStatus) {
        device = status.device
        inode = status.inode
    }

    package init(device: UInt64, inode: UInt64) {
        self.device = device
        self.inode = inode
    }
}
