// The plan as text: one line per step, in the order of execution, with the property that asks for it.

internal import enum Kernel.NamespaceKind
internal import OCISpec

/// A step in words.
package struct PlanLine: Equatable, Sendable {
    /// The property of config.json that the step serves, such as `mounts[3]`.
    package var key: String
    package var text: String
    package private(set) var stage: PlanStage
    package init(_ key: String, _ text: String, _ stage: PlanStage = .process) {
        self.key = key
        self.text = text
        self.stage = stage
    }

    fileprivate func at(_ stage: PlanStage) -> PlanLine {
        var line = self
        line.stage = stage
        return line
    }
}

/// A part of a start whose steps end, and are timed, together; each mount is a part of its own.
package enum PlanStage: UInt8, Sendable {
    case namespaces = 1
    case rootfs, session, mount, devices, hooks, pivot, streams, names, paths, process
    /// Before the clone, and what is measured by the runtime: the init waits, or does not tell any more.
    case resources, runtimeHooks, identity, gate, start
    /// The work of later commands.
    case later
}

extension [PlanLine] {
    fileprivate func at(_ stage: PlanStage) -> [PlanLine] { map { $0.at(stage) } }
}

extension ContainerPlan {
    /// The steps from the first namespace to the program, one per line.
    /// - Parameters:
    ///   - cgroup: the lines about the cgroup, which is created before the container's first process.
    ///   - startsAtOnce: whether the program runs without waiting for `start`.
    package func summary(cgroup: [String] = [], startsAtOnce: Bool) -> [String] {
        cgroup + lines(startsAtOnce: startsAtOnce, showsEnvironment: true).map { $0.text }
    }

    /// The same with their keys, without the cgroup's.
    /// - Parameter showsEnvironment: whether to show the program's variables, which may be secrets.
    package func lines(startsAtOnce: Bool, showsEnvironment: Bool) -> [PlanLine] {
        resourceLines + namespaceLines.at(.namespaces) + rootLines + processLines
            + startLines(startsAtOnce, showsEnvironment)
    }

    private var resourceLines: [PlanLine] {
        resctrl.map { [PlanLine("linux.intelRdt", $0.summary).at(.resources)] } ?? []
    }

    private var namespaceLines: [PlanLine] {
        var lines: [PlanLine] = []
        let time = namespaces.creates(.time) ? [timeLine] : []
        let others = namespaces.joined.filter { $0.kind != .user }.map { PlanLine($0.key, $0.summary) }
        let user = userLines + namespaces.joined.filter { $0.kind == .user }.map { PlanLine($0.key, $0.summary) }
        if namespaces.needsIntermediate {
            lines += [PlanLine("linux.namespaces", "clone an intermediate")] + others + user + time + [cloneLine]
        } else {
            lines += [cloneLine] + user + others
        }
        if let adjustment = process.oomScoreAdjustment {
            lines.append(PlanLine("process.oomScoreAdj", "write \(adjustment) to /proc/PID/oom_score_adj"))
        }
        if namespaces.creates(.cgroup) { lines.append(PlanLine("linux.namespaces", "make a cgroup namespace")) }
        return lines
    }

    private var timeLine: PlanLine {
        let offsets = namespaces.timeOffsets?.split(separator: "\n").joined(separator: ", ")
        return PlanLine("linux.timeOffsets", "make a time namespace" + (offsets.map { " with offsets \($0)" } ?? ""))
    }

    private var cloneLine: PlanLine {
        let entered: [NamespaceKind] = namespaces.needsIntermediate ? [.time, .cgroup, .user] : [.cgroup]
        let cloned = namespaces.created.kinds.filter { !entered.contains($0) }
        let text =
            switch cloned.count {
            case 0: "clone the init"
            case 1: "clone the init into a new \(cloned[0].rawValue) namespace"
            default: "clone the init into new \(cloned.map { $0.rawValue }.joined(separator: ", ")) namespaces"
            }
        return PlanLine("linux.namespaces", text)
    }

    private var userLines: [PlanLine] {
        guard namespaces.creates(.user) else { return [] }
        let own = [
            PlanLine("linux.uidMappings", "map uids \(Self.text(namespaces.uidMappings))"),
            PlanLine("linux.gidMappings", "map gids \(Self.text(namespaces.gidMappings))"),
        ]
        return (namespaces.needsIntermediate ? [PlanLine("linux.namespaces", "make a user namespace")] : []) + own
    }

