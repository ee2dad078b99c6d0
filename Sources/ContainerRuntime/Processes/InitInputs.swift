// The values that the runtime passes to the init that it clones.

internal import Cgroups
internal import CLinux
internal import Glibc
internal import Kernel
internal import OCISpec
internal import Planning

/// Everything the child needs; made by the parent, inherited by the clone.
///
/// Descriptors are numbers here: the parent owns them, and in the child they must stay open until it ends.
struct InitInputs {
    let plan: ContainerPlan
    let image: ExecImage
    let filter: SeccompFilter?
    /// Files into which the child writes itself to enter its cgroup.
    let cgroupFiles: [Int32]
    let needsAdoption: Bool
    /// A namespace that is joined by path, opened with the parent's rights; `index` is its place in the plan's list.
    struct Joined {
        var kind: NamespaceKind
        var descriptor: Int32
        var index: Int
    }
    let joined: [Joined]
    /// Namespaces that have been made before the clone, for the init to enter.
    struct Made {
        /// Made of the rootfs; otherwise the clone has a copy of the runtime's.
        var mount: Int32?
        var network: Int32?

        func close() { for number in [mount, network].compactMap({ $0 }) { _ = Glibc.close(number) } }
    }
    let made: Made
    let parentEnd: Int32
    let childEnd: Int32
    /// The listening socket at which `create`'s child waits for `start`; nil for `run`.
    let gate: Int32?
    /// Descriptors 3 and up that the program is to inherit.
    let preservedDescriptors: Int32
    let makesKeyring: Bool
    /// Whether an init that waits for `start` has its seccomp filter already: if the profile allows the calls of the wait.
    let isFilteredWhileWaiting: Bool
    /// Whether the runtime is not dumpable, and its clones neither.
    let isHidden: Bool
    /// The trace that the hooks of the clone continue.
    let trace: TraceContext
    /// There, if the init's steps are timed.
    let clock: StepClock?

    /// Whether the parent has hooks to run when the namespaces are there.
    var hasRuntimeHooks: Bool { !plan.hooks.prestart.isEmpty || !plan.hooks.createRuntime.isEmpty }

    /// The namespaces in which the init is cloned.
    var cloned: NamespaceSet {
        // The cgroup namespace is created later, inside the cgroup, which becomes its root.
        var entered: [NamespaceKind] = [.cgroup]
        if made.mount != nil { entered.append(.mount) }
        if made.network != nil { entered.append(.network) }
        return entered.reduce(plan.namespaces.created) { $0.subtracting(NamespaceSet($1)) }
    }

    /// Sets the OOM score here, if the process hides from a runtime that may not set it then.
    func setOOMScore() {
        guard !isHidden, let adjustment = plan.process.oomScoreAdjustment else { return }
        // The kernel refuses it to the runtime too, which reports it.
        do throws(Errno) { try writeFile("/proc/self/oom_score_adj", String(adjustment)) } catch {}
    }

    /// Moves the calling process into the container's cgroup.
    func enterCgroup(_ channel: ChildChannel) throws(StepReport) {
        if needsAdoption { try channel.ask(.adoptMe) }
        var failed = 0
        let code = CgroupPlacement.enter(cgroupFiles, failed: &failed)
        if code != 0 { throw StepReport(step: .enterCgroup, index: failed, code: Errno(rawValue: code)) }
    }
}
