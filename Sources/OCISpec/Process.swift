// The program of a container and its attributes.

/// The program of a container, or of an exec process (config.md, Process).
package struct Process: Equatable, Sendable {
    /// Whether the program gets a terminal of its own.
    package var terminal: Bool
    /// Size of that terminal.
    package var consoleSize: Box?
    /// The ids of the program; 0 and 0 if absent.
    package var user: User
    /// Program and arguments.
    package var args: [String]
    /// Environment, each element `NAME=value`.
    package var env: [String]
    /// Working directory, an absolute path in the container.
    package var cwd: String
    /// Capability sets; if absent, the runtime decides.
    package var capabilities: LinuxCapabilities?
    /// Resource limits.
    package var rlimits: [POSIXRlimit]
    /// Whether `no_new_privs` is set, so that executing a file grants no privileges.
    package var noNewPrivileges: Bool
    /// Name of the AppArmor profile; an empty one counts as absent.
    package var apparmorProfile: String?
    /// `oom_score_adj`; if absent, the inherited value stays.
    package var oomScoreAdj: Int?
    /// Scheduling policy and its attributes.
    package var scheduler: Scheduler?
    /// SELinux label of the program; an empty one counts as absent.
    package var selinuxLabel: String?
    /// I/O scheduling class and priority.
    package var ioPriority: LinuxIOPriority?
    /// CPU affinity of an exec process.
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
    /// File mode creation mask; if absent, the runtime decides.
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
    /// The upper bound of all capabilities.
    package var bounding: [String]?
    /// The capabilities that the kernel checks.
    package var effective: [String]?
    /// The capabilities that stay across an exec of a file that has them in its inheritable set.
    package var inheritable: [String]?
    /// The capabilities that may be made effective.
    package var permitted: [String]?
    /// The capabilities that stay across an exec of any program.
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
    /// Maximum of the soft limit.
    package var hard: UInt64
    /// The limit that the kernel enforces.
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
    /// Run time in a period, in nanoseconds, for `SCHED_DEADLINE`.
    package var runtime: UInt64
    /// Time until the deadline, in nanoseconds, for `SCHED_DEADLINE`.
    package var deadline: UInt64
    /// Length of a period, in nanoseconds, for `SCHED_DEADLINE`.
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
    /// Priority within the class; 0 is the highest.
    package var priority: Int

    package init(class: String, priority: Int) {
        self.class = `class`
        self.priority = priority
    }
}

/// CPUs of an exec process, as lists such as `0-3,7`.
package struct CPUAffinity: Equatable, Sendable {
    /// CPUs before the process enters the container's cgroup.
    package var initial: String?
    /// CPUs after the process has entered the container's cgroup.
    package var final: String?

    package init(initial: String? = nil, final: String? = nil) {
        self.initial = initial
        self.final = final
    }
}