    private var sessionLines: [PlanLine] {
        var lines =
            namespaces.has(.user) ? [PlanLine("linux.namespaces", "become root of the user namespace")] : []
        lines.append(PlanLine("process", "begin a new session"))
        lines += networkDevices.map { PlanLine($0.key, $0.summary) }
        if namespaces.creates(.network) {
            lines.append(PlanLine("linux.namespaces", "bring up the loopback interface"))
        }
        return lines.at(.session)
    }

    static func text(_ mappings: [LinuxIDMapping]) -> String {
        mappings.map { "\($0.containerID):\($0.hostID):\($0.size)" }.joined(separator: ",")
    }

    private var rootLines: [PlanLine] {
        var lines: [PlanLine] = []
        let early =
            (hookLines("prestart", hooks.prestart) + hookLines("createRuntime", hooks.createRuntime)).at(.runtimeHooks)
        guard namespaces.has(.mount) || mountsOnHost else {
            return [PlanLine("root.path", "open rootfs \(root.path)").at(.rootfs)] + sessionLines + early
                + [PlanLine("root.path", "chroot into \(root.path)").at(.names)]
        }
        if mountsOnHost {
            lines.append(PlanLine("root.path", "mount rootfs \(root.path) over itself, for the host too"))
        } else {
            lines.append(
                PlanLine("linux.rootfsPropagation", "change the propagation of / to \(root.isolation.name)"))
            lines.append(PlanLine("root.path", "open rootfs \(root.path)"))
        }
        lines = lines.at(.rootfs) + sessionLines
        lines += mounts.map { PlanLine($0.key, $0.summary).at(.mount) }
        lines += devices.nodes.map { PlanLine($0.key, $0.summary).at(.devices) }
        lines += devices.links.map { PlanLine("default devices", $0.summary).at(.devices) }
        lines += early + hookLines("createContainer", hooks.createContainer).at(.hooks)
        lines.append(entryLine.at(.pivot))
        if process.workingDirectory != "/" {
            lines.append(PlanLine("process.cwd", "make \(process.workingDirectory) unless it is there").at(.pivot))
        }
        return lines + sealingLines.at(.streams)
    }

    private var sealingLines: [PlanLine] {
        var lines = process.hasTerminal ? [terminalLine] : []
        for mount in mounts where mount.becomesReadOnlyLast {
            lines.append(PlanLine(mount.key, "make \(mount.destination) read-only"))
        }
        if root.isReadOnly { lines.append(PlanLine("root.readonly", "make the rootfs read-only")) }
        return lines
    }

    private var entryLine: PlanLine {
        if mountsOnHost { return PlanLine("root.path", "chroot into \(root.path)") }
        return PlanLine(
            "root.path", root.withoutPivot ? "move \(root.path) over /" : "pivot_root into \(root.path)")
    }

    private var terminalLine: PlanLine {
        guard let rows = process.consoleRows, let columns = process.consoleColumns else {
            return PlanLine("process.terminal", "make a terminal and bind it on /dev/console")
        }
        return PlanLine(
            "process.consoleSize", "make a terminal of \(columns)x\(rows) and bind it on /dev/console")
    }

    private func hookLines(_ kind: String, _ hooks: [Hook], when: String = "") -> [PlanLine] {
        hooks.enumerated().map { index, hook in
            let limit = hook.timeout.map { " (at most \($0) s)" } ?? ""
            let words = quoted(hook.args.isEmpty ? [hook.path] : hook.args)
            return PlanLine("hooks.\(kind)[\(index)]", "\(when)run \(kind) hook \(hook.path) \(words)\(limit)")
        }
    }

