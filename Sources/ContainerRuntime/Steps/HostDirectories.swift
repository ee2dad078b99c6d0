// The directories of the host that a config has bound: no device is made there because a link of the image leads there.

internal import Kernel

/// The bound directories of a container that is being made.
final class HostDirectories {
    private var mounts: [UInt64] = []
    private var destinations: [String] = []

    /// Remembers the mount of a bound directory.
    func add(_ tree: borrowing OwnedDescriptor, _ destination: String) throws(Errno) {
        mounts.append(try mountPlace(of: tree.rawValue).mount)
        destinations.append(destination)
    }

    /// Whether a path is below the destination of one.
    func areNamed(by path: String) -> Bool { destinations.contains { path.path(below: $0) != nil } }

    /// Whether one of them contains a directory. A bound tree may have mounts of its own: the way up from them passes the
    /// tree's first mount, and otherwise ends at the root's.
    func contain(_ directory: borrowing OwnedDescriptor, in root: borrowing RootDirectory) throws(Errno) -> Bool {
        guard !mounts.isEmpty else { return false }
        let top = try mountPlace(of: root.descriptor.rawValue).mount
        var place = try directory.duplicated()
        for _ in 0..<4096 {
            let mount = try mountPlace(of: place.rawValue).mount
            if mount == top { return false }
            if mounts.contains(mount) { return true }
            place = try OwnedDescriptor.open("..", .path | .directory, at: place.rawValue)
        }
        return false
    }
}
