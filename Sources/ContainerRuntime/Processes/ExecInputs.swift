// The values that the runtime passes to the process that it clones for exec.

internal import Kernel
internal import Planning

/// Everything the exec process and its intermediate need.
struct ExecInputs {
    let id: String
    let process: ProcessPlan
    let image: ExecImage
    let filter: SeccompFilter?
    let cgroupFiles: [Int32]
    let target: NamespacesOfInit
    /// The init's root, for a container that has no mount namespace to bring it along.
    let root: Int32?
    let namespaces: NamespaceSet
    let parentEnd: Int32
    let childEnd: Int32
    let preservedDescriptors: Int32

    /// Whether the process has to be cloned by an intermediate that is in the container already.
    ///
    /// The container's pid namespace shows it from its first instruction on: a process with CAP_SYS_PTRACE there can reach
    /// its root and its descriptors, and those must be the container's by then (CVE-2016-9962). And an ordinary user may join a pid
    /// namespace only together with the user namespace that it belongs to, which cannot be left again.
    let needsIntermediate: Bool
    /// Whether the runtime is not dumpable, and its clones neither.
    let isHidden: Bool
    /// Whether only systemd may move the process into the container's cgroup; the process asks for that.
    var needsAdoption = false

    /// Whether the intermediate may run with CLONE_VM and CLONE_VFORK, while the runtime is suspended. Not if it must ask
    /// for something; not with a time namespace, which the kernel refuses to a process that shares memory; and not for an
    /// unprivileged user, because a process that makes itself undumpable would lock that user's runtime out of /proc too.
    var sharesMemory: Bool { needsIntermediate && !needsAdoption && !namespaces.contains(.time) && isHidden }

    /// Sets the OOM score here, if the process hides from a runtime that may not set it then.
    func setOOMScore() {
        guard let adjustment = process.oomScoreAdjustment else { return }
        // The kernel refuses it to the runtime too, which reports it.
        do throws(Errno) { try writeFile("/proc/self/oom_score_adj", String(adjustment)) } catch {}
    }

    /// Whether the intermediate drops its rights before it clones: a process that is seen in the container then never has
    /// more rights than its program, and to trace it gains nothing. The kernel hides no process from CAP_SYS_PTRACE, and
    /// the config of the container does not tell who has it there: `exec --cap` gives it, and so does the config of another
    /// container that joins the pid namespace.
    ///
    /// The exec process itself must do what is not inherited in every case: terminals, labels, realtime policies, listeners.
    /// An unprivileged user's rights are the container's own.
    var dropsRightsFirst: Bool {
        needsIntermediate && isHidden && !namespaces.contains(.user) && !process.hasTerminal
            && process.apparmorProfile == nil && process.selinuxLabel == nil && process.scheduling.attributes == nil
            && filter?.flags.contains(.newListener) != true
    }

    /// Files that show whether the intermediate is frozen while it shares the runtime's memory; nil if a pause is to be
    /// ignored.
    var freezers: [String]?

    /// Memory of the runtime into which the intermediate writes the pid of the exec process.
    var pidSlot: UnsafeMutablePointer<Int32>?

    /// Whether the runtime answers `ready` in advance, as soon as the process exists: none of its earlier messages needs an
    /// answer.
    var isAnsweredEarly: Bool {
        pidSlot != nil && !process.hasTerminal && filter?.flags.contains(.newListener) != true
    }
}
