// The straight line of an exec process, from its clone to its program.

internal import Cgroups
internal import CLinux
internal import Glibc
internal import Kernel
internal import Planning

/// Runs in the clone; never returns.
func runExecChild(_ launch: ExecInputs) -> Never {
    launch.needsIntermediate ? ExecChild(launch).runIntermediate() : ExecChild(launch).run()
}

private struct ExecChild {
    private let launch: ExecInputs
    private let channel: ChildChannel
    private let process: ProcessSteps

    init(_ launch: ExecInputs) {
        channel = ChildChannel(socket: launch.childEnd)
        process = ProcessSteps(
            plan: launch.process, image: launch.image, filter: launch.filter, channel: channel,
            ownsLimits: !launch.namespaces.contains(.user))
        self.launch = launch
    }

    func run() -> Never {
        do throws(StepReport) {
            try enterContainer()
            if process.plan.hasTerminal {
                let root = try call(.terminal) { () throws(Errno) in
                    RootDirectory(try OwnedDescriptor.open("/", .path | .directory))
                }
                try TerminalSteps(process: process.plan, channel: channel).run(in: root, isInit: false)
            }
            if !launch.dropsRightsFirst {
                try writeLabels(process.plan)
                try process.prepare()
                try process.completeEnvironment()
                try process.restrictFiles(isInit: false)
                try process.installFilterWithListener()
                try process.takeIdentity()
            }
            try process.enterDirectory()
            let program = try process.findProgram()
            try channel.ask(.ready)
            try call(.descriptors) { () throws(Errno) in
                try processControl(.setParentDeathSignal, 0)
                try closeOnExec(from: 3 + launch.preservedDescriptors)
            }
            try process.execute(program) { () throws(StepReport) in }
        } catch {
            channel.fail(error)
        }
    }

    /// The intermediate: joins the namespaces, and clones the exec process inside them.
    func runIntermediate() -> Never {
        do throws(StepReport) {
            close(launch.parentEnd)
            try call(.session) { () throws(Errno) in
                try processControl(.setParentDeathSignal, UInt(SIGKILL))
                if !launch.isHidden {
                    launch.setOOMScore()
                    try hideProcess()
                }
            }
            try enterCgroup()
            // Only the descriptors stay that are still needed and give no access to the host: the handshake socket and the
            // container's own.
            try call(.descriptors) { () throws(Errno) in
                try closeDescriptors(
                    from: 3 + launch.preservedDescriptors,
                    except: [launch.childEnd] + launch.target.numbers + (launch.root.map { [$0] } ?? []))
            }
            try call(.joinNamespace) { () throws(Errno) in try launch.target.join(launch.namespaces) }
            try enterRoot()
            if launch.dropsRightsFirst { try dropRights() }
            try channel.cloneSibling([], pidSlot: launch.pidSlot) { run() }
        } catch {
            channel.fail(error)
        }
    }

    private func dropRights() throws(StepReport) {
        try joinKeyring()
        try process.prepare()
        try process.completeEnvironment()
        try process.restrictFiles(isInit: false)
        try process.takeIdentity()
    }

    // setns into a mount namespace changes the root too; without one the process would keep the host's.
    private func enterRoot() throws(StepReport) {
        guard let root = launch.root else { return }
        try call(.rootfs) { () throws(Errno) in
            try checked { fchdir(root) }
            try checked { chroot(".") }
        }
        close(root)
    }

    private func enterCgroup() throws(StepReport) {
        if launch.needsAdoption { try channel.ask(.adoptMe) }
        var failed = 0
        let code = CgroupPlacement.enter(launch.cgroupFiles, failed: &failed)
        if code != 0 { throw StepReport(step: .enterCgroup, index: failed, code: Errno(rawValue: code)) }
    }

    private func enterContainer() throws(StepReport) {
        if !launch.needsIntermediate { close(launch.parentEnd) }
        try call(.session) { () throws(Errno) in
            try releaseSignals()
            try processControl(.setParentDeathSignal, UInt(SIGKILL))
            if !launch.isHidden {
                if !launch.needsIntermediate { launch.setOOMScore() }
                try hideProcess()
            }
            try checked { setsid() }
        }
        if !launch.needsIntermediate {
            try enterCgroup()
        } else if !launch.isAnsweredEarly {
            channel.awaitProceed()
        }
        try chooseProcessors(process.plan.scheduling)
        let kinds = launch.namespaces.subtracting(NamespaceSet(.pid))
        if !kinds.isEmpty, !launch.needsIntermediate {
            try call(.joinNamespace) { () throws(Errno) in try launch.target.join(kinds) }
        }
        if !launch.needsIntermediate { try enterRoot() }
        if kinds.contains(.user) { try becomeRootOfUserNamespace() }
        if !launch.dropsRightsFirst { try joinKeyring() }
    }

    // The keyring of the container's init. If that made none, the caller's keyring is still cut off.
    private func joinKeyring() throws(StepReport) {
        try call(.label, 1) { () throws(Errno) in try setKeyringLabel(process.plan) }
        try call(.keyring) { () throws(Errno) in
            do throws(Errno) { _ = try joinSessionKeyring(ofContainer: launch.id) } catch {
                guard refusesKeyrings(error) else { throw error }
            }
        }
    }

    // The kernel leaves out those of the final CPUs that the cgroup does not allow, and refuses if none is left.
    private func chooseProcessors(_ scheduling: SchedulingPlan) throws(StepReport) {
        if let cpus = scheduling.finalAffinity {
            try call(.scheduling, 4) { () throws(Errno) in try setAffinity(cpus) }
        } else if scheduling.initialAffinity == nil {
            allowAllProcessors()
        }
    }
}
