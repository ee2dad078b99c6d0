// The seccomp filter of a container.

/// A seccomp filter (config-linux.md, Seccomp).
public struct LinuxSeccomp: Equatable, Sendable {
    /// The action for calls that no rule matches, such as `SCMP_ACT_ERRNO`.
    public var defaultAction: String
    /// Error number of the default action.
    public var defaultErrnoRet: UInt32?
    /// Architectures besides the native one, such as `SCMP_ARCH_X86`.
    public var architectures: [String]
    /// Flags of seccomp(2); if absent, the runtime decides; an empty list means none.
    public var flags: [String]?
    /// Socket that receives the notify descriptor; an empty path counts as absent.
    public var listenerPath: String?
    /// Text that is sent with the descriptor; empty text counts as absent.
    public var listenerMetadata: String?
    /// The rules.
    public var syscalls: [LinuxSyscall]

    /// What is left out is absent, as in the document.
    public init(
        defaultAction: String,
        defaultErrnoRet: UInt32? = nil,
        architectures: [String] = [],
        flags: [String]? = nil,
        listenerPath: String? = nil,
        listenerMetadata: String? = nil,
        syscalls: [LinuxSyscall] = []
    ) {
        self.defaultAction = defaultAction
        self.defaultErrnoRet = defaultErrnoRet
        self.architectures = architectures
        self.flags = flags
        self.listenerPath = listenerPath
        self.listenerMetadata = listenerMetadata
        self.syscalls = syscalls
    }
}

/// One rule for one or more system calls.
public struct LinuxSyscall: Equatable, Sendable {
    /// The system calls.
    public var names: [String]
    /// The action for calls that match, such as `SCMP_ACT_ALLOW`.
    public var action: String
    /// Error number of the action.
    public var errnoRet: UInt32?
    /// Conditions on the arguments.
    public var args: [LinuxSeccompArg]

    /// What is left out is absent, as in the document.
    public init(names: [String], action: String, errnoRet: UInt32? = nil, args: [LinuxSeccompArg] = []) {
        self.names = names
        self.action = action
        self.errnoRet = errnoRet
        self.args = args
    }
}

/// A condition on one argument of a system call.
public struct LinuxSeccompArg: Equatable, Sendable {
    /// The number of the argument, from 0.
    public var index: UInt32
    /// The value to compare with, or the mask of `SCMP_CMP_MASKED_EQ`.
    public var value: UInt64
    /// The value to compare the masked argument with, for `SCMP_CMP_MASKED_EQ`.
    public var valueTwo: UInt64
    /// The comparison, such as `SCMP_CMP_EQ`.
    public var op: String

    /// What is left out is absent, as in the document.
    public init(index: UInt32, value: UInt64, valueTwo: UInt64 = 0, op: String) {
        self.index = index
        self.value = value
        self.valueTwo = valueTwo
        self.op = op
    }
}
