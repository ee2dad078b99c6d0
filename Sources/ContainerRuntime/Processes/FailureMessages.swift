// Makes error messages from the numbers that the child reports.

internal import Kernel
internal import OCISpec
internal import Planning

/// Makes the message for a failed step of a plan.
struct FailureMessages {
    private let plan: ContainerPlan?
    private let process: ProcessPlan
    private let isInUserNamespace: Bool

    init(plan: ContainerPlan) {
        self.plan = plan
        process = plan.process
        isInUserNamespace = plan.namespaces.has(.user)
    }

    /// For an exec process.
    /// - Parameter namespaces: those in which the container differs from the runtime.
    init(process: ProcessPlan, namespaces: NamespaceSet) {
        plan = nil
        self.process = process
        isInUserNamespace = namespaces.contains(.user)
    }

    /// - Parameter pid: the failed process, which waits so that the container can be inspected through it.
    func failure(_ report: StepReport, of pid: Int32? = nil) -> Failure {
        let detail = pid.flatMap { ExecFailureDiagnosis(pid: $0, process: process).text(report) }
        let sentence = text(report)
        var failure = Failure(.system(report.code), sentence + (detail.map { " (\($0))" } ?? ""))
        switch report.step {
        // Their texts are made for engines, and have neither the path nor the kernel's word where others have them.
        case .lookup, .execute: failure.note("exec", path: process.arguments.first)
        case .escapedDirectory: failure.note("process.cwd: chdir to", path: process.workingDirectory)
        case .hook: break
        default: failure.note(sentence.upTo(": \(report.code.message)"))
        }
        failure = failure.at(plan.flatMap { FailedStep(report, in: $0) })
        if report.step == .execute, let refusal = plan?.seccomp?.refusal { return failure.during(refusal) }
        return failure
    }

    private func text(_ report: StepReport) -> String {
        let word = report.code.message
        switch report.step {
        case .hook: return report.text
        case .mount: return mount(report)
        case .device: return device(report)
        case .lookup: return lookup(report.code)
        case .rootfs where report.action == .rootItself:
            return "root.path: \(plan?.root.path ?? "") leads to the host's own root"
        case .rootfs where report.code == .permissionDenied && plan?.namespaces.has(.user) ?? false:
            return "\(name(report)): \(word) (every directory above it must let the container's root user through)"
        case .execute: return execute(report)
        case .landlock: return landlock(report)
        case .escapedDirectory:
            return "process.cwd: current working directory is outside of container mount namespace root"
        case .maskedPath where report.action == .nullDevice:
            return "linux.maskedPaths: /dev/null of the container is not the null device (1:3): \(word)"
        case .scheduling where report.code == .notPermitted && process.scheduling.attributes?.policy == 6:
            // sched_setattr(2): SCHED_DEADLINE takes every CPU of the host. AllowedCPUs is systemd's name of the limit.
            return "\(name(report)): process scheduler can't be used together with AllowedCPUs,"
                + " that is linux.resources.cpu.cpus: \(word)"
        case .user, .group, .groups:
            return "\(name(report)): \(word)\(report.code == .invalidArgument ? mappingHint(report.step) : "")"
        case .label where report.index == 0 && report.code == .noSuchFileOrDirectory:
            return "\(name(report)): \(word) (no profile of this name is loaded; apparmor_parser loads one)"
        default: return "\(name(report)): \(word)"
        }
    }

    // setresuid(2), setgroups(2): this is their word for an id that the user namespace lacks.
    private func mappingHint(_ step: Step) -> String {
        guard isInUserNamespace else { return "" }
        switch step {
        case .user: return " (\(process.uid) is not mapped by linux.uidMappings)"
        case .group: return " (\(process.gid) is not mapped by linux.gidMappings)"
        default:
            let groups = process.additionalGroups.map { String($0) }.joined(separator: ", ")
            let subject = process.additionalGroups.count == 1 ? groups : "one of \(groups)"
            return " (\(subject) is not mapped by linux.gidMappings)"
        }
    }

