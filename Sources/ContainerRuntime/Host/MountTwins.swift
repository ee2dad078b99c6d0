// Mounts that appear a second time, on the peers of a shared mount. mount_namespaces(7).

internal import Kernel

extension Runtime {
    /// Whether a mount over a directory, and its unmount, affect that directory alone.
    ///
    /// A mount on a shared mount also appears on its peers, and so does its unmount. After `mount --bind a a` on a
    /// shared "/" the peer's place is `a` itself: an unmount of a later mount over it would take the bind mount along.
    func checkNoTwin(of path: String) throws(Failure) {
        let twin = try during("root.path: find the mount of \(path)") { () throws(Errno) in try findTwin(of: path) }
        guard let twin else { return }
        throw Failure(
            .invalid,
            "root.path: \(path) is on a shared mount whose peers have \(twin) in the same place:"
                + " the container needs a mount namespace, or the mount to be private")
    }

    private func findTwin(of path: String) throws(Errno) -> String? {
        let place = try OwnedDescriptor.open(path, .path | .directory)
        let number = place.rawValue
        let (mount, real) = (
            try mountPlace(of: number).mount, try readLink(OwnedDescriptor.currentDirectory, "/proc/self/fd/\(number)")
        )
        let mounts = try listMounts()
        guard let own = mounts.first(where: { $0.id == mount }), let group = own.group else { return nil }
        let inside = own.directory(of: real)
        return mounts.first { other in
            mounts.contains { $0.id == other.parent && $0.group == group && $0.directory(of: other.path) == inside }
        }?.path
    }
}

extension MountInfoEntry {
    // The path inside the filesystem of a path below this mount.
    fileprivate func directory(of path: String) -> String {
        path.isSame(as: self.path) ? root : cleanPath(root + "/" + (path.path(below: self.path) ?? path))
    }
}
