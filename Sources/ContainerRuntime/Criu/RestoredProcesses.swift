// Compares the restored processes with the config: the config limits the processes, although an image can contain any
// code.

internal import Cgroups
internal import CLinux
internal import Glibc
internal import Kernel
internal import Planning

/// The processes of a container that CRIU has restored and still holds stopped.
struct RestoredProcesses {
    let plan: ContainerPlan
    let pid: Int32
    let group: Cgroup
    let hasFilter: Bool
    /// Whether the caller has asked for another AppArmor profile or SELinux label than the config's.
    let ignoresLabel: Bool

    /// The kinds of namespaces in which the init differs from the runtime.
    /// - Throws: they are not those of the config.
    func checkNamespaces() throws(Failure) -> NamespaceSet {
        var found: NamespaceSet = []
        for kind in NamespaceKind.allCases {
            let (inside, outside) = (try identity(kind, of: "\(pid)"), try identity(kind, of: "self"))
            guard let inside, let outside else { continue }
            if inside != outside { found.insert(NamespaceSet(kind)) }
        }
        for kind in NamespaceKind.allCases where plan.namespaces.has(kind) != found.contains(kind) {
            // CRIU restores into a time namespace in any case: clocks must not go back.
            if kind == .time { continue }
            // One that is joined may be the runtime's own.
            if plan.namespaces.has(kind), !plan.namespaces.creates(kind) { continue }
            let sentence =
                plan.namespaces.has(kind)
                ? "linux.namespaces has one of the kind \(kind.rawValue), and the restored process is in the host's"
                : "the restored process is in a \(kind.rawValue) namespace of its own, which linux.namespaces does not have"
            throw Self.differs(kind == .cgroup ? sentence + " (--manage-cgroups-mode ignore keeps it)" : sentence)
        }
        for namespace in plan.namespaces.joined where namespace.kind != .cgroup {
            let wanted = try during("\(namespace.key): look at \(namespace.path)") { () throws(Errno) in
                FileIdentity(try fileStatus(at: namespace.path))
            }
            guard try identity(namespace.kind, of: "\(pid)") == wanted else {
                throw Self.differs("\(namespace.key): the restored process is not in \(namespace.path)")
            }
        }
        return found
    }

    private func identity(_ kind: NamespaceKind, of process: String) throws(Failure) -> FileIdentity? {
        let path = "/proc/\(process)/ns/\(kind.linkName)"
        do throws(Errno) {
            return FileIdentity(try fileStatus(at: path))
        } catch {
            // A kernel without that kind.
            if error == .noSuchFileOrDirectory, kind == .time { return nil }
            throw Failure("look at \(path)", error)
        }
    }

    /// Holds every process, and every thread of it, against what the config grants.
    /// - Parameter descriptors: what is outside of the container.
    func checkProcesses(_ descriptors: RestoredDescriptors) throws(Failure) {
        for process in processes() {
            for thread in try threads(of: process) { try checkRights(thread, isInit: process == pid) }
            var difference = try differenceOfNamespaces(process)
            if difference == nil { difference = try descriptors.difference(of: process) }
            if let difference { throw Self.differs("process \(insideNumber(process)): \(difference)") }
        }
    }

    /// An image has credentials, a filter, scheduling and a cgroup for each thread.
    /// - Parameter thread: its number, under which /proc has it as it has a process.
    private func checkRights(_ thread: Int32, isInit: Bool) throws(Failure) {
        let path = "/proc/\(thread)/status"
        let status = ProcessStatus(try during("read \(path)") { () throws(Errno) in try readText(path) })
        var difference = plan.process.difference(from: status, hasFilter: hasFilter, plan.namespaces)
        if difference == nil {
            difference = plan.process.difference(
                from: settings(of: thread), isInit: isInit, ignoringLabel: ignoresLabel)
        }
        if difference == nil { difference = try differenceOfCgroup(thread) }
        if let difference { throw Self.differs("process \(status.insideNumber ?? thread): \(difference)") }
    }

    private func threads(of process: Int32) throws(Failure) -> [Int32] {
        let path = "/proc/\(process)/task"
        return try during("read \(path)") { () throws(Errno) in
            let directory = try OwnedDescriptor.open(path, .directory)
            return try directoryEntries(directory.rawValue).compactMap { Int32($0.name) }
        }
    }

    private func insideNumber(_ process: Int32) -> Int32 {
        (try? readText("/proc/\(process)/status")).flatMap { ProcessStatus($0).insideNumber } ?? process
    }

