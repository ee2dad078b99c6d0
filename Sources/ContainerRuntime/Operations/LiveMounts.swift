// `mounts add` and `mounts remove`: mounts of a container that is there already.

internal import CLinux
internal import Glibc
internal import Kernel
package import OCISpec
internal import Planning

extension Runtime {
    /// Mounts in a created, running or paused container what stands in `mounts[]` of a config; all of it or nothing.
    ///
    /// Sources are opened among the host's mounts before anything is changed, and destinations found inside.
    package func addMounts(id: String, _ mounts: [Mount]) throws(Failure) {
        let directory = try store.open(id: id)
        try directory.lock()
        do throws(Failure) { try add(mounts, directory) } catch { throw directory.explain(error) }
    }

    private func add(_ mounts: [Mount], _ directory: borrowing ContainerDirectory) throws(Failure) {
        let container = try directory.liveContainer()
        let record = container.record
        let plan = try plan(adding: mounts, record, directory)
        let messages = FailureMessages(plan: plan)
        let sources = MountSources()
        var opened: [Int32?] = []
        // Open until this process ends, as its clone has them by their numbers.
        for (index, mount) in plan.mounts.enumerated() {
            guard mount.isOpenedByRuntime else {
                opened.append(nil)
                continue
            }
            // Later mounts of the host must not appear in the container, nor the container's mounts on the host.
            let kind = mount.propagation.isEmpty ? .private : plan.root.isolation.kind
            opened.append(try sources.openHere(mount, index, of: record.pid, kind, messages).relinquish())
        }
        try carryOut(.add(plan, opened), container, directory) { messages.failure($0) }
    }

    /// Detaches what `mounts add` has mounted at the destinations of `mounts[]`, last first; nothing where one of them is
    /// no mount, or one of another's.
    package func removeMounts(id: String, _ mounts: [Mount]) throws(Failure) {
        let directory = try store.open(id: id)
        try directory.lock()
        do throws(Failure) { try remove(mounts, directory) } catch { throw directory.explain(error) }
    }

    private func remove(_ mounts: [Mount], _ directory: borrowing ContainerDirectory) throws(Failure) {
        let container = try directory.liveContainer()
        var destinations: [String] = []
        for (index, mount) in mounts.enumerated() {
            guard !mount.destination.isEmpty else {
                throw Failure(.invalid, "mounts[\(index)].destination: must not be empty")
            }
            var destination = cleanPath("/" + mount.destination)
            // As `add` takes it, and the config.
            if let inside = destination.path(below: container.record.rootfs) { destination = inside }
            guard destination != "/" else {
                throw Failure(.invalid, "mounts[\(index)].destination: the rootfs itself cannot be unmounted")
            }
            destinations.append(destination)
        }
        let known = try directory.addedMounts()
        try carryOut(.remove(destinations, Set(known)), container, directory) { report in
            removalFailure(report, destinations)
        }
    }

    /// The entries of `mounts[]` from a file; `-` is stdin.
    package func mounts(file path: String) throws(Failure) -> [Mount] {
        let bytes = try during("read \(path)") { () throws(Errno) in try path == "-" ? readAll(0) : readFile(path) }
        do throws(InvalidSpec) {
            return try [Mount](mounts: bytes) { note(.warning, "\(path): \($0)") }
        } catch {
            throw Failure(.invalid, "\(path): \(error.keyPath.isEmpty ? error : error.inside(property: "mounts"))")
        }
    }

    // As it was decided when the container was made, but from the same config with other mounts.
    private func plan(
        adding mounts: [Mount], _ record: ContainerRecord, _ directory: borrowing ContainerDirectory
    ) throws(Failure) -> ContainerPlan {
        let spec = try directory.config()
        var facts = HostFacts.probe(cgroup: record.cgroup)
        facts.addMountLabel(for: spec)
        let namespaces = spec.linux?.namespaces ?? []
        if namespaces.contains(where: { $0.type == NamespaceKind.user.rawValue && !$0.isNew }) {
            // The path may lead nowhere by now.
            let path = "/proc/\(record.pid)/ns/user"
            let namespace = try during("open \(path)") { () throws(Errno) in try OwnedDescriptor.open(path) }
            facts.joinedMaps = try identityMaps(of: namespace.rawValue)
        }
        do throws(InvalidSpec) {
            let plan = try ContainerPlan(
                adding: mounts, to: spec, id: record.id, bundle: record.bundle, host: facts)
            for text in plan.warnings { note(.warning, text) }
            return plan
        } catch {
            throw Failure(.invalid, "\(error)")
        }
    }

