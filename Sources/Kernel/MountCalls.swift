// The mount calls that work on descriptors: no path in a container's rootfs is ever resolved as a string from "/".

internal import CLinux
internal import Glibc

private let emptyPath: UInt32 = 0x1000  // AT_EMPTY_PATH
private let recursiveFlag: UInt32 = 0x8000  // AT_RECURSIVE
private let linkItself: UInt32 = 0x100  // AT_SYMLINK_NOFOLLOW

/// A detached copy of the mount (or, recursively, of the tree of mounts) at a path. open_tree(2) with `OPEN_TREE_CLONE`.
package func cloneMount(
    _ path: String, recursive: Bool, at directory: Int32 = OwnedDescriptor.currentDirectory, followLinks: Bool = true
) throws(Errno) -> OwnedDescriptor {
    let clone: UInt32 = 0x1  // OPEN_TREE_CLONE
    let closeOnExec = UInt32(CLINUX_OPEN_TREE_CLOEXEC)
    let flags =
        clone | closeOnExec | (recursive ? recursiveFlag : 0) | (path.isEmpty ? emptyPath : 0)
        | (followLinks ? 0 : linkItself)
    return OwnedDescriptor(adopting: try checked { unsafe clinux_open_tree(directory, path, flags) })
}

/// A new mount namespace whose "/" is a copy of the tree of mounts at a path; the caller stays in its own. open_tree(2) with
/// `OPEN_TREE_NAMESPACE`, which Linux has since 7.0; `EINVAL` before.
package func makeMountNamespace(of path: String) throws(Errno) -> OwnedDescriptor {
    let asNamespace: UInt32 = 0x2  // OPEN_TREE_NAMESPACE
    let flags = asNamespace | UInt32(CLINUX_OPEN_TREE_CLOEXEC) | recursiveFlag
    return OwnedDescriptor(
        adopting: try checked { unsafe clinux_open_tree(OwnedDescriptor.currentDirectory, path, flags) })
}

/// Attaches a detached mount to an open file or directory. move_mount(2).
package func attachMount(_ mount: borrowing OwnedDescriptor, on target: borrowing OwnedDescriptor) throws(Errno) {
    let fromEmpty: UInt32 = 0x4  // MOVE_MOUNT_F_EMPTY_PATH
    let toEmpty: UInt32 = 0x40  // MOVE_MOUNT_T_EMPTY_PATH
    let from = mount.rawValue
    let to = target.rawValue
    try checked { unsafe clinux_move_mount(from, "", to, "", fromEmpty | toEmpty) }
}

/// Changes the attributes of the mount of a descriptor, and its propagation if given. mount_setattr(2).
package func changeMount(
    _ mount: borrowing OwnedDescriptor, _ change: AttributeChange, propagation: Propagation? = nil,
    userNamespace: Int32 = 0, recursive: Bool = false
) throws(Errno) {
    let number = mount.rawValue
    try changeMount(
        number, "", change, propagation: propagation, userNamespace: userNamespace, recursive: recursive)
}

/// The same for the mount at a path.
package func changeMount(
    _ directory: Int32, _ path: String, _ change: AttributeChange, propagation: Propagation? = nil,
    userNamespace: Int32 = 0, recursive: Bool = false
) throws(Errno) {
    var attributes = clinux_mount_attr(
        attr_set: change.set.rawValue, attr_clr: change.clear.rawValue, propagation: propagation?.rawValue ?? 0,
        userns_fd: UInt64(userNamespace))
    // The access-time bits are one field, which must be cleared as a whole before it is set.
    if !change.set.isDisjoint(with: .atimeField) || !change.clear.isDisjoint(with: .atimeField) {
        attributes.attr_clr |= MountAttributes.atimeField.rawValue
    }
    let flags = (path.isEmpty ? emptyPath : 0) | (recursive ? recursiveFlag : 0)
    try checked { unsafe clinux_mount_setattr(directory, path, flags, &attributes) }
}

