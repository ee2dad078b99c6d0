// The program of a container and everything it runs with.

/// The program of a container, or one that joins it (config.md, Process).
package struct Process: Equatable, Sendable {
    /// Whether the program gets a terminal of its own.
    package var terminal: Bool
    /// Size of that terminal.
    package var consoleSize: Box?
    /// Ids that the program runs with; 0 and 0 when absent.
    package var user: User
    /// Program and arguments.
    package var args: [String]
    /// Environment, each element `NAME=value`.
    package var env: [String]
    /// Working directory, an absolute path in the container.
    package var cwd: String
    /// Capability sets; absence leaves the choice to the runtime.
    package var capabilities: LinuxCapabilities?
    /// Resource limits.
    package var rlimits: [POSIXRlimit]
    /// Whether `no_new_privs` is set, so that an exec gains nothing.
    package var noNewPrivileges: Bool
    /// Name of the AppArmor profile; an empty one counts as absent.
    package var apparmorProfile: String?
    /// `oom_score_adj`; absence leaves what is inherited.
    package var oomScoreAdj: Int?
    /// Scheduling policy and its attributes.
    package var scheduler: Scheduler?
    /// SELinux label of the program; an empty one counts as absent.
    package var selinuxLabel: String?
    /// I/O scheduling class and priority.
    package var ioPriority: LinuxIOPriority?
    /// CPU affinity of a program that joins the container.
    package var execCPUAffinity: CPUAffinity?

    package init(
        terminal: Bool = false,
        consoleSize: Box? = nil,
        user: User = User(),
        args: [String] = [],
        env: [String] = [],
        cwd: String,
        capabilities: LinuxCapabilities? = nil,
        rlimits: [POSIXRlimit] = [],
        noNewPrivileges: Bool = false,
        apparmorProfile: String? = nil,
        oomScoreAdj: Int? = nil,
        scheduler: Scheduler? = nil,
        selinuxLabel: String? = nil,
        ioPriority: LinuxIOPriority? = nil,
        execCPUAffinity: CPUAffinity? = nil
    ) {
        self.terminal = terminal
        self.consoleSize = consoleSize
        self.user = user
        self.args = args
        self.env = env
        self.cwd = cwd
        self.capabilities = capabilities
        self.rlimits = rlimits
        self.noNewPrivileges = noNewPrivileges
        self.apparmorProfile = apparmorProfile
        self.oomScoreAdj = oomScoreAdj
        self.scheduler = scheduler
        self.selinuxLabel = selinuxLabel
        self.ioPriority = ioPriority
        self.execCPUAffinity = execCPUAffinity
    }
}

/// The size of a terminal.
package struct Box: Equatable, Sendable {
    /// Rows.
    package var height: UInt
    /// Columns.
    package var width: UInt

    package init(height: UInt, width: UInt) {
        self.height = height
        self.width = width
    }
}

/// The ids of a program.
package struct User: Equatable, Sendable {
    /// User id in the container.
    package var uid: UInt32
    /// Group id in the container.
    package var gid: UInt32
    /// File mode creation mask; absence leaves the choice to the runtime.
    package var umask: UInt32?
    /// Supplementary group ids in the container.
    package var additionalGids: [UInt32]

    package init(uid: UInt32 = 0, gid: UInt32 = 0, umask: UInt32? = nil, additionalGids: [UInt32] = []) {
        self.uid = uid
        self.gid = gid
        self.umask = umask
        self.additionalGids = additionalGids
    }
}

/// The five capability sets, by names such as `CAP_KILL`; an absent set is `nil`.
package struct LinuxCapabilities: Equatable, Sendable {
    /// What can be gained at all.
    package var bounding: [String]?
    /// What the kernel checks.
    package var effective: [String]?
    /// What is kept across an exec of a file that asks for it.
    package var inheritable: [String]?
    /// What may be made effective.
    package var permitted: [String]?
    /// What is kept across an exec of any program.
    package var ambient: [String]?

    package init(
        bounding: [String]? = nil,
        effective: [String]? = nil,
        inheritable: [String]? = nil,
        permitted: [String]? = nil,
        ambient: [String]? = nil
    ) {
        self.bounding = bounding
        self.effective = effective
        self.inheritable = inheritable
        self.permitted = permitted
        self.ambient = ambient
    }
}

/// One resource limit, for setrlimit(2).
package struct POSIXRlimit: Equatable, Sendable {
    /// Name of the resource, such as `RLIMIT_NOFILE`.
    package var type: String
    /// Ceiling of the soft limit.
    package var hard: UInt64
    /// What the kernel enforces.
    package var soft: UInt64

    package init(type: String, hard: UInt64, soft: UInt64) {
        self.type = type
        self.hard = hard
        self.soft = soft
    }
}

/// Attributes for sched_setattr(2).
package struct Scheduler: Equatable, Sendable {
    /// Name of the policy, such as `SCHED_OTHER`.
    package var policy: String
    /// Nice value, for `SCHED_OTHER` and `SCHED_BATCH`.
    package var nice: Int32
    /// Static priority, for `SCHED_FIFO` and `SCHED_RR`.
    package var priority: Int32
    /// Names such as `SCHED_FLAG_RESET_ON_FORK`.
    package var flags: [String]
    /// Nanoseconds of running in a period, for `SCHED_DEADLINE`.
    package var runtime: UInt64
    /// Nanoseconds to the deadline, for `SCHED_DEADLINE`.
    package var deadline: UInt64
    /// Nanoseconds of a period, for `SCHED_DEADLINE`.
    package var period: UInt64

    package init(
        policy: String,
        nice: Int32 = 0,
        priority: Int32 = 0,
        flags: [String] = [],
        runtime: UInt64 = 0,
        deadline: UInt64 = 0,
        period: UInt64 = 0
    ) {
        self.policy = policy
        self.nice = nice
        self.priority = priority
        self.flags = flags
        self.runtime = runtime
        self.deadline = deadline
        self.period = period
    }
}

/// An I/O priority, for ioprio_set(2).
package struct LinuxIOPriority: Equatable, Sendable {
    /// Name of the class, such as `IOPRIO_CLASS_BE`.
    package var `class`: String
    /// Priority within the class, 0 being the highest.
    package var priority: Int

    package init(class: String, priority: Int) {
        self.class = `class`
        self.priority = priority
    }
}

/// CPUs of a program that joins the container, as lists such as `0-3,7`.
package struct CPUAffinity: Equatable, Sendable {
    /// CPUs before it enters the container's cgroup.
    package var initial: String?
    /// CPUs after it has entered the container's cgroup.
    package var final: String?

    package init(initial: String? = nil, final: String? = nil) {
        self.initial = initial
        self.final = final
    }
}
