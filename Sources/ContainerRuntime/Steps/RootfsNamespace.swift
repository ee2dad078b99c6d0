// A mount namespace that begins with the rootfs alone, and copies of the host's mounts for it.

internal import CLinux
internal import Glibc
internal import Kernel
internal import Planning

/// The mount namespace in which the init is, and the host's, in which the config's sources are looked up.
///
/// open_tree(2) copies a mount only for a process in the mount's own namespace; the copy may be attached in any other.
struct RootfsNamespace {
    private let own: Int32
    private let host: Int32
    private let hostRoot: Int32
    // Without links, as the kernel names it.
    private let rootfs: String

    /// Moves the init from the host's mount namespace into its own, of which the rootfs becomes its root.
    /// - Parameter namespace: made by ``makeMountNamespace(of:)``; borrowed.
    /// - Returns: nil if that is not possible: the init is where it was.
    static func enter(_ namespace: Int32, _ root: RootPlan) -> RootfsNamespace? {
        do throws(Errno) {
            let host = try OwnedDescriptor.open("/proc/self/ns/\(NamespaceKind.mount.linkName)")
            let top = try OwnedDescriptor.open("/", .path | .directory)
            let place = try OwnedDescriptor.open(root.path, .path | .directory)
            if try isRootOfNamespace(place) { return nil }
            let rootfs = try readLink(OwnedDescriptor.currentDirectory, "/proc/self/fd/\(place.rawValue)")
            try joinNamespaces(namespace, NamespaceSet(.mount))
            return RootfsNamespace(
                own: namespace, host: host.relinquish(), hostRoot: top.relinquish(), rootfs: rootfs)
        } catch {
            return nil
        }
    }

    /// Gives the host up, before any program of the container or of its hooks is executed.
    func close() { for number in [own, host, hostRoot] { Glibc.close(number) } }

    // As in a copy of the host's namespace, the mount receives what is mounted on the host, and sends nothing there.
    fileprivate func cloneMount(_ path: String, recursive: Bool, followLinks: Bool) throws(Errno) -> OwnedDescriptor {
        try joinNamespaces(host, NamespaceSet(.mount))
        var inside: String?
        var tree: OwnedDescriptor?
        var failure: Errno?
        do throws(Errno) {
            // The runtime's root need not be that of the namespace.
            try checked { fchdir(hostRoot) }
            try checked { chroot(".") }
            inside = placeInRootfs(path, followLinks: followLinks)
            if inside == nil {
                let copy = try Kernel.cloneMount(path, recursive: recursive, followLinks: followLinks)
                try changeMount(copy, AttributeChange(), propagation: .slave, recursive: true)
                tree = consume copy
            }
        } catch {
            failure = error
        }
        try joinNamespaces(own, NamespaceSet(.mount))
        if let failure { throw failure }
        if let tree = tree.take() { return tree }
        return try Kernel.cloneMount(inside ?? path, recursive: recursive, followLinks: followLinks)
    }

    // A volume from inside the rootfs, by way of a link, shows what the mounts before have made of its place.
    private func placeInRootfs(_ path: String, followLinks: Bool) -> String? {
        do throws(Errno) {
            let flags: OpenFlags = followLinks ? .path : .path | .noFollow
            let place = try OwnedDescriptor.open(path, flags)
            let found = try readLink(OwnedDescriptor.currentDirectory, "/proc/self/fd/\(place.rawValue)")
            return found.isSame(as: rootfs) ? "/" : found.path(below: rootfs)
        } catch {
            return nil
        }
    }

    fileprivate func exists(_ path: String) -> Bool {
        clinux_faccessat2(hostRoot, String(path.dropFirst()), F_OK, 0) == 0
    }
}

/// Without one, the init's mount namespace has the host's mounts.
extension RootfsNamespace? {
    /// A detached copy of the mount, or of the tree of mounts, at a path of the host.
    func cloneFromHost(_ path: String, recursive: Bool, followLinks: Bool = true) throws(Errno) -> OwnedDescriptor {
        guard let self else { return try cloneMount(path, recursive: recursive, followLinks: followLinks) }
        return try self.cloneMount(path, recursive: recursive, followLinks: followLinks)
    }

    /// Whether an absolute path is there on the host.
    func exists(onHost path: String) -> Bool {
        guard let self else { return clinux_faccessat2(OwnedDescriptor.currentDirectory, path, F_OK, 0) == 0 }
        return self.exists(path)
    }
}
