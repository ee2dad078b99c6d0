// The child's root: from a directory on the host to "/" of the container, with what must not be seen hidden.

internal import CLinux
internal import Glibc
internal import Kernel
internal import Planning

/// Turns a rootfs into the root of the container's mount namespace.
struct RootSteps {
    let plan: ContainerPlan
    /// There, if the rootfs is the root of the mount namespace from its beginning.
    var host: RootfsNamespace?

    /// The root of a namespace that has begun with the rootfs, cut off from the host's mounts.
    func openOwnRoot() throws(StepReport) -> RootDirectory {
        let isolation = plan.root.isolation
        let root = try call(.rootfs) { () throws(Errno) in try OwnedDescriptor.open("/", .path | .directory) }
        try call(.propagation) { () throws(Errno) in
            try changeMount(
                root, AttributeChange(), propagation: isolation.kind, recursive: isolation.recursive)
        }
        return RootDirectory(root)
    }

    /// Cuts the namespace's mounts off from the host's, and makes the rootfs a mount of its own.
    func open() throws(StepReport) -> RootDirectory {
        // Before anything is changed: a namespace that is joined and does not have it is left as it is.
        let place = try openRootfs()
        let isolation = plan.root.isolation
        try call(.propagation) { () throws(Errno) in
            try changeMount(
                OwnedDescriptor.currentDirectory, "/", AttributeChange(), propagation: isolation.kind,
                recursive: isolation.recursive)
            // pivot_root refuses a shared parent, and what is mounted there would show on the host.
            if plan.root.keepsPeers { try changeMount(around: place, propagation: .private) }
        }
        return try call(.rootfs) { () throws(Errno) in
            let tree = try cloneMount("", recursive: true, at: place.rawValue)
            if plan.root.keepsPeers {
                // A source inside the rootfs is not a volume.
                try changeMount(tree, AttributeChange(), propagation: .slave, recursive: true)
            }
            try attachMount(tree, on: place)
            return RootDirectory(tree)
        }
    }

    /// Makes the rootfs a mount of its own among the host's, from which nothing spreads.
    func openOnHost() throws(StepReport) -> RootDirectory {
        let place = try openRootfs()
        return try call(.rootfs) { () throws(Errno) in
            let tree = try cloneMount("", recursive: true, at: place.rawValue)
            try attachMount(tree, on: place)
            try changeMount(tree.rawValue, "", AttributeChange(), propagation: .private, recursive: true)
            return RootDirectory(tree)
        }
    }

    // The path can lead to the host's root by links, /proc/self/root among them: the container would run there.
    private func openRootfs() throws(StepReport) -> OwnedDescriptor {
        let place = try call(.rootfs) { () throws(Errno) in
            try OwnedDescriptor.open(plan.root.path, .path | .directory)
        }
        let isHosts = try call(.rootfs) { () throws(Errno) in try isRootOfNamespace(place) }
        guard !isHosts else { throw StepReport(step: .rootfs, action: .rootItself, code: .notPermitted) }
        return place
    }

    /// Makes the rootfs the root of the mount namespace; without a namespace, of this process only.
    func enter(_ root: borrowing RootDirectory) throws(StepReport) {
        let number = root.descriptor.rawValue
        try call(.pivot) { () throws(Errno) in
            if !plan.namespaces.has(.mount) {
                try checked { fchdir(number) }
                try checked { chroot(".") }
            } else if let host {
                host.close()
            } else if plan.root.withoutPivot {
                try moveOverRoot(root)
            } else {
                try pivot(number)
            }
            try checked { chdir("/") }
        }
    }

    // The old root comes to lie over the new one, and is taken away from there: no directory is needed to put it in.
    private func pivot(_ root: Int32) throws(Errno) {
        let old = try OwnedDescriptor.open("/", .path | .directory)
        try checked { fchdir(root) }
        try pivotRootToWorkingDirectory()
        let number = old.rawValue
        try checked { fchdir(number) }
        if plan.root.keepsPeers {
            try changeMount(number, "", AttributeChange(), propagation: .slave, recursive: true)
        }
        try detachMount(".")
    }

    // The host's procfs and sysfs must go: with them in reach the masks of the container's own could be walked around.
    private func moveOverRoot(_ root: borrowing RootDirectory) throws(Errno) {
        let number = root.descriptor.rawValue
        // Not the path in the config: mountinfo has paths with all symbolic links followed.
        let rootfs = try readLink(OwnedDescriptor.currentDirectory, "/proc/self/fd/\(number)")
        let mounts = try listMounts()
        let others = mounts.filter { !$0.path.isSame(as: rootfs) && $0.path.path(below: rootfs) == nil }
        if plan.root.keepsPeers { for mount in others { try separate(mount) } }
        var covered: Set<String> = []
        for mount in others where mount.type == "proc" || mount.type == "sysfs" {
            if covered.contains(mount.path) { continue }
            do throws(Errno) {
                try changeMount(
                    OwnedDescriptor.currentDirectory, mount.path, AttributeChange(), propagation: .slave,
                    recursive: true)
                // A mount below it at the same place cannot be reached, and is still a peer of the host's: what is
                // detached from that goes from the host too.
                if plan.root.keepsPeers, others.contains(where: { $0.id != mount.id && $0.path.isSame(as: mount.path) })
                {
                    covered.insert(mount.path)
                    throw .notPermitted
                }
                try detachMount(mount.path)
            } catch {
                guard error == .notPermitted || error == .invalidArgument else { continue }
                // A mount that a parent user namespace has locked can be covered, if not removed.
                try Kernel.mount("tmpfs", on: mount.path, type: "tmpfs", flags: 0)
            }
        }
        try checked { fchdir(number) }
        try attachMount(root.descriptor, on: try OwnedDescriptor.open("/", .path | .directory))
        try checked { chroot(".") }
    }

