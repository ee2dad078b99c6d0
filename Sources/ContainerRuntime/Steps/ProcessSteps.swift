// The last part of the child's line, shared by create and exec: become the user the config names, then the program.

internal import CLinux
internal import Glibc
internal import Kernel
internal import Planning

/// Turns the child into the process that a plan describes.
struct ProcessSteps {
    let plan: ProcessPlan
    let image: ExecImage
    let filter: SeccompFilter?
    let channel: ChildChannel
    /// Outside a user namespace the child has the rights to set its own limits, as long as it is root.
    let ownsLimits: Bool

    /// A filter without no_new_privs is installed with CAP_SYS_ADMIN, which is kept until the program is executed: what it
    /// then may is made anew of the bounding, inheritable and ambient sets. capabilities(7), seccomp(2).
    ///
    /// With no_new_privs, which a caller may have set too, it could keep what it has; but then needs nothing for a filter.
    private func keepsAdministration() -> Bool {
        guard let filter, !plan.noNewPrivileges, !filter.flags.contains(.newListener) else { return false }
        do throws(Errno) { return try processControl(.hasNoNewPrivileges) == 0 } catch { return false }
    }

    /// The capabilities of the config that the runtime has itself: it cannot pass on others.
    private func finalSets() throws(Errno) -> CapabilitySets {
        let sets = try capabilitySets()
        let own = sets.permitted
        return CapabilitySets(
            effective: plan.capabilities.effective.intersection(own),
            permitted: plan.capabilities.permitted.intersection(own),
            // The inheritable set may contain capabilities that are no longer permitted. capabilities(7).
            inheritable: plan.capabilities.inheritable.intersection(plan.capabilities.bounding).intersection(
                own.union(sets.inheritable)))
    }

    /// Personality, scheduling, labels: what the user may have no right to any more.
    func prepare() throws(StepReport) {
        try applyScheduling()
        if plan.noNewPrivileges {
            try call(.noNewPrivileges) { () throws(Errno) in try processControl(.setNoNewPrivileges, 1) }
        }
    }

    private func applyScheduling() throws(StepReport) {
        let scheduling = plan.scheduling
        if let attributes = scheduling.attributes {
            // struct sched_attr: size, policy, flags, nice, priority, runtime, deadline, period. sched_setattr(2).
            var words: (UInt32, UInt32, UInt64, Int32, UInt32, UInt64, UInt64, UInt64) = (
                48, attributes.policy, attributes.flags, attributes.nice, attributes.priority, attributes.runtime,
                attributes.deadline, attributes.period
            )
            try call(.scheduling, 0) { () throws(Errno) in try checked { clinux_sched_setattr(0, &words, 0) } }
        }
        if let priority = scheduling.ioPriority {
            let processGroup: Int32 = 2  // IOPRIO_WHO_PGRP
            try call(.scheduling, 1) { () throws(Errno) in try checked { clinux_ioprio_set(processGroup, 0, priority) }
            }
        }
        if let personality = scheduling.personality {
            try call(.scheduling, 2) { () throws(Errno) in try checked { clinux_personality(UInt(personality)) } }
        }
        if let policy = scheduling.memoryPolicy {
            let words = policy.nodes.map { UInt($0) }
            try call(.scheduling, 3) { () throws(Errno) in
                try checked { clinux_set_mempolicy(policy.mode, words, UInt(words.count * 64 + 1)) }
            }
        }
    }

    /// Takes on the identity; afterwards only `execute` is left.
    func becomeUser() throws(StepReport) {
        try takeIdentity()
        try enterDirectory()
    }

    /// The whole identity except the directory, which may be in a procfs that does not show the intermediate.
    func takeIdentity() throws(StepReport) {
        try call(.boundingSet) { () throws(Errno) in try limitBoundingSet(to: plan.capabilities.bounding) }
        if ownsLimits { try raiseLimits() }
        try changeDirectoryEarly()
        try reownStandardStreams()
        // Root stays root. A caller may have locked the flag, which is then missed only where it is needed.
        if plan.uid != 0 { try call(.capabilities) { () throws(Errno) in try processControl(.setKeepCapabilities, 1) } }
        try call(.groups) { () throws(Errno) in try applyGroups() }
        try call(.group) { () throws(Errno) in try setGroup(plan.gid) }
        try call(.user) { () throws(Errno) in try setUser(plan.uid) }
        try call(.capabilities) { () throws(Errno) in
            try takeCapabilities()
            // Changing ids has cleared it: the child must not outlive a runtime that is killed before it is done.
            try processControl(.setParentDeathSignal, UInt(SIGKILL))
            try hideAgain()
        }
        umask(plan.umask)
    }

    private func takeCapabilities() throws(Errno) {
        var sets = try finalSets()
        let ambient = plan.capabilities.ambient.intersection(sets.inheritable).intersection(sets.permitted)
        // Only inheritable capabilities of a caller's ambient set are left.
        let hasAmbient = !sets.inheritable.isEmpty
        if keepsAdministration() {
            sets.permitted.insert(.systemAdministration)
            sets.effective.insert(.systemAdministration)
        }
        try setCapabilities(sets)
        if hasAmbient { try setAmbient(ambient) }
    }

