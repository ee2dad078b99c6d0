// Bind mounts that the container's init cannot open itself: out of reach of its user namespace, or with mapped ids.

internal import CLinux
internal import Glibc
internal import Kernel
internal import OCISpec
internal import Planning

/// Opens sources of bind mounts for an init, with the runtime's rights, in the init's mount namespace: there they are
/// what the mounts before have made of them, and never share propagation with the host by accident.
final class MountSources {
    // One user namespace for identical maps; it lives as long as its descriptor.
    private var namespaces: [String: Int32] = [:]

    deinit { for number in namespaces.values { close(number) } }

    /// - Returns: a detached mount, or tree of mounts, with its ids mapped where the plan says so.
    func open(
        _ mount: MountStep, _ index: Int, of child: borrowing ChildProcess, _ messages: FailureMessages
    ) throws(Failure) -> OwnedDescriptor {
        guard case .bind(let source, let recursive) = mount.object else {
            throw Failure(.other, "\(mount.key): only a bind mount has a source that can be opened")
        }
        // Without root's rights the runtime can reach nothing that the child cannot reach.
        guard geteuid() == 0 else {
            throw messages.failure(
                StepReport(step: .mount, index: index, action: .openSource, code: .permissionDenied))
        }
        let namespace = try userNamespace(mount, of: child.pid)
        return try told(index, messages) { () throws(ActionFailure) in
            try inMountNamespace(of: child) { () throws(ActionFailure) in
                try clone(source, recursive: recursive, mount, namespace)
            }
        }
    }

    /// The same in the runtime's own mount namespace, for an existing container.
    /// - Parameters:
    ///   - pid: the container's init.
    ///   - propagation: set on the mounts before anything else, because they are clones of the host's.
    /// - Returns: the mount; a new instance of the filesystem if it is built from sources of the host.
    func openHere(
        _ mount: MountStep, _ index: Int, of pid: Int32, _ propagation: Propagation, _ messages: FailureMessages
    ) throws(Failure) -> OwnedDescriptor {
        let namespace = try userNamespace(mount, of: pid)
        return try told(index, messages) { () throws(ActionFailure) in
            if case .filesystem(let type, let source, let parameters) = mount.object {
                return try newFilesystem(
                    type: type, source: source, parameters, attributes: mount.attributes.set)
            }
            guard case .bind(let source, let recursive) = mount.object else {
                throw ActionFailure(action: .openSource, code: .invalidArgument)
            }
            let tree = try clone(source, recursive: recursive, mount, namespace)
            try part(.propagation) { () throws(Errno) in
                try changeMount(tree, AttributeChange(), propagation: propagation, recursive: true)
            }
            return tree
        }
    }

    private func told(
        _ index: Int, _ messages: FailureMessages, _ body: () throws(ActionFailure) -> OwnedDescriptor
    ) throws(Failure) -> OwnedDescriptor {
        try mapping(body) { (failure: ActionFailure) in
            messages.failure(
                StepReport(
                    step: .mount, index: index, action: failure.action, code: failure.code, text: failure.text))
        }
    }

    private func clone(
        _ source: String, recursive: Bool, _ mount: MountStep, _ namespace: Int32?
    ) throws(ActionFailure) -> OwnedDescriptor {
        let tree = try part(.openSource) { () throws(Errno) in
            try cloneMount(source, recursive: recursive, followLinks: mount.followsSource)
        }
        guard let namespace, let mapping = mount.idMapping else { return tree }
        do throws(Errno) {
            try changeMount(
                tree, AttributeChange(set: .idMapped), userNamespace: namespace, recursive: mapping.recursive)
        } catch {
            throw ActionFailure(action: .idMapping, code: error, text: filesystemType(at: source))
        }
        return tree
    }

    // nil for a mount whose ids are not mapped.
    private func userNamespace(_ mount: MountStep, of pid: Int32) throws(Failure) -> Int32? {
        guard let mapping = mount.idMapping else { return nil }
        let name = mapping.maps.map { $0.uids.mapText + "/" + $0.gids.mapText } ?? ""
        if let known = namespaces[name] { return known }
        let made: OwnedDescriptor
        if let maps = mapping.maps {
            do throws(Failure) {
                made = try makeUserNamespace(maps)
            } catch {
                throw error.during("\(mount.key): map ids")
            }
        } else {
            let path = "/proc/\(pid)/ns/user"
            made = try during("\(mount.key): open \(path)") { () throws(Errno) in try OwnedDescriptor.open(path) }
        }
        let number = made.relinquish()
        namespaces[name] = number
        return number
    }
}

/// Runs a body in the mount namespace of a process, and restores namespace, root and working directory.
private func inMountNamespace(
    of process: borrowing ChildProcess, _ body: () throws(ActionFailure) -> OwnedDescriptor
) throws(ActionFailure) -> OwnedDescriptor {
    let pidfd = process.pidfd.rawValue
    let own = try part(.openSource) { () throws(Errno) in try OwnedDescriptor.open("/proc/self/ns/mnt") }
    let root = try part(.openSource) { () throws(Errno) in try OwnedDescriptor.open("/", .path | .directory) }
    let directory = try part(.openSource) { () throws(Errno) in try OwnedDescriptor.open(".", .path | .directory) }
    try part(.openSource) { () throws(Errno) in try joinNamespaces(pidfd, NamespaceSet(.mount)) }
    var result: OwnedDescriptor?
    var failure: ActionFailure?
    do throws(ActionFailure) { result = try body() } catch { failure = error }
    try part(.openSource) { () throws(Errno) in
        try joinNamespaces(own.rawValue, NamespaceSet(.mount))
        let (top, here) = (root.rawValue, directory.rawValue)
        try checked { fchdir(top) }
        try checked { chroot(".") }
        try checked { fchdir(here) }
    }
    if let failure { throw failure }
    guard let opened = result.take() else { throw ActionFailure(action: .openSource, code: .badFileDescriptor) }
    return opened
}

// The name of a filesystem, for the sentence about one that cannot map ids.
private func filesystemType(at path: String) -> String {
    do throws(Errno) {
        // A detached mount is in no mountinfo; the mount it was cloned from lies over the longest part of the path.
        let entries = try listMounts("/proc/thread-self/mountinfo")
        let covering = entries.filter { path.isSame(as: $0.path) || $0.path == "/" || path.path(below: $0.path) != nil }
        let longest = covering.max { $0.path.utf8.count <= $1.path.utf8.count && $0.path != $1.path }
        return longest.map { "\($0.path) is of type \($0.type)" } ?? ""
    } catch {
        return ""
    }
}