    // All but those of the container: what is unmounted, or moved over "/", would be so for the host.
    private func separate(_ mount: MountInfoEntry) throws(Errno) {
        do throws(Errno) {
            try changeMount(
                OwnedDescriptor.currentDirectory, mount.path, AttributeChange(), propagation: .slave)
        } catch {
            // Another mount lies over it or over a directory above it: nothing is unmounted there.
            let hidden: [Errno] = [.invalidArgument, .noSuchFileOrDirectory, .notDirectory]
            guard hidden.contains(error), mount.path != "/" else { throw error }
        }
    }

    /// Makes read-only what had to be writable until now.
    func seal(_ root: borrowing RootDirectory) throws(StepReport) {
        for (index, mount) in plan.mounts.enumerated() where mount.becomesReadOnlyLast {
            try call(.readOnlyMount, index) { () throws(Errno) in
                try changeMount(try root.open(mount.destination), AttributeChange(set: .readOnly))
            }
        }
        guard plan.root.isReadOnly else { return }
        let number = root.descriptor.rawValue
        try call(.readOnlyRoot) { () throws(Errno) in
            try changeMount(number, "", AttributeChange(set: .readOnly))
        }
    }

    /// Makes `readonlyPaths` read-only; what is not there needs no protection.
    func protectPaths(_ root: borrowing RootDirectory) throws(StepReport) {
        for (index, protected) in plan.root.readonlyPaths.enumerated() {
            try call(.readonlyPath, index) { () throws(Errno) in
                guard let place = try existing(protected.path, root) else { return }
                try keepFromHost(place, protected.path, root)
                let tree = try cloneMount("", recursive: true, at: place.rawValue)
                try changeMount(tree, AttributeChange(set: .readOnly))
                try attachMount(tree, on: place)
            }
        }
    }

    /// Hides `maskedPaths`: files under the container's own null device, directories under one shared empty tmpfs.
    ///
    /// One filesystem for all directories: a host with hundreds of them (one a CPU) feels every superblock.
    func maskPaths(_ root: borrowing RootDirectory) throws(StepReport) {
        guard !plan.root.maskedPaths.isEmpty else { return }
        let null = try openNull(root)
        var empty: OwnedDescriptor?
        for (index, masked) in plan.root.maskedPaths.enumerated() {
            try step(.maskedPath, index) { () throws(ActionFailure) in
                let found = try part(.makeTarget) { () throws(Errno) in try existing(masked.path, root) }
                guard let place = found else { return }
                try part(.propagation) { () throws(Errno) in try keepFromHost(place, masked.path, root) }
                let status = try part(.makeTarget) { () throws(Errno) in try fileStatus(place.rawValue) }
                guard status.isDirectory else { return try cover(place, with: null) }
                try coverDirectory(place, &empty)
            }
        }
    }

    private func cover(
        _ place: borrowing OwnedDescriptor, with null: borrowing OwnedDescriptor
    ) throws(ActionFailure) {
        try part(.attach) { () throws(Errno) in
            let tree = try cloneMount("", recursive: false, at: null.rawValue)
            try attachMount(tree, on: place)
        }
    }

    private func coverDirectory(
        _ place: borrowing OwnedDescriptor, _ empty: inout OwnedDescriptor?
    ) throws(ActionFailure) {
        if let first = empty.take() {
            let number = first.rawValue
            empty = consume first
            try part(.attach) { () throws(Errno) in
                let tree = try cloneMount("", recursive: false, at: number)
                try attachMount(tree, on: place)
            }
            return
        }
        let made = try newFilesystem(
            type: "tmpfs", source: "tmpfs",
            [
                MountStep.Parameter("nr_blocks", "1"), MountStep.Parameter("nr_inodes", "1"),
                MountStep.Parameter("mode", "755"),
            ] + plan.mountLabel.parameters, attributes: .readOnly)
        try part(.attach) { () throws(Errno) in try attachMount(made, on: place) }
        empty = consume made
    }

    func existing(_ path: String, _ root: borrowing RootDirectory) throws(Errno) -> OwnedDescriptor? {
        do throws(Errno) {
            return try root.open(path)
        } catch {
            if error == .noSuchFileOrDirectory || error == .notDirectory { return nil }
            throw error
        }
    }

    // CVE-2025-31133: an image can put another file at /dev/null, which would then appear in place of the masked file.
    private func openNull(_ root: borrowing RootDirectory) throws(StepReport) -> OwnedDescriptor {
        try step(.maskedPath) { () throws(ActionFailure) in
            let null = try part(.nullDevice) { () throws(Errno) in
                try root.open("/dev/null", .path | .noFollow)
            }
            let status = try part(.nullDevice) { () throws(Errno) in try fileStatus(null.rawValue) }
            guard status.isCharacterDevice(1, 3) else { throw ActionFailure(action: .nullDevice, code: .noSuchDevice) }
            return null
        }
    }
}