    private func applyGroups() throws(Errno) {
        do throws(Errno) {
            try setGroups(plan.additionalGroups)
        } catch {
            // In a user namespace whose setgroups is denied the groups cannot change; only asking for some is an error.
            guard error == .notPermitted, plan.additionalGroups.isEmpty else { throw error }
        }
    }

    // Lowered only at the end: the child itself must not run short of descriptors or memory before it is the program.
    private func raiseLimits() throws(StepReport) {
        for (index, limit) in plan.limits.enumerated() {
            try call(.limit, index) { () throws(Errno) in
                let own = try currentLimit(limit.resource)
                if limit.hard > own.hard {
                    try setLimit(limit.resource, of: 0, soft: max(limit.soft, own.soft), hard: limit.hard)
                }
            }
        }
    }

    private func applyLimits() throws(StepReport) {
        guard ownsLimits else {
            // The runtime has set it, if the config has one.
            if plan.limits.contains(where: { $0.resource == .RLIMIT_NOFILE }) { keepDescriptorLimit() }
            return restoreDescriptorLimit()
        }
        restoreDescriptorLimit()
        for (index, limit) in plan.limits.enumerated() {
            try call(.limit, index) { () throws(Errno) in
                try setLimit(limit.resource, of: 0, soft: limit.soft, hard: limit.hard)
            }
        }
    }

    /// The errors of changing the directory as root after which the user tries.
    static let errorsOfRoot: [Errno] = [.permissionDenied, .notPermitted, .noSuchFileOrDirectory]

    // First as root, who may enter what the user may not; what only the user may enter comes later.
    private func changeDirectoryEarly() throws(StepReport) {
        do throws(Errno) {
            try checked { clinux_chdir(plan.workingDirectory) }
        } catch {
            guard Self.errorsOfRoot.contains(error) else { throw StepReport(step: .changeDirectory, code: error) }
        }
    }

    func enterDirectory() throws(StepReport) {
        do throws(Errno) {
            try checked { clinux_chdir(plan.workingDirectory) }
        } catch {
            // If only root may enter it, the process has entered it before, as root.
            guard error == .permissionDenied || error == .notPermitted, isInside() else {
                throw StepReport(step: .changeDirectory, code: error)
            }
        }
        guard isInside() else {
            // A caller's filter may refuse to say where the process is.
            let isRefused = errno == ENOSYS || errno == EPERM
            throw isRefused
                ? StepReport(step: .changeDirectory, code: Errno(rawValue: errno))
                : StepReport(step: .escapedDirectory, code: .permissionDenied)
        }
    }

    // CVE-2024-21626: the kernel prefixes a directory outside the root with "(unreachable)".
    private func isInside() -> Bool {
        errno = 0
        return withUnsafeTemporaryAllocation(byteCount: 4097, alignment: 1) { buffer in
            let length = clinux_getcwd(buffer.assumingMemoryBound(to: CChar.self).baseAddress, buffer.count)
            return length > 0 && buffer[0] == UInt8(ascii: "/")
        }
    }

    // The user can then open /dev/stdout and the like. Only the owner changes, and of devices only that of a terminal:
    // disks and the memory devices are the host's, and /dev/null and /dev/tty are open to everybody.
    private func reownStandardStreams() throws(StepReport) {
        for number in Int32(0)...2 {
            do throws(Errno) {
                let status = try fileStatus(number)
                if status.uid == plan.uid || status.isCharacterDevice(1, 3) { continue }
                if status.isDevice, status.isOpenToAll || !isTerminal(number) { continue }
                try checked { fchown(number, plan.uid, ~0) }
            } catch {
                let tolerated: [Errno] = [.notPermitted, .readOnlyFileSystem, .badFileDescriptor, .invalidArgument]
                guard tolerated.contains(error) else { throw StepReport(step: .standardStreams, code: error) }
            }
        }
    }

    /// Sets `HOME` from the container's /etc/passwd where the config leaves it open.
    func completeEnvironment() throws(StepReport) {
        guard plan.needsHome else { return }
        var home = "/"
        do throws(Errno) {
            home = homeDirectory(of: plan.uid, passwd: try readUsers()) ?? "/"
        } catch {
            // An image without /etc/passwd has no home directories. Another file may be held by a lease, or be none that can
            // be read.
            if error != .noSuchFileOrDirectory, error != .notDirectory {
                try channel.send(.homeUnknown, bytes: messageBytes(error.rawValue))
            }
        }
        image.append("HOME=" + home)
    }

    // A file of the image: it may be a FIFO without a writer, or an endless device.
    private func readUsers() throws(Errno) -> [UInt8] {
        let file = try openRegular("/etc/passwd")
        return try readAll(file.rawValue, limit: 1 << 20)
    }

