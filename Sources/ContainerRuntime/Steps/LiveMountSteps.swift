// The straight line of a process that mounts, or unmounts, in a container that is there already.

internal import CLinux
internal import Glibc
internal import Kernel
internal import Planning

/// Everything that process needs; descriptors by their numbers, as in ``InitInputs``.
struct LiveMountLaunch {
    enum Work {
        /// The mounts of the plan, and for each what the runtime has opened for it.
        case add(ContainerPlan, [Int32?])
        /// Paths as seen inside, absolute and without dots, and the mounts that `mounts add` has made.
        case remove([String], Set<MountIdentity>)
    }

    let work: Work
    let target: NamespacesOfInit
    let isHidden: Bool
    let namespaces: NamespaceSet
    /// The directory that must be the root of the mount namespace, if the container can unmount it.
    let movedRoot: FileIdentity?
    let parentEnd: Int32
    let childEnd: Int32
}

/// Runs in the clone; never returns. Its silence and status 0 mean that all is done.
func runLiveMounts(_ launch: LiveMountLaunch) -> Never {
    let channel = ChildChannel(socket: launch.childEnd)
    do throws(StepReport) {
        try LiveMounter(launch: launch, channel: channel).run()
    } catch {
        channel.fail(error)
    }
    _exit(0)
}

extension MountIdentity {
    /// As it stands in a message.
    var bytes: [UInt8] {
        messageBytes(number) + messageBytes(device) + messageBytes(inode)
    }

    init?(bytes: ArraySlice<UInt8>) {
        guard bytes.count == 24 else { return nil }
        let bytes = Array(bytes)
        self.init(
            number: messageWord(bytes, at: 0), device: messageWord(bytes, at: 8), inode: messageWord(bytes, at: 16))
    }
}

private struct LiveMounter {
    let launch: LiveMountLaunch
    let channel: ChildChannel

    func run() throws(StepReport) {
        close(launch.parentEnd)
        try endWithParent()
        channel.awaitProceed()
        let attached = try call(.conversation) { () throws(Errno) in try AttachedMounts() }
        try enterContainer()
        var root = try call(.rootfs) { () throws(Errno) in
            let root = RootDirectory(try OwnedDescriptor.open("/", .path | .directory))
            if let moved = launch.movedRoot, FileIdentity(try fileStatus(root.descriptor.rawValue)) != moved {
                throw .staleNFSFileHandle
            }
            return root
        }
        switch launch.work {
        case .add(let plan, let opened): try add(plan, opened, in: &root, attached)
        case .remove(let destinations, let known): try remove(destinations, known, in: root, attached)
        }
    }

    private func endWithParent() throws(StepReport) {
        try call(.session) { () throws(Errno) in
            try processControl(.setParentDeathSignal, UInt(SIGKILL))
            // A container that shares the host's pid namespace must not look into this process.
            if !launch.isHidden { try hideProcess() }
        }
    }

    // All but the pid namespace: nothing in the container then sees this process, which holds what is the host's.
    private func enterContainer() throws(StepReport) {
        let kinds = launch.namespaces.subtracting(NamespaceSet(.pid))
        let whichever = 0xffff
        try call(.joinNamespace, whichever) { () throws(Errno) in try launch.target.join(kinds) }
        umask(0o022)
        guard kinds.contains(.user) else { return }
        try becomeRootOfUserNamespace()
        // Changing ids has cleared it.
        try endWithParent()
    }

    private func add(
        _ plan: ContainerPlan, _ opened: [Int32?], in root: inout RootDirectory, _ attached: AttachedMounts
    ) throws(StepReport) {
        let steps = MountSteps(plan: plan, channel: channel, opened: opened, attached: attached)
        do throws(StepReport) {
            try steps.run(in: &root)
        } catch {
            do throws(Errno) {
                try attached.detachAll()
            } catch let second {
                // Told after the first.
                do throws(Errno) { try sendMessage(channel.socket, error.packet) } catch {}
                throw StepReport(step: .mount, index: error.index, action: .detach, code: second)
            }
            throw error
        }
    }

    private func remove(
        _ destinations: [String], _ known: Set<MountIdentity>, in root: borrowing RootDirectory,
        _ mounts: AttachedMounts
    ) throws(StepReport) {
        var found: [(number: Int32, mount: MountIdentity)] = []
        let top = try call(.rootfs) { [number = root.descriptor.rawValue] () throws(Errno) in
            try mountPlace(of: number).mount
        }
        for (index, destination) in destinations.enumerated() {
            let place = try step(.mount, index) { () throws(ActionFailure) in try open(destination, in: root) }
            let number = place.relinquish()
            let (mount, isRoot) = try call(.mount, index) { () throws(Errno) in try mountPlace(of: number) }
            let identity = try call(.mount, index) { () throws(Errno) in try MountIdentity(of: number) }
            var problem = isRoot && mount != top ? nil : Action.notMounted
            if problem == nil, !known.contains(identity) { problem = .notAdded }
            if problem == nil, found.contains(where: { $0.mount == identity }) { problem = .sameMount }
            if let problem {
                throw StepReport(step: .mount, index: index, action: problem, code: .invalidArgument)
            }
            found.append((number, identity))
        }
        for (index, entry) in found.enumerated().reversed() {
            do throws(Errno) {
                try mounts.detach(entry.number)
            } catch {
                // It has gone with one that it lay on.
                guard error == .invalidArgument, !isThere(destinations[index], entry.mount, in: root) else {
                    let action: Action = error == .resourceBusy ? .comesBack : .detach
                    throw StepReport(step: .mount, index: index, action: action, code: error)
                }
            }
            try channel.send(.detached, bytes: entry.mount.bytes)
        }
    }

    // A link is the container's to change: it could lead to what hides something from the container.
    private func open(_ destination: String, in root: borrowing RootDirectory) throws(ActionFailure) -> OwnedDescriptor
    {
        do throws(Errno) {
            return try root.open(destination, .path, resolving: .noSymlinks)
        } catch {
            let action: Action =
                switch error {
                case .tooManySymbolicLinkLevels: .linkOnTheWay
                case .noSuchFileOrDirectory, .notDirectory: .notMounted
                default: .whole
                }
            throw ActionFailure(action: action, code: error)
        }
    }

    private func isThere(_ destination: String, _ mount: MountIdentity, in root: borrowing RootDirectory) -> Bool {
        do throws(Errno) {
            let place = try root.open(destination, .path, resolving: .noSymlinks)
            return try MountIdentity(of: place.rawValue) == mount
        } catch {
            return false
        }
    }
}
