// Which step of a plan failed: for the log of `--debug`.

internal import Kernel
internal import Planning

/// A step of a plan, as far as the failure tells which.
package struct FailedStep: Equatable, Sendable {
    var stage: PlanStage
    /// The key of the step's line; nil if it may be any of the stage, or none.
    var key: String?
    /// Which of the lines of this stage and key.
    var ordinal = 0
    /// For a part of a step that runs before its line: the key of the last step of `identity` that has ended by then.
    var lastDone: String?
    /// For a hook its number.
    var hook: Int?

    init(_ stage: PlanStage, _ key: String?, _ ordinal: Int = 0, lastDone: String? = nil) {
        self.stage = stage
        self.key = key
        self.ordinal = ordinal
        self.lastDone = lastDone
    }

    init(hook index: Int, of kind: String) {
        let stages: [(String, PlanStage)] = [
            ("prestart", .runtimeHooks), ("createRuntime", .runtimeHooks), ("createContainer", .hooks),
            ("startContainer", .start),
        ]
        self.init(stages.first { $0.0 == kind }?.1 ?? .later, "hooks.\(kind)[\(index)]")
        hook = index
    }

    /// - Returns: nil for a step that several stages take, or that has no line.
    init?(_ report: StepReport, in plan: ContainerPlan) {
        let index = report.index
        switch report.step {
        case .joinNamespace where plan.namespaces.joined.indices.contains(index):
            self.init(.namespaces, plan.namespaces.joined[index].key)
        case .timeNamespace, .timeOffsets: self.init(.namespaces, "linux.timeOffsets")
        case .loopback: self.init(.session, "linux.namespaces", plan.namespaces.has(.user) ? 1 : 0)
        case .propagation: self.init(.rootfs, "linux.rootfsPropagation")
        case .rootfs: self.init(.rootfs, "root.path")
        case .mount: self.init(.mount, of: plan.mounts.map { $0.key }, index)
        case .device: self.init(.devices, of: plan.devices.nodes.map { $0.key }, index)
        case .deviceLink:
            let keys = plan.devices.nodes.map { $0.key } + plan.devices.links.map { _ in "default devices" }
            self.init(.devices, of: keys, plan.devices.nodes.count + index)
        case .hook:
            let isLate = report.text.hasPrefix("error running startContainer")
            self.init(hook: index, of: isLate ? "startContainer" : "createContainer")
        case .pivot: self.init(.pivot, "root.path")
        case .workingDirectory: self.init(.pivot, "process.cwd")
        case .readOnlyMount where plan.mounts.indices.contains(index): self.init(.streams, plan.mounts[index].key)
        case .readOnlyRoot: self.init(.streams, "root.readonly")
        case .hostname: self.init(.names, "hostname")
        case .domainname: self.init(.names, "domainname")
        case .label where index == 0: self.init(.names, "process.apparmorProfile")
        case .sysctl: self.init(.names, "linux.sysctl", index)
        case .readonlyPath: self.init(.paths, "linux.readonlyPaths", index)
        case .maskedPath: self.init(.paths, "linux.maskedPaths", index)
        default: self.init(ofProcess: report, plan)
        }
    }

    private init?(ofProcess report: StepReport, _ plan: ContainerPlan) {
        let process = plan.process
        switch report.step {
        case .scheduling:
            let keys = ["process.scheduler", "process.ioPriority", "linux.personality", "linux.memoryPolicy"]
            guard keys.indices.contains(report.index) else { return nil }
            self.init(.process, keys[report.index])
        case .noNewPrivileges: self.init(.process, "process.noNewPrivileges")
        case .landlock: self.init(.process, "annotations", report.index)
        case .seccomp: self.init(plan.seccomp?.notifies ?? false ? .identity : .start, "linux.seccomp")
        case .boundingSet: self.init(.identity, "process.capabilities.bounding")
        case .groups, .group, .user: self.init(.identity, "process.user")
        case .changeDirectory, .escapedDirectory:
            // What root may not enter is tried again as the user; any other error comes before the user.
            let isLate = ProcessSteps.errorsOfRoot.contains(report.code)
            self.init(.identity, "process.cwd", lastDone: isLate ? nil : "process.capabilities.bounding")
        case .lookup: self.init(.identity, "process.args")
        case .limit where process.limits.indices.contains(report.index):
            self.init(.start, process.limits[report.index].key, lastDone: "process.capabilities.bounding")
        case .execute: self.init(.start, "process.args")
        default: return nil
        }
    }

    private init?(_ stage: PlanStage, of keys: [String], _ index: Int) {
        guard keys.indices.contains(index) else { return nil }
        self.init(stage, keys[index], keys[..<index].filter { $0 == keys[index] }.count)
    }
}
