// The child's mounts: every one is made detached, given its attributes, and attached to an opened place in the rootfs.

internal import CLinux
internal import Glibc
internal import Kernel
internal import Planning

/// Makes the mounts of a plan under a root.
struct MountSteps {
    let plan: ContainerPlan
    let channel: ChildChannel
    /// Where sources are, if the init's mount namespace does not have the host's mounts.
    var host: RootfsNamespace?
    /// In a container that is there already: for each mount what the runtime has opened for it.
    var opened: [Int32?]?
    /// The list of attached mounts, for taking them back.
    var attached: AttachedMounts?
    let hostDirectories = HostDirectories()
    private let cover = RootCover()

    /// - Parameter root: changes with a mount on "/".
    func run(in root: inout RootDirectory) throws(StepReport) {
        for (index, mount) in plan.mounts.enumerated() {
            if mount.copiesLink, let text = linkText(mount) {
                try step(.mount, index) { () throws(ActionFailure) in try makeLink(text, mount, in: root) }
                channel.mark(.mount, index)
                continue
            }
            var given = try openForeign(mount, index)
            try step(.mount, index) { () throws(ActionFailure) in try make(mount, given.take(), in: root) }
            if mount.replacesRoot {
                root = try call(.rootfs) { () throws(Errno) in
                    if let tree = cover.take() { return RootDirectory(tree) }
                    // mount(2), which takes what fsconfig(2) does not, gives no descriptor.
                    return RootDirectory(try OwnedDescriptor.open(plan.root.path, .path | .directory))
                }
            }
            channel.mark(.mount, index)
        }
    }

    private func linkText(_ mount: MountStep) -> String? {
        guard case .bind(let source, _) = mount.object else { return nil }
        do throws(Errno) {
            return try readLink(OwnedDescriptor.currentDirectory, source)
        } catch {
            return nil
        }
    }

    private func makeLink(
        _ text: String, _ mount: MountStep, in root: borrowing RootDirectory
    ) throws(ActionFailure) {
        try part(.makeTarget) { () throws(Errno) in
            let place = try root.parent(of: mount.destination)
            let number = place.directory.rawValue
            do throws(Errno) {
                try checked { clinux_symlinkat(text, number, place.name) }
            } catch {
                guard error == .fileExists, isLink(to: text, place.name, in: number) else { throw error }
            }
        }
    }

    private func isLink(to text: String, _ name: String, in directory: Int32) -> Bool {
        do throws(Errno) { return try readLink(directory, name) == text } catch { return false }
    }

    // A source that takes rights this process does not have is opened by the runtime, which may have them.
    private func openForeign(_ mount: MountStep, _ index: Int) throws(StepReport) -> OwnedDescriptor? {
        if let opened { return opened[index].map { OwnedDescriptor(adopting: $0) } }
        guard case .bind(let source, let recursive) = mount.object else { return nil }
        guard mount.idMapping == nil else { return try channel.askForDescriptor(.mountSource, index: index) }
        do throws(Errno) {
            return try host.cloneFromHost(source, recursive: recursive, followLinks: mount.followsSource)
        } catch {
            guard error == .permissionDenied, plan.namespaces.has(.user) else {
                throw StepReport(step: .mount, index: index, action: .openSource, code: error)
            }
        }
        return try channel.askForDescriptor(.mountSource, index: index)
    }

    private func make(
        _ mount: MountStep, _ given: consuming OwnedDescriptor?, in root: borrowing RootDirectory
    ) throws(ActionFailure) {
        switch mount.object {
        case .filesystem(let type, let source, let parameters):
            if let made = given.take() { return try attach(made, on: try open(mount, .directory, in: root), mount) }
            try makeFilesystem(mount, type: type, source: source, parameters, in: root)
        case .bind:
            if let tree = given.take() { try bind(mount, tree, in: root) }
        case .remount:
            let target = try open(mount, .directory, in: root, mayMake: false)
            try change(target, mount)
        case .legacyCgroup(let hierarchies):
            try LegacyCgroupMount(mount: mount, hierarchies: hierarchies, label: plan.mountLabel).make(
                on: try open(mount, .directory, in: root))
        case .unifiedCgroup(let directory):
            try makeUnifiedCgroup(mount, directory, in: root)
        }
    }