/// A filesystem during its configuration: fsopen(2), fsconfig(2), fsmount(2).
package struct FilesystemContext: ~Copyable {
    private let descriptor: OwnedDescriptor

    private static let closeOnExec: UInt32 = 1  // FSOPEN_CLOEXEC, FSMOUNT_CLOEXEC
    private static let setFlag: UInt32 = 0  // FSCONFIG_SET_FLAG
    private static let setString: UInt32 = 1  // FSCONFIG_SET_STRING
    private static let create: UInt32 = 6  // FSCONFIG_CMD_CREATE

    package init(type: String) throws(Errno) {
        descriptor = OwnedDescriptor(adopting: try checked { unsafe clinux_fsopen(type, Self.closeOnExec) })
    }

    /// Sets a parameter; a parameter without a value is a flag.
    package borrowing func set(_ key: String, _ value: String?) throws(Errno) {
        let number = descriptor.rawValue
        if let value {
            try checked { unsafe clinux_fsconfig(number, Self.setString, key, value, 0) }
        } else {
            try checked { unsafe clinux_fsconfig(number, Self.setFlag, key, nil, 0) }
        }
    }

    /// Creates the superblock and a detached mount of it.
    package borrowing func mount(_ attributes: MountAttributes) throws(Errno) -> OwnedDescriptor {
        let number = descriptor.rawValue
        try checked { clinux_fsconfig(number, Self.create, nil, nil, 0) }
        // Not repeated: a context makes one mount, which is lost if no descriptor is left for it.
        let mount = clinux_fsmount(number, Self.closeOnExec, UInt32(truncatingIfNeeded: attributes.rawValue))
        guard mount >= 0 else { throw Errno(rawValue: errno) }
        return OwnedDescriptor(adopting: mount)
    }

    /// The filesystem's message about a parameter that it refused, such as `tmpfs: Unknown parameter 'sise'`.
    package borrowing func complaint() -> String? {
        let number = descriptor.rawValue
        let text = unsafe withUnsafeTemporaryAllocation(byteCount: 256, alignment: 1) { buffer -> String? in
            let length = unsafe read(number, buffer.baseAddress, buffer.count)
            guard length > 2 else { return nil }
            return unsafe RawText.text(Array(buffer[2..<length]))
        }
        guard var text else { return nil }
        while text.last == "\n" { text.removeLast() }
        return text
    }
}

/// mount(2) by path, for changes that the descriptor calls do not offer: propagation of the whole namespace,
/// `MS_MOVE`.
package func mount(_ source: String?, on target: String, type: String? = nil, flags: UInt, data: String? = nil)
    throws(Errno)
{
    try checked { unsafe clinux_mount(source, target, type, flags, data) }
}

/// Detaches the mount at a path together with all mounts below it. umount2(2) with `MNT_DETACH`.
package func detachMount(_ path: String) throws(Errno) {
    let detach: Int32 = 2  // MNT_DETACH
    try checked { unsafe clinux_umount2(path, detach) }
}

/// The id of the mount that holds a path. proc(5), /proc/PID/fdinfo.
package func mountNumber(at path: String) throws(Errno) -> Int {
    let place = try unsafe OwnedDescriptor.open(path, .path)
    let number = place.rawValue
    let line = try readText("/proc/self/fdinfo/\(number)").split(at: "\n").first { $0.hasPrefix("mnt_id:") }
    guard let mount = line?.split(at: "\t").last.flatMap({ Int($0) }) else { throw .invalidArgument }
    return mount
}

/// The id of the mount that holds a descriptor, and whether the descriptor is the mount's root. statx(2).
package func mountPlace(of descriptor: Int32) throws(Errno) -> (mount: UInt64, isRoot: Bool) {
    try unsafe mountPlace(of: descriptor, by: clinux_statx_mount)
}

/// The same with a mount id that is never used again until the host restarts, if the kernel offers one.
package func uniqueMountPlace(of descriptor: Int32) throws(Errno) -> (mount: UInt64, isRoot: Bool) {
    try unsafe mountPlace(of: descriptor, by: clinux_statx_mount_unique)
}

