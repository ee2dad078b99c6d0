// Unmounting what lies at and below a directory.

internal import CLinux
internal import Glibc
internal import Kernel

/// The mounts at and below a directory that a container may have had its hands on.
struct MountsBelow {
    /// The directory above, and the name in it; that far, paths are containerd's.
    private let parent: String
    private let name: String

    /// Nothing when the directory is not there.
    init?(_ directory: String) {
        guard let slash = directory.utf8.lastIndex(of: UInt8(ascii: "/")),
            let above = try? OwnedDescriptor.open(String(directory[..<slash]) + "/", [.path, .directory]),
            // mountinfo knows no links, as /var/run is one.
            let path = try? readLink(OwnedDescriptor.currentDirectory, "/proc/self/fd/\(above.rawValue)")
        else { return nil }
        parent = path
        name = String(directory[directory.index(after: slash)...])
    }

    /// Detaches all, the last mounted first.
    func unmount() {
        var left = listed
        // A covered mount is removed in a later turn, and many disappear with a mount above them.
        while !left.isEmpty {
            var failures: [String] = []
            for mount in left.reversed() {
                do throws(Errno) {
                    try Self.unmount(try open(mount), mount)
                } catch {
                    failures.append("unmount \(mount.path): \(error.message)")
                }
            }
            if failures.count == left.count { return failures.forEach(ShimLog.warning) }
            left = listed
        }
    }

    private var listed: [MountInfoEntry] {
        let directory = parent + "/" + name
        return ((try? listMounts()) ?? []).filter {
            $0.path.isSame(as: directory) || $0.path.path(below: directory) != nil
        }
    }

    /// The file that lies at a mount's place now.
    ///
    /// Names below the directory may have been swapped for links since the table was read: none is followed.
    private func open(_ mount: MountInfoEntry) throws(Errno) -> OwnedDescriptor {
        let bundle = try OwnedDescriptor.open(parent, [.path, .directory])
        let path = String(Substring(mount.path.utf8.dropFirst(parent.utf8.count + 1)))
        return try openBelow(bundle.rawValue, path, .path, resolving: [.beneath, .noSymlinks, .noMagicLinks])
    }

    private static func unmount(_ place: borrowing OwnedDescriptor, _ mount: MountInfoEntry) throws(Errno) {
        let found = try mountPlace(of: place.rawValue)
        guard found.isRoot, found.mount == mount.id else { throw .invalidArgument }
        // By descriptor: the path may lead elsewhere by now. Our descriptor keeps it busy, so it is detached.
        let detach: Int32 = 2  // MNT_DETACH
        let path = "/proc/self/fd/\(place.rawValue)"
        try checked { clinux_umount2(path, detach) }
    }
}