    private func carryOut(
        _ work: LiveMountLaunch.Work, _ container: borrowing LiveContainer, _ directory: borrowing ContainerDirectory,
        _ sentence: (StepReport) -> Failure
    ) throws(Failure) {
        let pair = try during("make a socket pair") { () throws(Errno) in try SocketPair() }
        let isHidden = try hideProcesses()
        let target = try directory.namespaces(
            of: container.pidfd.rawValue, isWaiting: directory.has(ContainerDirectory.gateName))
        let launch = LiveMountLaunch(
            work: work, target: target, isHidden: isHidden, namespaces: container.namespaces,
            movedRoot: container.record.movedRoot, parentEnd: pair.first.rawValue,
            childEnd: pair.second.rawValue)
        let child = try during("clone a process to mount in the container") { () throws(Errno) in
            try cloneProcess(namespaces: [])
        }
        guard let child else { runLiveMounts(launch) }
        let socket = pair.takeFirst()
        let answers = converse(socket.rawValue, directory)
        let end = try during("wait for the process") { () throws(Errno) in try waitForEnd(of: child.pid) }
        if !answers.gone.isEmpty {
            do throws(Failure) { try directory.forgetMounts(answers.gone) } catch { note(.warning, error.message) }
        }
        // After the first it can only be that something of what was mounted stays.
        for report in answers.reports.dropFirst() { note(.warning, sentence(report).message) }
        if let failure = answers.failure { throw failure }
        if let report = answers.reports.first { throw sentence(report) }
        if end != .exited(0) {
            throw Failure(.other, "the process that mounts in the container ended before it was done (\(end))")
        }
    }

    // Until the process has ended.
    private func converse(_ socket: Int32, _ directory: borrowing ContainerDirectory) -> LiveMountAnswers {
        var answers = LiveMountAnswers()
        do throws(Errno) {
            try sendMessage(socket, [proceed])
            while true {
                let packet = try receiveMessage(socket).bytes
                if let report = StepReport(packet: packet) {
                    answers.reports.append(report)
                    continue
                }
                guard let mount = MountIdentity(bytes: packet.dropFirst()) else { break }
                if packet[0] == ChildMessage.detached.rawValue {
                    answers.detached.insert(mount)
                    continue
                }
                answers.announced.insert(mount)
                do throws(Failure) { try directory.rememberMount(mount) } catch { answers.failure = error }
                // Any other answer makes the process detach its mounts.
                try sendMessage(socket, [answers.failure == nil ? proceed : 0])
            }
        } catch {
            // It ended without a word, or shall now, where it has not begun; how, is asked next.
            shutdown(socket, Int32(SHUT_RDWR))
        }
        return answers
    }
}

/// The messages of the process that mounts.
private struct LiveMountAnswers {
    var reports: [StepReport] = []
    var announced: Set<MountIdentity> = []
    var detached: Set<MountIdentity> = []
    /// Why a mount could not be written down.
    var failure: Failure?

    /// The mounts that are gone: all of a failed `mounts add`, unless a second report names one that stays.
    var gone: Set<MountIdentity> {
        let isTakenBack = reports.count == 1 || (failure != nil && reports.isEmpty)
        return isTakenBack ? detached.union(announced) : detached
    }
}

/// A container in which something can be mounted.
private struct LiveContainer: ~Copyable {
    let record: ContainerRecord
    let pidfd: OwnedDescriptor
    let namespaces: NamespaceSet
}

extension ContainerDirectory {
    fileprivate borrowing func liveContainer() throws(Failure) -> LiveContainer {
        let record = try record()
        switch try status(of: record) {
        case .stopped: throw Failure(.wrongState, "container not running")
        case .creating: throw .isBeingCreated(id)
        case .created, .running, .paused: break
        }
        let namespaces = NamespaceSet(rawValue: record.namespaces)
        guard namespaces.contains(.mount) else {
            throw Failure(
                .invalid, "the container has no mount namespace: its mounts are the host's, and changed there")
        }
        guard let pidfd = try record.openInit() else { throw Failure(.wrongState, "container not running") }
        return LiveContainer(record: record, pidfd: pidfd, namespaces: namespaces)
    }
}

private func removalFailure(_ report: StepReport, _ destinations: [String]) -> Failure {
    guard report.step == .mount, report.index < destinations.count else {
        return Failure("join the container's namespaces", report.code)
    }
    let (key, place) = ("mounts[\(report.index)].destination", destinations[report.index])
    switch report.action {
    case .notMounted: return Failure(.invalid, "\(key): nothing is mounted on \(place)")
    case .notAdded:
        return Failure(.invalid, "\(key): what is mounted on \(place) was not mounted by `mounts add`, and stays")
    case .comesBack:
        return Failure(.other, "\(key): unmount \(place): the container covers it as often as it is unmounted")
    case .sameMount: return Failure(.invalid, "\(key): \(place) was named before")
    case .linkOnTheWay:
        return Failure(
            .invalid,
            "\(key): a symbolic link is on the way to \(place): where it leads is up to the container;"
                + " the path without links is needed")
    case .detach: return Failure("\(key): unmount \(place)", report.code)
    default: return Failure("\(key): open \(place)", report.code)
    }
}