/// Distinguishes a mount from another that has its place, or its id, later.
package struct MountIdentity: Hashable, Sendable {
    package let number: UInt64
    package let device: UInt64
    package let inode: UInt64

    package init(number: UInt64, device: UInt64, inode: UInt64) {
        self.number = number
        self.device = device
        self.inode = inode
    }

    /// The mount that contains a descriptor's file.
    package init(of descriptor: Int32) throws(Errno) {
        let status = try fileStatus(descriptor)
        self.init(number: try uniqueMountPlace(of: descriptor).mount, device: status.device, inode: status.inode)
    }

    // The unique ids begin after the range of the old ones, which have type int. statx(2).
    private var isUnique: Bool { number > UInt64(Int32.max) }

    // Device and inode of the mount's root are not compared for unique ids, because they may change: an overlay gives
    // a file another inode after the first write.
    package static func == (left: Self, right: Self) -> Bool {
        left.number == right.number
            && (left.isUnique || (left.device == right.device && left.inode == right.inode))
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(number) }
}

private func mountPlace(
    of descriptor: Int32, by look: (Int32, UnsafeMutablePointer<UInt64>?, UnsafeMutablePointer<UInt64>?) -> Int32
) throws(Errno) -> (mount: UInt64, isRoot: Bool) {
    let mountRoot: UInt64 = 0x2000  // STATX_ATTR_MOUNT_ROOT
    var attributes: UInt64 = 0
    var mount: UInt64 = 0
    try checked { unsafe look(descriptor, &attributes, &mount) }
    return (mount, attributes & mountRoot != 0)
}

/// Detaches the mount whose root is the descriptor. umount2(2) takes no descriptor, but follows the link to one.
package func detachMount(_ root: borrowing OwnedDescriptor) throws(Errno) {
    try detachMount("/proc/self/fd/\(root.rawValue)")
}

/// Makes the working directory the root of the mount namespace; the old root is mounted below it afterwards.
/// pivot_root(2).
package func pivotRootToWorkingDirectory() throws(Errno) { try checked { unsafe clinux_pivot_root(".", ".") } }

/// The filesystem magic and the mount flags (`ST_*`) of a descriptor. fstatfs(2).
package func filesystem(of descriptor: Int32) throws(Errno) -> (magic: Int64, flags: Int64) {
    var magic: Int64 = 0
    var flags: Int64 = 0
    try checked { unsafe clinux_fstatfs(descriptor, &magic, &flags) }
    return (magic, flags)
}

/// The filesystem magic and the mount flags (`ST_*`) at a path. statfs(2).
package func filesystem(at path: String) throws(Errno) -> (magic: Int64, flags: Int64) {
    var magic: Int64 = 0
    var flags: Int64 = 0
    try checked { unsafe clinux_statfs(path, &magic, &flags) }
    return (magic, flags)
}

/// Whether a directory is the root of the mounts that the caller sees, by whatever path it was opened.
package func isRootOfNamespace(_ place: borrowing OwnedDescriptor) throws(Errno) -> Bool {
    let found = try mountPlace(of: place.rawValue)
    guard found.isRoot else { return false }
    let root = try unsafe OwnedDescriptor.open("/", .path | .directory)
    return try mountPlace(of: root.rawValue) == found
}

/// Whether two descriptors are one file of one mount.
package func isSameFile(
    _ one: borrowing OwnedDescriptor, _ other: borrowing OwnedDescriptor
) throws(Errno) -> Bool {
    guard FileIdentity(try fileStatus(one.rawValue)) == FileIdentity(try fileStatus(other.rawValue)) else {
        return false
    }
    return try mountPlace(of: one.rawValue).mount == mountPlace(of: other.rawValue).mount
}

/// Changes the propagation of the mount that a directory lies on. mount_setattr(2) accepts only the root of a mount, so the
/// directories above are tried one after another.
package func changeMount(around directory: borrowing OwnedDescriptor, propagation: Propagation) throws(Errno) {
    var here = try directory.duplicated()
    while true {
        let number = here.rawValue
        do throws(Errno) {
            return try changeMount(number, "", AttributeChange(), propagation: propagation)
        } catch {
            guard error == .invalidArgument else { throw error }
        }
        let above = try unsafe OwnedDescriptor.open("..", .path | .directory, at: number)
        // "/" of a process that is not in the root of a mount has nothing above it.
        let (status, next) = (try fileStatus(number), try fileStatus(above.rawValue))
        guard status.inode != next.inode || status.device != next.device else { throw .invalidArgument }
        here = above
    }
}