    private var processLines: [PlanLine] {
        var lines = process.scheduling.lines
        if process.noNewPrivileges { lines.append(PlanLine("process.noNewPrivileges", "set no_new_privs")) }
        if process.needsHome { lines.append(PlanLine("process.env", "set HOME from the container's /etc/passwd")) }
        lines += (process.landlock?.summary ?? []).map { PlanLine("annotations", $0) }
        let early = seccomp.flatMap { $0.notifies ? [PlanLine("linux.seccomp", $0.summary)] : nil } ?? []
        let limits = process.limits.map {
            PlanLine($0.key, "limit \($0.resource.name) to \(amount($0.soft)):\(amount($0.hard))")
        }
        return nameLines.at(.names) + pathLines.at(.paths) + lines.at(.process)
            + (early + process.identityLines).at(.identity) + limits.at(.start)
    }

    private var nameLines: [PlanLine] {
        var lines: [PlanLine] = []
        if let hostname { lines.append(PlanLine("hostname", "set the hostname to \(quoted(hostname))")) }
        if let domainname { lines.append(PlanLine("domainname", "set the domainname to \(quoted(domainname))")) }
        if let profile = process.apparmorProfile {
            lines.append(PlanLine("process.apparmorProfile", "use AppArmor profile \(quoted(profile))"))
        }
        if let label = process.selinuxLabel {
            lines.append(PlanLine("process.selinuxLabel", "use SELinux label \(quoted(label))"))
        }
        return lines
            + sysctls.map { PlanLine("linux.sysctl", "write \(quoted($0.value)) to /proc/sys/\($0.path)") }
    }

    private var pathLines: [PlanLine] {
        guard namespaces.has(.mount) else { return [] }
        var lines = root.readonlyPaths.map {
            PlanLine("linux.readonlyPaths", "make \($0.path) read-only if it is there")
        }
        lines += root.maskedPaths.map { PlanLine("linux.maskedPaths", "mask \($0.path) if it is there") }
        if let propagation = root.finalPropagation {
            lines.append(
                PlanLine(
                    "linux.rootfsPropagation", "change the propagation of the container's / to \(propagation.name)"))
        }
        return lines
    }

    private func startLines(_ startsAtOnce: Bool, _ showsEnvironment: Bool) -> [PlanLine] {
        var lines: [PlanLine] = []
        let late = seccomp.flatMap { $0.notifies ? nil : PlanLine("linux.seccomp", $0.summary) }
        if let late, !process.noNewPrivileges { lines.append(late) }
        lines.append(PlanLine("process.capabilities", process.capabilities.summary))
        if let late, process.noNewPrivileges { lines.append(late) }
        lines += hookLines("startContainer", hooks.startContainer)
        let environment = showsEnvironment ? " with environment \(quoted(process.environment))" : ""
        lines.append(PlanLine("process.args", "execute \(quoted(process.arguments))\(environment)"))
        let wait = startsAtOnce ? [] : [PlanLine("start", "wait for start").at(.gate)]
        let after =
            hookLines("poststart", hooks.poststart, when: "afterwards ")
            + hookLines("poststop", hooks.poststop, when: "on delete ")
        return wait + lines.at(startsAtOnce ? .start : .later) + after.at(.later)
    }
}

private func quoted(_ text: String) -> String { String(decoding: text.json(), as: UTF8.self) }
private func quoted(_ texts: [String]) -> String { String(decoding: texts.json(), as: UTF8.self) }
private func amount(_ limit: UInt64) -> String { limit == .max ? "unlimited" : String(limit) }

extension NamespacePlan.Joined {
    fileprivate var summary: String { "join \(kind.rawValue) namespace \(path)" }
}

extension DeviceStep {
    /// `make device /dev/null (c 1:3, mode 0666)`.
    package var summary: String {
        if isBound { return "bind device \(path) of the host" }
        let owner = uid == 0 && gid == 0 ? "" : ", owner \(uid):\(gid)"
        if kind == .fifo { return "make FIFO \(path) (mode \(octal(mode))\(owner))" }
        return "make device \(path) (\(kind == .block ? "b" : "c") \(major):\(minor), mode \(octal(mode))\(owner))"
    }
}

extension DeviceLink {
    /// `link /dev/fd to /proc/self/fd`.
    package var summary: String { "link /dev/\(name) to \(target)" }
}

/// With a leading zero, as chmod(1) accepts it.
func octal(_ mode: UInt32) -> String {
    let digits = String(mode, radix: 8)
    return String(repeating: "0", count: max(1, 4 - digits.utf8.count)) + digits
}