    private func name(_ report: StepReport) -> String {
        switch report.step {
        case .enterCgroup: "enter the container's cgroup (hierarchy \(report.index))"
        case .mapIDs: "become root of the user namespace"
        case .joinNamespace: join(report.index)
        case .cgroupNamespace: "make a cgroup namespace"
        case .mountNamespace: "make a mount namespace"
        case .networkNamespace: "enter the new network namespace"
        case .timeNamespace: "make a time namespace"
        case .timeOffsets: "linux.timeOffsets: write \(offsets)"
        case .userNamespace: "make a user namespace"
        case .cloneInit: plan == nil ? "clone the exec process" : "clone the container's init"
        case .session: "begin a new session"
        case .keyring: "make a session keyring (--no-new-keyring goes without)"
        case .loopback: "bring up the loopback interface"
        case .propagation: "linux.rootfsPropagation: change the propagation of /"
        case .rootfs: "root.path: open rootfs \(plan?.root.path ?? "")"
        case .deviceLink: "link /dev/\(plan?.devices.links[report.index].name ?? "")"
        case .pivot: "pivot_root into \(plan?.root.path ?? "")"
        case .workingDirectory: "process.cwd: make \(process.workingDirectory)"
        case .terminal: "process.terminal: make a terminal in the container's /dev/pts"
        case .console: "process.terminal: bind the terminal on /dev/console"
        case .standardStreams: "hand over stdin, stdout and stderr"
        case .readOnlyRoot: "root.readonly: make the rootfs read-only"
        case .readOnlyMount: "make \(plan?.mounts[report.index].destination ?? "") read-only"
        case .hostname: "hostname: set \"\(plan?.hostname ?? "")\""
        case .domainname: "domainname: set \"\(plan?.domainname ?? "")\""
        case .sysctl: parameter(report.index)
        case .readonlyPath: protected(report, plan?.root.readonlyPaths) { "\($0.key): make \($0.path) read-only" }
        case .maskedPath: protected(report, plan?.root.maskedPaths) { "\($0.key): mask \($0.path)" }
        case .label: label(report.index)
        case .scheduling: Self.scheduling[min(report.index, Self.scheduling.count - 1)]
        case .limit: limit(report.index)
        case .noNewPrivileges: "process.noNewPrivileges: set"
        case .seccomp: "linux.seccomp: install the filter"
        case .descriptors: "close descriptors"
        case .boundingSet: "process.capabilities.bounding: limit the bounding set"
        case .groups: "process.user.additionalGids: set groups"
        case .group: "process.user.gid: become group \(process.gid)"
        case .user: "process.user.uid: become user \(process.uid)"
        case .changeDirectory: "process.cwd: chdir to \(process.workingDirectory)"
        case .capabilities: "process.capabilities: set"
        case .conversation: "talk to the runtime"
        case .gate: "wait for start"
        case .hook, .mount, .device, .lookup, .execute, .escapedDirectory, .landlock: ""
        }
    }

    // In the order of ProcessSteps.applyScheduling().
    private static let scheduling = [
        "process.scheduler: set", "process.ioPriority: set", "linux.personality: set", "linux.memoryPolicy: set",
        "process.execCPUAffinity.final: set the CPUs",
    ]

    private func join(_ index: Int) -> String {
        guard let namespaces = plan?.namespaces, index < namespaces.joined.count else { return "join namespaces" }
        let joined = namespaces.joined[index]
        return "\(joined.key): join \(joined.kind.rawValue) namespace \(joined.path)"
    }

    private var offsets: String {
        (plan?.namespaces.timeOffsets ?? "").split(at: "\n").joined(separator: ", ")
    }

    private func parameter(_ index: Int) -> String {
        guard let parameter = plan?.sysctls[index] else { return "linux.sysctl" }
        return "linux.sysctl.\(parameter.name): write \"\(parameter.value)\""
    }

