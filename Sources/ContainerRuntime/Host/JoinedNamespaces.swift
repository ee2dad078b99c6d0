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
            let opened = try namespace.open()
            let what = "\(namespace.key): open \(namespace.path)"
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

extension NamespacePlan.Joined {
    /// Opens the namespace, and checks that it is of its kind.
    func open() throws(Failure) -> OwnedDescriptor {
        guard let opened = try during("\(key): open \(path)", { () throws(Errno) in try openNamespace() }) else {
            throw Failure(.invalid, "\(key): \(path) is not a namespace")
        }
        let found: NamespaceKind?
        do throws(Errno) { found = try namespaceKind(of: opened.rawValue) } catch { found = nil }
        guard let found else { throw Failure(.invalid, "\(key): \(path) is not a namespace") }
        guard found == kind else {
            throw Failure(
                .invalid,
                "\(key): \(path) is a \(found.rawValue) namespace, not a \(kind.rawValue) namespace")
        }
        return opened
    }

    // Nothing else is opened: a FIFO would block the runtime, and opening a device may have effects.
    private func openNamespace() throws(Errno) -> OwnedDescriptor? {
        let nsfs: Int64 = 0x6e73_6673  // NSFS_MAGIC
        let place = try OwnedDescriptor.open(path, .path)
        guard try filesystem(of: place.rawValue).magic == nsfs else { return nil }
        return try OwnedDescriptor.open("/proc/self/fd/\(place.rawValue)")
    }
}