extension ProcessPlan {
    fileprivate var identityLines: [PlanLine] {
        let bounding = capabilities.bounding.memberNames
        let groups = additionalGroups.isEmpty ? "" : " and \(additionalGroups.map(String.init).joined(separator: ","))"
        let places = candidates.count == 1 && candidates.first == arguments.first ? "" : " among \(quoted(candidates))"
        return [
            PlanLine(
                "process.capabilities.bounding",
                "limit the bounding set to \(bounding.isEmpty ? "nothing" : bounding.joined(separator: ","))"),
            PlanLine("process.user", "become user \(uid), group \(gid)\(groups), umask \(octal(umask))"),
            PlanLine("process.cwd", "chdir to \(workingDirectory)"),
            PlanLine("process.args", "find \(quoted(arguments.first ?? ""))\(places)"),
        ]
    }
}

extension ProcessPlan.Capabilities {
    /// The sets that the program starts with; empty sets are omitted.
    fileprivate var summary: String {
        let sets = [
            ("effective", effective), ("permitted", permitted), ("inheritable", inheritable), ("ambient", ambient),
        ]
        let parts = sets.filter { !$0.1.isEmpty }.map { "\($0.0) \($0.1.memberNames.joined(separator: ","))" }
        return parts.isEmpty ? "drop all capabilities" : "set capabilities: " + parts.joined(separator: "; ")
    }
}

extension SchedulingPlan {
    fileprivate var lines: [PlanLine] {
        var lines: [PlanLine] = []
        if let attributes {
            let policy = Self.policies.first { $0.1 == attributes.policy }?.0 ?? ""
            let flags = Self.schedulerFlags.filter { attributes.flags & $0.1 != 0 }.map { " " + $0.0 }.joined()
            var text = "schedule by \(policy)\(flags)"
            switch attributes.policy {
            case 1, 2: text += ", priority \(attributes.priority)"
            case 6: text += ", \(attributes.runtime) ns in \(attributes.deadline) of \(attributes.period) ns"
            default: text += ", nice \(attributes.nice)"
            }
            lines.append(PlanLine("process.scheduler", text))
        }
        if let ioPriority {
            lines.append(
                PlanLine("process.ioPriority", "set I/O priority \(ioPriority & 7) of class \(ioPriority >> 13)"))
        }
        if let personality {
            lines.append(PlanLine("linux.personality", "set personality \(personality == 8 ? "LINUX32" : "LINUX")"))
        }
        if let memoryPolicy { lines.append(PlanLine("linux.memoryPolicy", memoryPolicy.summary)) }
        return lines
    }
}

extension SchedulingPlan.MemoryPolicy {
    fileprivate var summary: String {
        let flags = SchedulingPlan.memoryFlags.filter { mode & $0.1 != 0 }
        let plain = flags.reduce(mode) { $0 & ~$1.1 }
        let name = SchedulingPlan.memoryModes.first { $0.1 == plain }?.0 ?? ""
        let members = members.map(String.init).joined(separator: ",")
        return "set memory policy \(name)\(flags.map { " " + $0.0 }.joined())"
            + (members.isEmpty ? "" : " on nodes \(members)")
    }

    /// The numbers of the nodes.
    var members: [Int] {
        (0..<nodes.count * 64).filter { nodes[$0 / 64] & 1 << UInt64($0 % 64) != 0 }
    }
}

extension SeccompPlan {
    /// The name of an action with its number, such as `SCMP_ACT_ERRNO(1)`.
    static func text(action: UInt32) -> String {
        if action & 0xffff_0000 == errno { return "SCMP_ACT_ERRNO(\(action & 0xffff))" }
        if action & 0xffff_0000 == trace { return "SCMP_ACT_TRACE(\(action & 0xffff))" }
        return actions.first { $0.value == action }?.name ?? String(action)
    }

    fileprivate var summary: String {
        let names = Self.knownFlags.filter { flags?.contains($0.value) ?? false }.map { ", " + $0.name }.joined()
        let agent = notifies ? ", listener to \(listenerPath ?? "")" : ""
        return "install a seccomp filter: \(Self.text(action: defaultAction)) by default, "
            + "\(rules.count) \(rules.count == 1 ? "rule" : "rules")\(names)\(agent)"
    }
}
