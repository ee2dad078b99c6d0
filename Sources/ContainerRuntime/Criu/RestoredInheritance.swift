// The attributes that restored processes inherit from the process that becomes CRIU, because CRIU does not restore
// them.

internal import CLinux
internal import Glibc
internal import Kernel
internal import Planning

/// Makes the calling process, from which CRIU's descend, what the container's first process was.
/// - Parameter known: what lies beside the images; nil for those of another runtime.
func takeOnInheritance(_ plan: ContainerPlan, _ known: ImageRecord?, makesKeyring: Bool) throws(Failure) {
    // CRIU restores it from 3.19 on. Root has every capability already, so CRIU itself loses nothing by it.
    if (known?.noNewPrivileges).map({ $0 == .onAll }) ?? plan.process.noNewPrivileges {
        try during("set no_new_privs") { () throws(Errno) in try processControl(.setNoNewPrivileges, 1) }
    }
    if makesKeyring {
        try during("process.selinuxLabel: label a keyring") { () throws(Errno) in try setKeyringLabel(plan.process) }
        try during("make a session keyring") { () throws(Errno) in try makeSessionKeyring(ofContainer: plan.id) }
    }
    // The CPUs and the I/O priority of the caller are not the container's.
    allowAllProcessors()
    let ofThisProcess: Int32 = 1  // IOPRIO_WHO_PROCESS
    _ = clinux_ioprio_set(ofThisProcess, 0, 0)
    let scheduling = plan.process.scheduling
    if let personality = scheduling.personality {
        try during("linux.personality: set") { () throws(Errno) in
            try checked { clinux_personality(UInt(personality)) }
        }
    }
    if let policy = scheduling.memoryPolicy {
        let words = policy.nodes.map { UInt($0) }
        try during("linux.memoryPolicy: set") { () throws(Errno) in
            try checked { clinux_set_mempolicy(policy.mode, words, UInt(words.count * 64 + 1)) }
        }
    }
}
