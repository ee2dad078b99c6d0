// The straight line of a process that mounts, or unmounts, in a container that is there already.

internal import CLinux
internal import Glibc
internal import Kernel
internal import Planning
internal import SystemPackage

/// Everything that process needs; descriptors by their numbers, as in ``Launch``.
struct LiveMountLaunch {
    enum Work {
        /// The mounts of the plan, and for each what the runtime has opened for it.
        case add(ContainerPlan, [Int32?])
        /// Paths as seen inside, absolute and without dots.
        case remove([String])
    }

    let work: Work
    let target: NamespacesOfInit
    let isHidden: Bool
    let namespaces: NamespaceSet
    let parentEnd: Int32
    let childEnd: Int32
}

/// Runs in the clone; never returns. Its silence and status 0 mean that all is done.
func runLiveMounts(_ launch: LiveMountLaunch) -> Never {
    let channel = ChildChannel(socket: launch.childEnd)
    do throws(StepReport) {
        try LiveMounter(launch: launch, channel: channel).run()
    } catch {
        channel.giveUp(error)
    }
    _exit(0)
}

/// Mounts that were attached by this process: by their descriptors they can be detached again, wherever they are.
final class AttachedMounts {
    // /proc/self/fd of the host: the container's procfs does not know this process.
    private let directory: Int32
    private var numbers: [Int32] = []

    init() throws(Errno) { directory = try OwnedDescriptor.open("/proc/self/fd", .path | .directory).relinquish() }

    func add(_ mount: consuming OwnedDescriptor) { numbers.append(mount.relinquish()) }

    /// Detaches all, last first.
    func detachAll() throws(Errno) {
        while let number = numbers.popLast() { try detach(number) }
    }

    /// Detaches the mount whose root a descriptor is. umount2(2) takes no descriptor, but a link to one.
    ///
    /// What lies on a peer of a mount of the host's would be unmounted on the host too. mount_namespaces(7).
    func detach(_ number: Int32) throws(Errno) {
        try changeMount(number, "", AttributeChange(), propagation: .slave, recursive: true)
        try checked { fchdir(directory) }
        try detachMount("\(number)")
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
        let root = try call(.rootfs) { () throws(Errno) in
            RootDirectory(try OwnedDescriptor.open("/", .path | .directory))
        }
        switch launch.work {
        case .add(let plan, let opened): try add(plan, opened, in: root, attached)
        case .remove(let destinations): try remove(destinations, in: root, attached)
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
        _ plan: ContainerPlan, _ opened: [Int32?], in root: borrowing RootDirectory, _ attached: AttachedMounts
    ) throws(StepReport) {
        let steps = MountSteps(plan: plan, channel: channel, opened: opened, attached: attached)
        do throws(StepReport) {
            try steps.run(in: root)
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
        _ destinations: [String], in root: borrowing RootDirectory, _ mounts: AttachedMounts
    ) throws(StepReport) {
        var found: [(number: Int32, mount: UInt64)] = []
        let top = try call(.rootfs) { [number = root.descriptor.rawValue] () throws(Errno) in
            try mountPlace(of: number).mount
        }
        for (index, destination) in destinations.enumerated() {
            let place = try step(.mount, index) { () throws(ActionFailure) in try open(destination, in: root) }
            let number = place.relinquish()
            let (mount, isRoot) = try call(.mount, index) { () throws(Errno) in try mountPlace(of: number) }
            var problem = isRoot && mount != top ? nil : Action.notMounted
            if problem == nil, found.contains(where: { $0.mount == mount }) { problem = .sameMount }
            if let problem {
                throw StepReport(step: .mount, index: index, action: problem, code: .invalidArgument)
            }
            found.append((number, mount))
        }
        for (index, entry) in found.enumerated().reversed() {
            do throws(Errno) {
                try mounts.detach(entry.number)
            } catch {
                // It has gone with one that it lay on.
                guard error == .invalidArgument, !isThere(destinations[index], entry.mount, in: root) else {
                    throw StepReport(step: .mount, index: index, action: .detach, code: error)
                }
            }
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

    private func isThere(_ destination: String, _ mount: UInt64, in root: borrowing RootDirectory) -> Bool {
        do throws(Errno) {
            let place = try root.open(destination, .path, resolving: .noSymlinks)
            return try mountPlace(of: place.rawValue).mount == mount
        } catch {
            return false
        }
    }
}
