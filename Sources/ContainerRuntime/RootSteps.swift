// The child's root: from a directory on the host to "/" of the container, with what must not be seen hidden.

internal import CLinux
internal import Glibc
internal import Kernel
internal import Planning
internal import SystemPackage

/// Turns a rootfs into the root of the container's mount namespace.
struct RootSteps {
    let plan: ContainerPlan

    private var isShared: Bool {
        guard let kind = plan.root.propagation?.kind else { return false }
        return kind == .shared || kind == .unbindable
    }

    /// Cuts the namespace's mounts off from the host's, and makes the rootfs a mount of its own.
    func open() throws(StepReport) -> RootDirectory {
        let change = plan.root.propagation ?? MountStep.PropagationChange(kind: .slave, recursive: true)
        try call(.propagation) { () throws(Errno) in
            try changeMount(
                OwnedDescriptor.currentDirectory, "/", AttributeChange(), propagation: change.kind,
                recursive: change.recursive)
        }
        if isShared { try call(.propagation) { () throws(Errno) in try makeParentPrivate() } }
        return try call(.rootfs) { () throws(Errno) in
            let tree = try cloneMount(plan.root.path, recursive: true)
            let place = try OwnedDescriptor.open(plan.root.path, .path | .directory)
            try attachMount(tree, on: place)
            return RootDirectory(tree)
        }
    }

    /// Makes the rootfs a mount of its own among the host's, from which nothing spreads.
    func openOnHost() throws(StepReport) -> RootDirectory {
        try call(.rootfs) { () throws(Errno) in
            let tree = try cloneMount(plan.root.path, recursive: true)
            let place = try OwnedDescriptor.open(plan.root.path, [.path, .directory])
            try attachMount(tree, on: place)
            try changeMount(tree.rawValue, "", AttributeChange(), propagation: .private, recursive: true)
            return RootDirectory(tree)
        }
    }

    // pivot_root refuses a shared parent, and mounts under it would show on the host. Which mount the rootfs lies on
    // is found by asking: only the root of a mount can be changed.
    private func makeParentPrivate() throws(Errno) {
        var path = plan.root.path
        while true {
            do throws(Errno) {
                return try changeMount(
                    OwnedDescriptor.currentDirectory, path, AttributeChange(), propagation: .private)
            } catch {
                guard error == .invalidArgument, path != "/" else { throw error }
            }
            path = cleanPath(path + "/..")
        }
    }

    /// Makes the rootfs "/": of the namespace, or of this process only where there is no namespace to change.
    func enter(_ root: borrowing RootDirectory) throws(StepReport) {
        let number = root.descriptor.rawValue
        try call(.pivot) { () throws(Errno) in
            if !plan.namespaces.has(.mount) {
                try checked { fchdir(number) }
                try checked { chroot(".") }
            } else if plan.root.withoutPivot {
                try moveOverRoot(number)
            } else {
                try pivot(number)
            }
            try checked { chdir("/") }
            if isShared, let change = plan.root.propagation {
                try changeMount(
                    OwnedDescriptor.currentDirectory, "/", AttributeChange(), propagation: change.kind,
                    recursive: change.recursive)
            }
        }
    }

    // The old root comes to lie over the new one, and is taken away from there: no directory is needed to put it in.
    private func pivot(_ root: Int32) throws(Errno) {
        let old = try OwnedDescriptor.open("/", .path | .directory)
        try checked { fchdir(root) }
        try pivotRootToWorkingDirectory()
        let number = old.rawValue
        try checked { fchdir(number) }
        if isShared {
            try changeMount(number, "", AttributeChange(), propagation: .slave, recursive: true)
        }
        try detachMount(".")
    }

    // The host's procfs and sysfs must go: with them in reach the masks of the container's own could be walked around.
    private func moveOverRoot(_ root: Int32) throws(Errno) {
        let mounts = try readText("/proc/self/mountinfo")
        let under = plan.root.path + "/"
        for line in mounts.split(separator: "\n") {
            guard let entry = MountInfoEntry(line), entry.type == "proc" || entry.type == "sysfs",
                !entry.path.hasPrefix(under)
            else { continue }
            do throws(Errno) {
                try changeMount(
                    OwnedDescriptor.currentDirectory, entry.path, AttributeChange(), propagation: .slave,
                    recursive: true)
                try detachMount(entry.path)
            } catch {
                guard error == .notPermitted || error == .invalidArgument else { continue }
                // A mount that a parent user namespace has locked can be covered, if not removed.
                try mount("tmpfs", on: entry.path, type: "tmpfs", flags: 0)
            }
        }
        try checked { fchdir(root) }
        let move: UInt = 8192  // MS_MOVE
        try mount(plan.root.path, on: "/", flags: move)
        try checked { chroot(".") }
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
            ], attributes: .readOnly)
        try part(.attach) { () throws(Errno) in try attachMount(made, on: place) }
        empty = consume made
    }

    private func existing(_ path: String, _ root: borrowing RootDirectory) throws(Errno) -> OwnedDescriptor? {
        do throws(Errno) {
            return try root.open(path)
        } catch {
            if error == .noSuchFileOrDirectory || error == .notDirectory { return nil }
            throw error
        }
    }

    // CVE-2025-31133: an image whose /dev/null is something else would have that shown in place of what is masked.
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

/// A line of /proc/PID/mountinfo, as far as it is used. proc(5).
struct MountInfoEntry {
    var path: String
    var type: String

    init?(_ line: Substring) {
        let fields = line.split(separator: " ")
        guard fields.count > 6, let dash = fields.firstIndex(of: "-"), dash + 1 < fields.count else { return nil }
        path = Self.unescaped(fields[4])
        type = String(fields[dash + 1])
    }

    // Blanks and the like stand as \ooo.
    private static func unescaped(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "\\"), rest.count >= 3,
                let value = UInt8(String(decoding: rest.prefix(3), as: UTF8.self), radix: 8)
            {
                bytes.append(value)
                rest.removeFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