    private func makeFilesystem(
        _ mount: MountStep, type: String, source: String, _ parameters: [MountStep.Parameter],
        in root: borrowing RootDirectory
    ) throws(ActionFailure) {
        let given = parameters
        var parameters = parameters
        let isPseudo = type == "proc" || type == "sysfs"
        let hasMode = parameters.contains { $0.name == "mode" }
        let mode = type == "tmpfs" && (!hasMode || mount.copiesUp) ? existingMode(mount.destination, in: root) : nil
        if let mode, !hasMode { parameters.append(MountStep.Parameter("mode", String(mode, radix: 8))) }
        let target = try open(mount, .directory, in: root, isPseudo: isPseudo)
        if type == "sysfs", plan.namespaces.has(.user) {
            guard let own = try ownSysfs(mount, source, parameters) else { return try bindSysfs(on: target, mount) }
            return try attach(own, on: target, mount)
        }
        let late = mount.copiesUp ? mount.attributes.set.intersection(.readOnly) : []
        let made = try newInstance(
            type: type, source: source, parameters, mount.attributes.set.subtracting(late), over: target)
        if let label = mount.rootLabel { try part(.label) { () throws(Errno) in try setLabel(label, ofRoot: made) } }
        if mount.copiesUp {
            // A directory that was made only to be mounted on has nothing to copy: the mode is the filesystem's own.
            if mode != nil {
                try part(.copyUp) { () throws(Errno) in try copyTree(from: target, to: made, given: given) }
            }
            if !late.isEmpty {
                try part(.attributes) { () throws(Errno) in try changeMount(made, AttributeChange(set: late)) }
            }
        }
        try attach(made, on: target, mount)
    }

    private func setLabel(_ label: String, ofRoot made: borrowing OwnedDescriptor) throws(Errno) {
        do throws(Errno) {
            try setSecurityLabel(label, on: made)
        } catch {
            // What came into being together with a user namespace belongs to who has made both: then the policy's own label
            // stays, under which the container gets no more.
            guard error == .notPermitted, plan.namespaces.has(.user) else { throw error }
        }
    }

    private func newInstance(
        type: String, source: String, _ parameters: [MountStep.Parameter], _ attributes: MountAttributes,
        over target: borrowing OwnedDescriptor
    ) throws(ActionFailure) -> OwnedDescriptor {
        do throws(ActionFailure) {
            return try newFilesystem(type: type, source: source, parameters, attributes: attributes)
        } catch {
            // In a container that is there already, /proc is what the container has made of it.
            let hasLong = MountStep.isLong(source) || parameters.contains { $0.isLong }
            guard error.code == .invalidArgument, hasLong, opened == nil else { throw error }
        }
        return try LongParameters(type: type, source: source, parameters: parameters).mount(attributes, over: target)
    }

    // A user namespace may only mount a sysfs that shows a network namespace of its own. Nil if the kernel refuses.
    private func ownSysfs(
        _ mount: MountStep, _ source: String, _ parameters: [MountStep.Parameter]
    ) throws(ActionFailure) -> OwnedDescriptor? {
        do throws(ActionFailure) {
            return try newFilesystem(type: "sysfs", source: source, parameters, attributes: mount.attributes.set)
        } catch {
            // In a container that is there already, /sys is what the container has made of it.
            guard error.code == .notPermitted, opened == nil else { throw error }
            return nil
        }
    }

    // The host's sysfs in place of the container's. The mounts below it are the host's too: they get the same attributes,
    // and its cgroups, of which some may belong to a user that the container has, are covered.
    private func bindSysfs(
        on target: borrowing OwnedDescriptor, _ mount: MountStep
    ) throws(ActionFailure) {
        let tree = try part(.openSource) { () throws(Errno) in try cloneMount("/sys", recursive: true) }
        let protection = mount.attributes.set.intersection([.readOnly, .noSuid, .noDev, .noExec, .noSymlinkFollow])
        try part(.attributes) { () throws(Errno) in
            try changeMount(tree, AttributeChange(set: protection), recursive: true)
        }
        try change(tree, mount)
        try attach(tree, on: target, mount)
        guard let cgroups = directory("fs/cgroup", in: tree) else { return }
        let cover = try newFilesystem(
            type: "tmpfs", source: "tmpfs", [MountStep.Parameter("mode", "755")] + plan.mountLabel.parameters,
            attributes: [.readOnly, .noSuid, .noDev, .noExec])
        try attach(cover, on: cgroups, mount)
    }

    private func directory(_ path: String, in tree: borrowing OwnedDescriptor) -> OwnedDescriptor? {
        do throws(Errno) {
            return try OwnedDescriptor.open(path, .directory.union(.path), at: tree.rawValue)
        } catch {
            return nil
        }
    }

