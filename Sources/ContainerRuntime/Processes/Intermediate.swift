// The intermediate of the container's init: it enters, in the one order that works, the namespaces for the init, clones it,
// and exits.

internal import CLinux
internal import Cgroups
internal import Glibc
internal import Kernel
internal import Planning

/// Runs in the clone; never returns in it, nor in the init that it clones in turn.
func runIntermediate(_ launch: InitInputs) -> Never { Intermediate(launch).run() }

private struct Intermediate {
    private let launch: InitInputs
    private let channel: ChildChannel
    private let namespaces: NamespacePlan

    init(_ launch: InitInputs) {
        channel = ChildChannel(socket: launch.childEnd)
        namespaces = launch.plan.namespaces
        self.launch = launch
    }

    func run() -> Never {
        do throws(StepReport) {
            close(launch.parentEnd)
            try call(.session) { () throws(Errno) in try processControl(.setParentDeathSignal, UInt(SIGKILL)) }
            launch.setOOMScore()
            try launch.enterCgroup(channel)
            try enterNamespaces()
            try cloneInit()
        } catch {
            channel.fail(error)
        }
    }

    private func enterNamespaces() throws(StepReport) {
        // Opened with the rights and in the mount namespace of the runtime.
        let offsets = try openOffsets()
        // Namespaces of the host can be joined only before the user namespace is entered; those of that user namespace
        // only afterwards (by an unprivileged user), or also afterwards (by root).
        var joined = launch.joined.filter { $0.kind != .user }
        if namespaces.has(.user) {
            var refused: [InitInputs.Joined] = []
            for namespace in joined where !(try join(namespace, isLastTry: false)) { refused.append(namespace) }
            joined = refused
            try enterUserNamespace()
        }
        for namespace in joined { _ = try join(namespace, isLastTry: true) }
        guard namespaces.creates(.time) else { return }
        try call(.timeNamespace) { () throws(Errno) in try unshareNamespaces(NamespaceSet(.time)) }
        // Only until the first process is in it. time_namespaces(7).
        guard let text = namespaces.timeOffsets, let offsets else { return }
        try call(.timeOffsets) { () throws(Errno) in try writeAll(text.utf8, to: offsets) }
        close(offsets)
    }

    private func openOffsets() throws(StepReport) -> Int32? {
        guard namespaces.timeOffsets != nil else { return nil }
        return try call(.timeOffsets) { () throws(Errno) in
            try OwnedDescriptor.open("/proc/self/timens_offsets", .writeOnly).relinquish()
        }
    }

    private func enterUserNamespace() throws(StepReport) {
        if let user = launch.joined.first(where: { $0.kind == .user }) {
            // Processes with rights in that namespace have rights over this process then.
            if !launch.isHidden { try call(.session) { () throws(Errno) in try hideProcess() } }
            _ = try join(user, isLastTry: true)
            return try call(.session) { () throws(Errno) in try hideAgain() }
        }
        try call(.userNamespace) { () throws(Errno) in try unshareNamespaces(NamespaceSet(.user)) }
        try channel.ask(.mapIDs)
    }

    private func join(_ namespace: InitInputs.Joined, isLastTry: Bool) throws(StepReport) -> Bool {
        do throws(Errno) {
            try joinNamespaces(namespace.descriptor, NamespaceSet(namespace.kind))
            close(namespace.descriptor)
            return true
        } catch {
            if !isLastTry, error == .notPermitted { return false }
            throw StepReport(step: .joinNamespace, index: namespace.index, code: error)
        }
    }

    private func cloneInit() throws(StepReport) -> Never {
        if !launch.isHidden { try call(.session) { () throws(Errno) in try hideProcess() } }
        // A joined pid namespace shows the init from its first instruction on, and to CAP_SYS_PTRACE there also what it
        // has open: the cgroup's files, which were needed up to here, and the state directory.
        try call(.descriptors) { () throws(Errno) in
            try closeDescriptors(
                from: 3 + launch.preservedDescriptors,
                except: [launch.childEnd] + [launch.gate, launch.made.mount].compactMap { $0 })
        }
        let flags = launch.cloned.subtracting(NamespaceSet(.user)).subtracting(NamespaceSet(.time))
        try channel.cloneSibling(flags) { runInitChild(launch) }
    }
}