    private func limit(_ index: Int) -> String {
        guard index < process.limits.count else { return "process.rlimits" }
        let limit = process.limits[index]
        return "\(limit.key): set \(limit.resource.name) to \(limit.soft):\(limit.hard)"
    }

    private func label(_ index: Int) -> String {
        index == 0
            ? "process.apparmorProfile: use profile \"\(process.apparmorProfile ?? "")\""
            : "process.selinuxLabel: use label \"\(process.selinuxLabel ?? "")\""
    }

    private func protected(
        _ report: StepReport, _ paths: [ProtectedPath]?, _ text: (ProtectedPath) -> String
    ) -> String {
        guard let paths, report.index < paths.count else { return "protect paths" }
        return text(paths[report.index])
    }

    // The first rule is 1; 0 is the ruleset.
    private func landlock(_ report: StepReport) -> String {
        let word = report.code.message
        guard let rules = process.landlock?.rules, report.index > 0, report.index <= rules.count else {
            return "\(LandlockPlan.key): restrict the process: \(word)"
        }
        let rule = rules[report.index - 1]
        switch report.action {
        case .openSource: return "\(rule.key): open \(rule.path): \(word)"
        case .notDirectory: return "\(rule.key): \(rule.path): what is allowed there are rights to directories: \(word)"
        default: return "\(rule.key): allow \(rule.path): \(word)"
        }
    }

    private func mount(_ report: StepReport) -> String {
        guard let plan, report.index < plan.mounts.count else { return "mount: \(report.code.message)" }
        let mount = plan.mounts[report.index]
        let what = "\(mount.key): error mounting \"\(source(mount))\" to rootfs at \"\(mount.destination)\""
        let word = report.code.message
        let detail = report.text.isEmpty ? "" : " (\(report.text))"
        switch report.action {
        case .openSource: return "\(what): open the source\(detail): \(word)"
        case .makeTarget: return "\(what): open or make the destination: \(word)"
        case .rootItself: return "\(what): the destination leads to the rootfs itself, which cannot be mounted over"
        case .coverProc: return "\(what): cannot be mounted because it is inside /proc"
        case .notDirectory: return "\(what): must be mounted on ordinary directory"
        case .filesystemType:
            let hint =
                report.code == .noSuchDevice ? " (this kernel has no filesystem of that name)" : ""
            return "\(what): filesystem type \"\(type(mount))\": \(word)\(hint)"
        case .parameter:
            let meant = report.code == .invalidArgument ? optionMeant(mount, report.text) : ""
            return "\(what): option refused\(detail): \(word)\(meant)"
        case .superblock: return "\(what): make the filesystem\(detail): \(word)\(hint(report.code))"
        case .copyUp: return "\(what): tmpcopyup: copy the directory: \(word)"
        case .attributes: return "\(what): set mount attributes\(detail): \(word)"
        case .propagation: return "\(what): set propagation: \(word)"
        case .label: return "\(what): linux.mountLabel: label the filesystem \"\(mount.rootLabel ?? "")\": \(word)"
        case .detach: return "mounts[0..<\(report.index)]: take back what was mounted: \(word)"
        case .idMapping: return "\(what): map ids\(detail): \(word)\(idMappingHint(report.code))"
        default: return "\(what): \(word)\(hint(report.code))\(kindHint(mount, report.code))"
        }
    }

    // The kernel's own complaint has words around the option.
    private func optionMeant(_ mount: MountStep, _ complaint: String) -> String {
        guard case .filesystem(_, _, let parameters) = mount.object else { return "" }
        let refused = parameters.first { $0.value == nil && complaint.upTo($0.name) != complaint }
        return refused.map { mountOptionMeant(by: $0.name) } ?? ""
    }

    // Without the words "is a directory", by which docker takes a failure for the program's: its exit status would be 126.
    private func kindHint(_ mount: MountStep, _ code: Errno) -> String {
        guard code == .notDirectory, case .bind = mount.object else { return "" }
        return " (a directory cannot be mounted on a file, nor a file on a directory)"
    }