    private func attach(
        _ tree: borrowing OwnedDescriptor, on target: borrowing OwnedDescriptor, _ mount: MountStep
    ) throws(ActionFailure) {
        if plan.mountsOnHost {
            // A peer of the host's would show there, and leave there, what is mounted on it next.
            try part(.propagation) { () throws(Errno) in
                try changeMount(tree, AttributeChange(), propagation: .slave, recursive: true)
            }
        }
        try part(.attach) { () throws(Errno) in
            if mount.replacesRoot { cover.keep(try tree.duplicated()) }
            guard let attached else { return try attachLike(tree, on: target) }
            let kept = try tree.duplicated()
            try attached.announce(kept, on: channel)
            try attachLike(tree, on: target)
            attached.add(kept)
        }
        try changeTree(tree, mount)
    }

    private func bind(
        _ mount: MountStep, _ tree: borrowing OwnedDescriptor, in root: borrowing RootDirectory
    ) throws(ActionFailure) {
        let status = try part(.openSource) { () throws(Errno) in try fileStatus(tree.rawValue) }
        if mount.destination == "/proc" {
            let magic = try part(.openSource) { () throws(Errno) in try filesystem(of: tree.rawValue).magic }
            guard magic == FilesystemMagic.proc else { throw ActionFailure(action: .coverProc, code: .notPermitted) }
        }
        let target = try open(mount, status.isDirectory ? .directory : .file, in: root)
        try change(tree, mount)
        try attach(tree, on: target, mount)
        if status.isDirectory, opened == nil, !mount.replacesRoot {
            try part(.attach) { () throws(Errno) in try hostDirectories.add(tree, mount.destination) }
        }
    }

    private func makeUnifiedCgroup(
        _ mount: MountStep, _ directory: String, in root: borrowing RootDirectory
    ) throws(ActionFailure) {
        let target = try open(mount, .directory, in: root)
        if plan.namespaces.has(.cgroup), let fresh = try freshCgroup(mount) {
            return try attach(fresh, on: target, mount)
        }
        let tree = try part(.openSource) { () throws(Errno) in
            try host.cloneFromHost(directory, recursive: false)
        }
        try change(tree, mount)
        try attach(tree, on: target, mount)
    }

    // In a user namespace the kernel may not allow a mount of its own; the directory shows the same.
    private func freshCgroup(_ mount: MountStep) throws(ActionFailure) -> OwnedDescriptor? {
        do throws(ActionFailure) {
            return try newFilesystem(type: "cgroup2", source: "cgroup", [], attributes: mount.attributes.set)
        } catch {
            guard error.code == .notPermitted || error.code == .resourceBusy else { throw error }
            return nil
        }
    }

    /// The place of a mount, made if it is missing; never a place in a procfs that may not be covered.
    private func open(
        _ mount: MountStep, _ leaf: RootDirectory.Leaf, in root: borrowing RootDirectory, isPseudo: Bool = false,
        mayMake: Bool = true
    ) throws(ActionFailure) -> OwnedDescriptor {
        let rules: Resolution = isPseudo ? .noSymlinks : []
        var followsLink = false
        let target = try mapping({ () throws(Errno) in
            if !mount.followsDestination, let link = try existingLink(mount.destination, in: root) { return link }
            do throws(Errno) {
                return try root.open(mount.destination, resolving: .noSymlinks)
            } catch {
                if error == .tooManySymbolicLinkLevels { followsLink = true }
            }
            return try mayMake
                ? root.openOrMake(mount.destination, leaf, resolving: rules)
                : root.open(mount.destination, resolving: rules)
        }) { (code: Errno) in
            let isLink = isPseudo && (code == .tooManySymbolicLinkLevels || code == .notDirectory)
            return ActionFailure(action: isLink ? .notDirectory : .makeTarget, code: code)
        }
        // There the mount would lie over the root that is entered, where no process sees it.
        if followsLink, try part(.makeTarget, { () throws(Errno) in try isSameFile(target, root.descriptor) }) {
            throw ActionFailure(action: .rootItself, code: .invalidArgument)
        }
        // A link in the rootfs can lead into a procfs that is mounted already: the place decides, not its name.
        let magic = try part(.makeTarget) { () throws(Errno) in try filesystem(of: target.rawValue).magic }
        if magic == FilesystemMagic.proc, mount.destination != "/proc", !Rules.mayCoverProc(mount.destination) {
            throw ActionFailure(action: .coverProc, code: .notPermitted)
        }
        return target
    }