    /// The path of the program, as the user may execute it.
    func findProgram() throws(StepReport) -> String {
        var denied: Errno?
        for candidate in plan.candidates {
            do throws(Errno) {
                let status = try fileStatus(at: candidate)
                if status.isDirectory { throw .isDirectory }
                try checkMayExecute(candidate)
                return candidate
            } catch {
                if plan.candidates.count == 1 { throw StepReport(step: .lookup, code: error) }
                // A caller's filter may refuse to let us look.
                let refusals: [Errno] = [.permissionDenied, .notPermitted, .noFunction]
                if refusals.contains(error) { denied = error }
            }
        }
        throw StepReport(step: .lookup, code: denied ?? .noSuchFileOrDirectory)
    }

    private func checkMayExecute(_ program: String) throws(Errno) {
        let asEffectiveUser: Int32 = 0x200  // AT_EACCESS
        do throws(Errno) {
            try checked { clinux_faccessat2(OwnedDescriptor.currentDirectory, program, X_OK, asEffectiveUser) }
        } catch {
            // A caller's filter may refuse the question; then execve(2) answers it.
            guard error == .noFunction || error == .notPermitted else { throw error }
        }
    }

    /// Installs the filter: early for one whose notifications go to an agent, who must be there before the program is.
    func installFilterWithListener() throws(StepReport) {
        guard let filter, filter.flags.contains(.newListener) else { return }
        let listener = try call(.seccomp) { () throws(Errno) in try installFilter(filter) }
        try channel.ask(.listener, descriptor: listener)
        close(listener)
    }

    /// The calls of an init between its filter and its program, if it has the filter while it waits for `start`.
    static let callsOfWaiting: Set<String> = [
        "accept4", "brk", "capget", "capset", "close", "execve", "exit_group", "futex", "madvise", "mmap", "mremap",
        "munmap", "prctl", "prlimit64", "read", "rt_sigaction", "rt_sigreturn", "sendmsg",
    ]

    /// Installs the filter of an init that is to wait, which others may trace meanwhile, such as a pod's process with
    /// CAP_SYS_PTRACE: it has no more rights than its program then.
    func installFilterToWait() throws(StepReport) {
        guard let filter else { return }
        let hasMore = keepsAdministration()
        try call(.seccomp) { () throws(Errno) in _ = try installFilter(filter) }
        if hasMore { try call(.capabilities) { () throws(Errno) in try setCapabilities(try finalSets()) } }
    }

    /// Installs the filter, if that is still to do, and executes the program.
    ///
    /// The filter may refuse any call, or end the process for it. So only execve(2) is called under it, which every
    /// program needs, except for hooks. Few profiles expect execveat(2).
    func execute(
        _ program: String, isFiltered: Bool = false, beforeProgram: () throws(StepReport) -> Void
    ) throws(StepReport) -> Never {
        try applyLimits()
        if let filter, !isFiltered, !filter.flags.contains(.newListener) {
            try call(.seccomp) { () throws(Errno) in _ = try installFilter(filter) }
        }
        try beforeProgram()
        // Hooks may have needed more.
        restoreDescriptorLimit()
        let result = clinux_execve(program, image.arguments, image.environment)
        // A filter can answer for a call that it does not let happen, and with success too.
        throw StepReport(step: .execute, code: Errno(rawValue: result == 0 ? 0 : errno), text: program)
    }
}

// MARK: - What the first process of a container and those that join it have in common

/// Takes the ids 0 of the user namespace the process is in.
func becomeRootOfUserNamespace() throws(StepReport) {
    try call(.mapIDs) { () throws(Errno) in
        // Unmapped ids cannot be taken; the process then keeps what it is until it becomes its final user.
        do throws(Errno) {
            try setGroup(0)
            try setUser(0)
        } catch {
            guard error == .invalidArgument else { throw error }
        }
        try hideAgain()
    }
}

/// Whether the kernel has no keyrings, or the host refuses them: then the caller's keyring cannot be found either.
func refusesKeyrings(_ code: Errno) -> Bool {
    [.noFunction, .permissionDenied, .notPermitted, Errno(rawValue: EDQUOT)].contains(code)
}

/// Gives the calling process, the first of a container, a session keyring: a key of the caller's session must not be found
/// by the container. keyrings(7).
func makeSessionKeyring(ofContainer id: String) throws(Errno) {
    let setPermissions: Int32 = 5  // KEYCTL_SETPERM
    do throws(Errno) {
        let serial = try joinSessionKeyring(ofContainer: id)
        // Possessor: everything; owner: view and search, so that the container's root can inspect it.
        try checked { clinux_keyctl(setPermissions, UInt(serial), 0x3f1b_0000, 0, 0) }
    } catch {
        guard refusesKeyrings(error) else { throw error }
    }
}

/// Joins the session keyring of a container, which is made if it does not exist, and returns its serial number. keyctl(2).
func joinSessionKeyring(ofContainer id: String) throws(Errno) -> Int {
    let joinSession: Int32 = 1  // KEYCTL_JOIN_SESSION_KEYRING
    let name = "_ses." + id
    return try checked { name.withCString { clinux_keyctl(joinSession, UInt(bitPattern: $0), 0, 0, 0) } }
}
