// What the runtime hands to the process that it clones for exec.

internal import Kernel
internal import Planning
internal import SystemPackage

/// Everything the joining child needs.
struct JoinLaunch {
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

    /// Whether the process has to be cloned by one that is in the container already.
    ///
    /// In the container's pid namespace it is seen from its birth: whoever has CAP_SYS_PTRACE there gets at its root and
    /// its descriptors, and those must be the container's by then (CVE-2016-9962). And an ordinary user may join a pid
    /// namespace only together with the user namespace that it belongs to, which cannot be left again.
    let needsIntermediate: Bool
    /// Whether the runtime has hidden itself, and with that what it clones.
    let isHidden: Bool
    /// Whether the kernel lets only systemd put the process into the container's cgroup; it asks for that then.
    var needsAdoption = false

    /// Whether the process between can do its work in the runtime's memory, which stands still meanwhile: it asks for
    /// nothing, and joins no time namespace, which the kernel grants only to who shares its memory with nobody. What it
    /// makes unreadable for the container is then unreadable for an ordinary user too, who has to read it.
    var livesInMemory: Bool { needsIntermediate && !needsAdoption && !namespaces.contains(.time) && isHidden }

    /// Sets the score of a process that hides itself, and must not be seen by the runtime then.
    func scoreForMemory() {
        guard let adjustment = process.oomScoreAdjustment else { return }
        // What is refused here is refused to the runtime too, which tells of it.
        do throws(Errno) { try writeFile("/proc/self/oom_score_adj", String(adjustment)) } catch {}
    }

    /// Whether the intermediate drops its rights before it clones: a process that is seen in the container then never has
    /// more rights than its program, and to trace it gains nothing. The kernel hides no process from CAP_SYS_PTRACE, and
    /// the config of the container does not tell who has it there: `exec --cap` gives it, and so does the config of another
    /// container that joins the pid namespace.
    ///
    /// What is of one process only, or not inherited in every case, has to be done by the one that joins: terminals, labels,
    /// realtime policies, listeners. An ordinary user's rights are the container's own.
    var dropsRightsFirst: Bool {
        needsIntermediate && isHidden && !namespaces.contains(.user) && !process.hasTerminal
            && process.apparmorProfile == nil && process.selinuxLabel == nil && process.scheduling.attributes == nil
            && filter?.flags.contains(.newListener) != true
    }

    /// The files that tell whether the intermediate is frozen while it shares the runtime's memory; nil if a pause is to be
    /// ignored.
    var freezers: [String]?

    /// In the runtime's memory: where the process between writes down whom it has borne.
    var birth: UnsafeMutablePointer<Int32>?

    /// Whether the runtime does its part as soon as the process is born, which then finds its answer waiting when it is
    /// ready: nothing that it says before takes an answer.
    var isAnsweredAtBirth: Bool {
        birth != nil && !process.hasTerminal && filter?.flags.contains(.newListener) != true
    }
}
