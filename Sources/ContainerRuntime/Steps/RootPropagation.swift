// Which mount events reach the container, and that none of its own reaches the host.

internal import CLinux
internal import Glibc
internal import Kernel
internal import Planning

extension RootSteps {
    /// Gives "/" of the container the propagation that the config asks for.
    ///
    /// The last change of mounts: what cannot be bound cannot be made read-only or masked either.
    func setPropagation() throws(StepReport) {
        guard let change = plan.root.finalPropagation else { return }
        try call(.propagation) { () throws(Errno) in
            try changeMount(
                OwnedDescriptor.currentDirectory, "/", AttributeChange(), propagation: change.kind,
                recursive: change.recursive)
        }
    }

    /// Sees to it that what is mounted on a place is not mounted on the host as well.
    ///
    /// A volume that is a peer of the host's mount, such as a shared /sys, would carry a mask or a read-only path of the
    /// container to the host; it no longer carries anything there, where a path in it is to be protected.
    func keepFromHost(
        _ place: borrowing OwnedDescriptor, _ path: String, _ root: borrowing RootDirectory
    ) throws(Errno) {
        guard plan.root.keepsPeers else { return }
        if try fileStatus(place.rawValue).isDirectory { return try changeMount(around: place, propagation: .slave) }
        let file = place.rawValue
        do throws(Errno) {
            // A file that is a mount of its own.
            return try changeMount(file, "", AttributeChange(), propagation: .slave)
        } catch {
            guard error == .invalidArgument else { throw error }
        }
        try changeMount(around: try directory(of: path, in: root), propagation: .slave)
    }

    // The identity of the file behind a path, links followed.
    private func directory(of path: String, in root: borrowing RootDirectory) throws(Errno) -> OwnedDescriptor {
        var path = path
        for _ in 0...40 {
            let parent = path.split(at: "/").dropLast().joined(separator: "/")
            let found = try root.open(path, .path | .noFollow)
            guard try fileStatus(found.rawValue).isSymbolicLink else {
                return try root.open(parent, .path | .directory)
            }
            let target = try readLink(found.rawValue, "")
            path = target.isAbsolutePath ? target : parent + "/" + target
        }
        throw Errno(rawValue: ELOOP)
    }

    /// The same for the console, a mount that no config asks for.
    func keepConsoleFromHost(_ root: borrowing RootDirectory) throws(StepReport) {
        guard plan.root.keepsPeers else { return }
        try call(.console) { () throws(Errno) in
            for path in ["/dev", "/dev/console"] {
                if let place = try existing(path, root) { try keepFromHost(place, path, root) }
            }
        }
    }
}
