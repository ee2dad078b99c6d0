// The program of a container and its attributes.

/// The program of a container, or of an exec process (config.md, Process).
public struct Process: Equatable, Sendable {
    /// Whether the program gets a terminal of its own.
    public var terminal: Bool
    /// Size of that terminal.
    public var consoleSize: Box?
    /// The ids of the program; 0 and 0 if absent.
    public var user: User
    /// Program and arguments.
    public var args: [String]
    /// Environment, each element `NAME=value`.
    public var env: [String]
    /// Working directory, an absolute path in the container.
    public var cwd: String
    /// Capability sets; if absent, the runtime decides.
    public var capabilities: LinuxCapabilities?
    /// Resource limits.
    public var rlimits: [POSIXRlimit]
    /// Whether `no_new_privs` is set, so that executing a file grants no privileges.
    public var noNewPrivileges: Bool
    /// Name of the AppArmor profile; an empty one counts as absent.
    public var apparmorProfile: String?
    /// `oom_score_adj`; if absent, the inherited value stays.
    public var oomScoreAdj: Int?
    /// Scheduling policy and its attributes.
    public var scheduler: Scheduler?
    /// SELinux label of the program; an empty one counts as absent.
    public var selinuxLabel: String?
    /// I/O scheduling class and priority.
    public var ioPriority: LinuxIOPriority?
    /// CPU affinity of an exec process.
    public var execCPUAffinity: CPUAffinity?

    /// What is left out is absent, as in the document.
    public init(
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
public struct Box: Equatable, Sendable {
    /// Rows.
    public var height: UInt
    /// Columns.
    public var width: UInt

    /// All of it is required.
    public init(height: UInt, width: UInt) {
        self.height = height
        self.width = width
    }
}

/// The ids of a program.
public struct User: Equatable, Sendable {
    /// User id in the container.
    public var uid: UInt32
    /// Group id in the container.
    public var gid: UInt32
    /// File mode creation mask; if absent, the runtime decides.
    public var umask: UInt32?
    /// Supplementary group ids in the container.
    public var additionalGids: [UInt32]

    /// What is left out is absent, as in the document.
    public init(uid: UInt32 = 0, gid: UInt32 = 0, umask: UInt32? = nil, additionalGids: [UInt32] = []) {
        self.uid = uid
        self.gid = gid
        self.umask = umask
        self.additionalGids = additionalGids
    }
}

/// The five capability sets, by names such as `CAP_KILL`; an absent set is `nil`.
public struct LinuxCapabilities: Equatable, Sendable {
    /// The upper bound of all capabilities.
    public var bounding: [String]?
    /// The capabilities that the kernel checks.
    public var effective: [String]?
    /// The capabilities that stay across an exec of a file that has them in its inheritable set.
    public var inheritable: [String]?
    /// The capabilities that may be made effective.
    public var permitted: [String]?
    /// The capabilities that stay across an exec of any program.
    public var ambient: [String]?

    /// What is left out is absent, as in the document.
    public init(
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
public struct POSIXRlimit: Equatable, Sendable {
    /// Name of the resource, such as `RLIMIT_NOFILE`.
    public var type: String
    /// Maximum of the soft limit.
    public var hard: UInt64
    /// The limit that the kernel enforces.
    public var soft: UInt64

    /// All of it is required.
    public init(type: String, hard: UInt64, soft: UInt64) {
        self.type = type
        self.hard = hard
        self.soft = soft
    }
}

/// Attributes for sched_setattr(2).
public struct Scheduler: Equatable, Sendable {
    /// Name of the policy, such as `SCHED_OTHER`.
    public var policy: String
    /// Nice value, for `SCHED_OTHER` and `SCHED_BATCH`.
    public var nice: Int32
    /// Static priority, for `SCHED_FIFO` and `SCHED_RR`.
    public var priority: Int32
    /// Names such as `SCHED_FLAG_RESET_ON_FORK`.
    public var flags: [String]
    /// Run time in a period, in nanoseconds, for `SCHED_DEADLINE`.
    public var runtime: UInt64
    /// Time until the deadline, in nanoseconds, for `SCHED_DEADLINE`.
    public var deadline: UInt64
    /// Length of a period, in nanoseconds, for `SCHED_DEADLINE`.
    public var period: UInt64

    /// What is left out is absent, as in the document.
    public init(
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
public struct LinuxIOPriority: Equatable, Sendable {
    /// Name of the class, such as `IOPRIO_CLASS_BE`.
    public var `class`: String
    /// Priority within the class; 0 is the highest.
    public var priority: Int

    /// All of it is required.
    public init(class: String, priority: Int) {
        self.class = `class`
        self.priority = priority
    }
}

/// CPUs of an exec process, as lists such as `0-3,7`.
public struct CPUAffinity: Equatable, Sendable {
    /// CPUs before the process enters the container's cgroup.
    public var initial: String?
    /// CPUs after the process has entered the container's cgroup.
    public var final: String?

    /// What is left out is absent, as in the document.
    public init(initial: String? = nil, final: String? = nil) {
        self.initial = initial
        self.final = final
    }
}