    private func hint(_ code: Errno) -> String {
        code == .noSpace ? " (the limit fs.mount-max of mounts in a namespace, not the disk)" : ""
    }

    // mount_setattr(2).
    private func idMappingHint(_ code: Errno) -> String {
        switch code {
        case .invalidArgument: " (the filesystem does not support idmapped mounts)"
        case .notPermitted: " (the mount is idmapped already, or the filesystem belongs to another user namespace)"
        default: ""
        }
    }

    private func source(_ mount: MountStep) -> String {
        switch mount.object {
        case .filesystem(_, let source, _): source
        case .bind(let source, _): source
        case .remount: "remount"
        case .legacyCgroup, .unifiedCgroup: "cgroup"
        }
    }

    private func type(_ mount: MountStep) -> String {
        if case .filesystem(let type, _, _) = mount.object { return type }
        return ""
    }

    private func device(_ report: StepReport) -> String {
        guard let plan, report.index < plan.devices.nodes.count else { return "make /dev: \(report.code.message)" }
        let node = plan.devices.nodes[report.index]
        let what = "\(node.key): make \(node.path)"
        if report.action == .differentNode {
            return "\(what): another file is there already: \(report.code.message)"
        }
        if report.action == .linkOnTheWay {
            return "\(what): a link of the image leads into a bound directory of the host: \(report.code.message)"
        }
        if report.action == .otherDevice {
            // Which a user namespace can only take as it is.
            return "\(what): what the host has there differs (\(report.text)): \(report.code.message)"
        }
        return "\(what): \(report.code.message)"
    }

    // These texts are matched by engines, which turn them into exit codes 126 and 127.
    private func lookup(_ code: Errno) -> String {
        let program = process.arguments.first ?? ""
        // execve(2) says that it is not permitted, which is the word that makes an engine end with 126.
        if code == .isDirectory { return "exec: \"\(program)\": is a directory: \(Errno.permissionDenied.message)" }
        if process.candidates.count != 1 || !program.utf8.contains(UInt8(ascii: "/")) {
            // As for runc, whose engines end with 127 then: a search of $PATH passes by what may not be executed.
            let notFound = "executable file not found in $PATH"
            let word =
                switch code {
                case .noSuchFileOrDirectory: notFound + blankHint(program)
                case .permissionDenied: notFound + ": the file of this name is not executable"
                default: code.message
                }
            return "exec: \"\(program)\": \(word)"
        }
        return code == .noSuchFileOrDirectory
            ? "exec: \"\(program)\": stat \(program): \(code.message)\(blankHint(program))"
            : "exec: \"\(program)\": \(code.message)"
    }

    private func blankHint(_ program: String) -> String {
        guard process.arguments.count == 1, program.utf8.contains(UInt8(ascii: " ")) else { return "" }
        return " (the program and each of its arguments are strings of their own)"
    }

    private func execute(_ report: StepReport) -> String {
        "exec \(process.arguments.first ?? ""): \(report.code.message)"
    }
}

/// The warning for the child's message that /etc/passwd cannot be read.
func homeWarning(_ message: [UInt8]) -> String {
    let code = message.count == 5 ? Errno(rawValue: messageNumber(message)) : Errno.invalidArgument
    let why =
        switch code {
        case .invalidArgument: "it is no regular file"
        case .resourceTemporarilyUnavailable: "a process has a lease on it"
        default: code.message
        }
    return "process.env: HOME is set to /: /etc/passwd of the container cannot be read: \(why)"
}

extension String {
    /// The part before a text, or all. Without regular expressions, whose library is a tenth of the program.
    fileprivate func upTo(_ mark: String) -> String {
        let (bytes, mark) = (Array(utf8), Array(mark.utf8))
        for start in bytes.indices where bytes[start...].starts(with: mark) {
            return String(decoding: bytes[..<start], as: UTF8.self)
        }
        return self
    }
}
