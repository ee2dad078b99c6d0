// The straight line of a process that joins a container, from its clone to its program.

internal import Cgroups
internal import CLinux
internal import Glibc
internal import Kernel
internal import Planning
internal import SystemPackage

/// Runs in the clone; never returns.
func runJoiningClone(_ launch: JoinLaunch) -> Never {
    launch.needsIntermediate ? Joiner(launch).bear() : Joiner(launch).run()
}

private struct Joiner {
    private let launch: JoinLaunch
    private let channel: ChildChannel
    private let process: ProcessSteps

    init(_ launch: JoinLaunch) {
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
                process.completeEnvironment()
                try process.restrictFiles()
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
            channel.giveUp(error)
        }
    }

    /// The process between: joins everything, and clones the one that is to be in all of it.
    func bear() -> Never {
        do throws(StepReport) {
            close(launch.parentEnd)
            try call(.session) { () throws(Errno) in
                try processControl(.setParentDeathSignal, UInt(SIGKILL))
                if !launch.isHidden {
                    launch.scoreForMemory()
                    try hideProcess()
                }
            }
            try enterCgroup()
            // All that is the host's, but what is needed yet and leads nowhere: the conversation, and the container's.
            try call(.descriptors) { () throws(Errno) in
                try closeDescriptors(
                    from: 3 + launch.preservedDescriptors,
                    except: [launch.childEnd] + launch.target.numbers + (launch.root.map { [$0] } ?? []))
            }
            try call(.joinNamespace) { () throws(Errno) in try launch.target.join(launch.namespaces) }
            try enterRoot()
            if launch.dropsRightsFirst { try dropRights() }
            try channel.bear([], birth: launch.birth) { run() }
        } catch {
            channel.giveUp(error)
        }
    }

    private func dropRights() throws(StepReport) {
        try joinKeyring()
        try process.prepare()
        process.completeEnvironment()
        try process.restrictFiles()
        try process.takeIdentity()
    }

    // A mount namespace brings its root along; without one the process would stay in the host's.
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
                if !launch.needsIntermediate { launch.scoreForMemory() }
                try hideProcess()
            }
            try checked { setsid() }
        }
        if !launch.needsIntermediate {
            try enterCgroup()
        } else if !launch.isAnsweredAtBirth {
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

    // Of the container's init, where it made one; a container without has the caller's cut off all the same.
    private func joinKeyring() throws(StepReport) {
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
