// Opens the namespaces that a container joins by path.

internal import Glibc
internal import Kernel
internal import OCISpec
internal import Planning

extension Runtime {
    /// Opens the namespaces that are joined by path, and checks that each is what the config says.
    func openNamespaces(
        _ plan: ContainerPlan
    ) throws(Failure) -> [InitInputs.Joined] {
        var result: [InitInputs.Joined] = []
        for (index, namespace) in plan.namespaces.joined.enumerated() {
            let what = "\(namespace.key): open \(namespace.path)"
            guard let opened = try during(what, { () throws(Errno) in try openNamespace(namespace.path) }) else {
                throw Failure(.invalid, "\(namespace.key): \(namespace.path) is not a namespace")
            }
            let kind: NamespaceKind?
            do throws(Errno) { kind = try namespaceKind(of: opened.rawValue) } catch { kind = nil }
            guard let kind else {
                throw Failure(.invalid, "\(namespace.key): \(namespace.path) is not a namespace")
            }
            guard kind == namespace.kind else {
                throw Failure(
                    .invalid,
                    "\(namespace.key): \(namespace.path) is a \(kind.rawValue) namespace, not a \(namespace.kind.rawValue) namespace"
                )
            }
            if try during(what, { () throws(Errno) in try isOwn(opened.rawValue, namespace.kind) }),
                let harm = plan.harm(toOwn: namespace.kind)
            {
                throw Failure(
                    .invalid,
                    "\(namespace.key): \(namespace.path) is the runtime's own \(namespace.kind.rawValue) namespace: \(harm)"
                )
            }
            result.append(InitInputs.Joined(kind: namespace.kind, descriptor: opened.relinquish(), index: index))
        }
        return result
    }

    // Nothing else is opened: a FIFO would block the runtime, and opening a device may have effects.
    private func openNamespace(_ path: String) throws(Errno) -> OwnedDescriptor? {
        let nsfs: Int64 = 0x6e73_6673  // NSFS_MAGIC
        let place = try OwnedDescriptor.open(path, .path)
        guard try filesystem(of: place.rawValue).magic == nsfs else { return nil }
        return try OwnedDescriptor.open("/proc/self/fd/\(place.rawValue)")
    }

    // The host's first mount namespace counts too: pivot_root would change the root of every process in it.
    private func isOwn(_ descriptor: Int32, _ kind: NamespaceKind) throws(Errno) -> Bool {
        let other = try fileStatus(descriptor)
        let own = try fileStatus(at: "/proc/self/ns/\(kind.linkName)")
        if own.device == other.device && own.inode == other.inode { return true }
        guard kind == .mount else { return false }
        do throws(Errno) {
            let first = try fileStatus(at: "/proc/1/ns/\(kind.linkName)")
            return first.device == other.device && first.inode == other.inode
        } catch {
            // A process that may not look at it may not join it either.
            return false
        }
    }
}