    // A place that is a symbolic link, itself.
    private func existingLink(_ path: String, in root: borrowing RootDirectory) throws(Errno) -> OwnedDescriptor? {
        do throws(Errno) {
            let found = try root.open(path, .path | .noFollow)
            guard try fileStatus(found.rawValue).isSymbolicLink else { return nil }
            return found
        } catch {
            guard error == .noSuchFileOrDirectory else { throw error }
            return nil
        }
    }

    private func existingMode(_ path: String, in root: borrowing RootDirectory) -> UInt32? {
        do throws(Errno) {
            let place = try root.open(path)
            return try fileStatus(place.rawValue).mode & 0o7777
        } catch {
            return nil
        }
    }

    private func change(_ tree: borrowing OwnedDescriptor, _ mount: MountStep) throws(ActionFailure) {
        guard !mount.attributes.isEmpty else { return }
        var change = mount.attributes
        if mount.isBind {
            // Asked for some attributes a bind mount has these and no others, as by mount(8); asked for none, its
            // source's. What a parent user namespace has locked stays, unless the config says otherwise.
            let all: MountAttributes = [.readOnly, .noSuid, .noDev, .noExec, .noSymlinkFollow]
            var exact = change
            exact.clear.formUnion(all.subtracting(change.set))
            do throws(Errno) {
                return try changeMount(tree, exact)
            } catch {
                guard error == .notPermitted else { throw ActionFailure(action: .attributes, code: error) }
            }
            change.clear.formUnion(MountAttributes.noSymlinkFollow.subtracting(change.set))
        }
        do throws(Errno) {
            try changeMount(tree, change)
        } catch {
            guard error == .notPermitted else { throw ActionFailure(action: .attributes, code: error) }
            try changeUnlocked(tree, change)
        }
    }

    // A child user namespace may not clear flags that its parent has set. mount_namespaces(7). For `relatime`, the
    // kernel's default, this is no failure.
    private func changeUnlocked(
        _ tree: borrowing OwnedDescriptor, _ wanted: AttributeChange
    ) throws(ActionFailure) {
        var change = wanted
        let asksForRelatime = change.set.isDisjoint(with: .atimeField) && change.clear.isSuperset(of: .atimeField)
        if asksForRelatime { change.clear.subtract([.atimeField, .noDirAtime]) }
        do throws(Errno) {
            guard asksForRelatime else { throw .notPermitted }
            try changeMount(tree, change)
        } catch {
            throw ActionFailure(action: .attributes, code: error, text: lockedFlags(tree, change.clear))
        }
    }

    private func lockedFlags(_ tree: borrowing OwnedDescriptor, _ cleared: MountAttributes) -> String {
        // ST_* of statfs(2), under the names of the options.
        let names: [(attribute: MountAttributes, flag: Int64, name: String)] = [
            (.readOnly, 1, "ro"), (.noSuid, 2, "nosuid"), (.noDev, 4, "nodev"), (.noExec, 8, "noexec"),
            (.noAtime, 1024, "noatime"), (.noDirAtime, 2048, "nodiratime"),
        ]
        do throws(Errno) {
            let flags = try filesystem(of: tree.rawValue).flags
            let locked = names.filter { cleared.contains($0.attribute) && flags & $0.flag != 0 }.map { $0.name }
            return locked.isEmpty ? "" : locked.joined(separator: ", ") + " of the source is locked"
        } catch {
            return ""
        }
    }

    private func changeTree(_ tree: borrowing OwnedDescriptor, _ mount: MountStep) throws(ActionFailure) {
        if !mount.recursiveAttributes.isEmpty {
            do throws(Errno) {
                try changeMount(tree, mount.recursiveAttributes, recursive: true)
            } catch {
                throw ActionFailure(action: .attributes, code: error)
            }
        }
        for change in mount.propagation {
            do throws(Errno) {
                try changeMount(
                    tree, AttributeChange(), propagation: change.kind, recursive: change.recursive)
            } catch {
                throw ActionFailure(action: .propagation, code: error)
            }
        }
    }
}

/// The mount that has been made on "/", until it is the root.
private final class RootCover {
    private var tree: OwnedDescriptor?

    func keep(_ tree: consuming OwnedDescriptor) { self.tree = consume tree }
    func take() -> OwnedDescriptor? { tree.take() }
}