    /// Those that see other mounts than the init.
    func processesWithOwnMounts() throws(Failure) -> [Int32] {
        let own = try identity(.mount, of: "\(pid)")
        var result: [Int32] = []
        for process in processes() where try identity(.mount, of: "\(process)") != own { result.append(process) }
        return result
    }

    private func differenceOfNamespaces(_ process: Int32) throws(Failure) -> String? {
        guard process != pid else { return nil }
        for kind in NamespaceKind.allCases {
            let found = try identity(kind, of: "\(process)")
            guard found != (try identity(kind, of: "\(pid)")) else { continue }
            let isOfHost = found == (try identity(kind, of: "self"))
            if isOfHost || !plan.process.grantsAdministration {
                return "it is in \(isOfHost ? "the host's" : "another") \(kind.rawValue) namespace"
                    + " than the container's first process"
            }
        }
        return nil
    }

    private func differenceOfCgroup(_ process: Int32) throws(Failure) -> String? {
        let found = try cgroup { () throws(CgroupFailure) in try group.directories(ofProcess: process) }
        for (own, other) in zip(group.location.directories, found) {
            let isBelow = own.path == "/" || other.path == own.path || other.path.path(below: own.path) != nil
            if !isBelow { return "it is in cgroup \(other.fullPath), and the container's is \(own.fullPath)" }
        }
        return nil
    }

    private func settings(of process: Int32) -> ProcessSettings {
        var result = ProcessSettings()
        result.hardLimits = plan.process.limits.map { limit in
            var (soft, hard): (UInt64, UInt64) = (0, 0)
            return clinux_getrlimit(process, limit.resource.rawValue, &soft, &hard) == 0 ? hard : .max
        }
        let score = try? readText("/proc/\(process)/oom_score_adj")
        result.oomScoreAdjustment = score.flatMap { Int($0.prefix { $0 != "\n" }) }
        let policy = sched_getscheduler(process)
        // The flag SCHED_RESET_ON_FORK is in the same number.
        if policy >= 0 { result.schedulingPolicy = UInt32(policy) & 0xffff }
        let label =
            (try? readText("/proc/\(process)/attr/apparmor/current"))
            ?? (try? readText("/proc/\(process)/attr/current"))
        result.label = label.map { String($0.prefix { $0 != "\n" && $0 != "\0" }) }
        return result
    }

    /// Stops every process as soon as no other tracer holds it.
    func stop() { for process in processes() { clinux_kill(process, SIGSTOP) } }

    // CRIU's own processes are no descendants of the init. One that has ended, and waits for its parent, has no namespaces
    // and no rights any more.
    private func processes() -> [Int32] { descendants(of: pid).filter { $0 == pid || !hasEnded($0) } }

    private func hasEnded(_ process: Int32) -> Bool {
        guard let stat = try? processStat(process), stat.hasEnded, let threads = try? threads(of: process) else {
            return false
        }
        // A first thread can end before the others.
        return threads.count <= 1
    }

    static func differs(_ sentence: String) -> Failure {
        Failure(
            .invalid,
            "the image differs from config.json: \(sentence); --allow-differing-image restores it all the same")
    }
}

extension ProcessStatus {
    /// - Parameter text: the content of /proc/PID/status. proc_pid_status(5).
    init(_ text: String) {
        self.init()
        for line in text.split(separator: "\n") {
            guard let colon = line.utf8.firstIndex(of: UInt8(ascii: ":")) else { continue }
            let value = line[line.utf8.index(after: colon)...]
            let words = value.split(whereSeparator: { $0 == "\t" || $0 == " " })
            func set() -> CapabilitySet { CapabilitySet(rawValue: words.first.flatMap { UInt64($0, radix: 16) } ?? ~0) }
            switch line[..<colon] {
            case "CapInh": inheritable = set()
            case "CapPrm": permitted = set()
            case "CapEff": effective = set()
            case "CapBnd": bounding = set()
            case "CapAmb": ambient = set()
            case "NoNewPrivs": hasNoNewPrivileges = words.first == "1"
            case "Seccomp": isFiltered = words.first == "2"
            case "Uid": uids = words.compactMap { UInt32($0) }
            case "Gid": gids = words.compactMap { UInt32($0) }
            case "Groups": groups = words.compactMap { UInt32($0) }
            case "NSpid": insideNumber = words.last.flatMap { Int32($0) }
            default: break
            }
        }
    }
}
