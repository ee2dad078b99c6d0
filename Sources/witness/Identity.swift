// The identity of the process: ids, capabilities, labels, limits.

internal import CLinux
internal import Glibc

let capabilityNames = [
    "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
    "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
    "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
    "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
    "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
    "CHECKPOINT_RESTORE",
]

func observeUser() -> JSON {
    var list = [gid_t](repeating: 0, count: 65536)
    let count = getgroups(Int32(list.count), &list)
    let mask = umask(0)
    umask(mask)
    return .object([
        ("uid", .int(getuid())), ("euid", .int(geteuid())), ("gid", .int(getgid())), ("egid", .int(getegid())),
        ("groups", .array(list.prefix(Int(max(0, count))).map { .int($0) })), ("umask", .string(.octal(mask))),
    ])
}

func observeCapabilities() -> JSON {
    var effective: UInt64 = 0
    var permitted: UInt64 = 0
    var inheritable: UInt64 = 0
    _ = clinux_capget(&effective, &permitted, &inheritable)
    var bounding: UInt64 = 0
    var ambient: UInt64 = 0
    for index in capabilityNames.indices {
        if clinux_prctl(23, UInt(index), 0, 0, 0) == 1 { bounding |= 1 << index }  // PR_CAPBSET_READ
        if clinux_prctl(47, 1, UInt(index), 0, 0) == 1 { ambient |= 1 << index }  // PR_CAP_AMBIENT_IS_SET
    }
    func names(_ set: UInt64) -> JSON {
        .strings(capabilityNames.indices.filter { set & 1 << $0 != 0 }.map { "CAP_" + capabilityNames[$0] })
    }
    return .object([
        ("bounding", names(bounding)), ("effective", names(effective)), ("permitted", names(permitted)),
        ("inheritable", names(inheritable)), ("ambient", names(ambient)),
    ])
}

func observeLimits() -> JSON {
    let names = [
        "CPU", "FSIZE", "DATA", "STACK", "CORE", "RSS", "NPROC", "NOFILE", "MEMLOCK", "AS", "LOCKS", "SIGPENDING",
        "MSGQUEUE", "NICE", "RTPRIO", "RTTIME",
    ]
    func number(_ value: UInt64) -> JSON { value == .max ? .string("unlimited") : .unsigned(value) }
    return .object(
        names.enumerated().map { index, name in
            var soft: UInt64 = 0
            var hard: UInt64 = 0
            _ = clinux_getrlimit(0, Int32(index), &soft, &hard)
            return ("RLIMIT_" + name, .object([("soft", number(soft)), ("hard", number(hard))]))
        })
}

func observeNamespaces() -> JSON {
    let names = ["cgroup", "ipc", "mnt", "net", "pid", "pid_for_children", "time", "time_for_children", "user", "uts"]
    return .object(names.compactMap { name in readLink("/proc/self/ns/\(name)").map { (name, .string($0)) } })
}

/// The facts that only `/proc/self/status` contains, or prctl(2) if `/proc` is not mounted.
func observeSecurity() -> [(String, JSON)] {
    var status: [Substring: String] = [:]
    for line in (readText("/proc/self/status") ?? "").lines {
        guard let colon = line.firstIndex(of: ":") else { continue }
        status[line[..<colon]] = String(line[line.index(after: colon)...]).trimmed
    }
    let modes = ["disabled", "strict", "filter"]
    let mode = status["Seccomp"].flatMap { Int($0) } ?? Int(clinux_prctl(21, 0, 0, 0, 0))  // PR_GET_SECCOMP
    return [
        ("noNewPrivileges", .bool(clinux_prctl(39, 0, 0, 0, 0) == 1)),  // PR_GET_NO_NEW_PRIVS
        ("dumpable", .int(clinux_prctl(3, 0, 0, 0, 0))),  // PR_GET_DUMPABLE
        ("parentDeathSignal", .int(parentDeathSignal())),
        ("subreaper", .bool(subreaper() == 1)),
        ("securebits", .int(clinux_prctl(27, 0, 0, 0, 0))),  // PR_GET_SECUREBITS
        ("timerSlack", .int(clinux_prctl(30, 0, 0, 0, 0))),  // PR_GET_TIMERSLACK
        (
            "seccomp",
            .object([
                ("mode", .string(modes.indices.contains(mode) ? modes[mode] : "unknown")),
                ("filters", status["Seccomp_filters"].flatMap { Int64($0) }.map(JSON.integer) ?? .null),
            ])
        ),
        (
            "signals",
            .object(
                ["SigBlk", "SigIgn", "SigPnd", "ShdPnd"].map { ($0, status[Substring($0)].map(JSON.string) ?? .null) })
        ),
        ("threads", status["Threads"].flatMap { Int64($0) }.map(JSON.integer) ?? .null),
    ]
}

private func subreaper() -> Int32 {
    var value: Int32 = 0
    let getSubreaper: Int32 = 37  // PR_GET_CHILD_SUBREAPER
    _ = withUnsafeMutablePointer(to: &value) { clinux_prctl(getSubreaper, UInt(bitPattern: $0), 0, 0, 0) }
    return value
}

private func parentDeathSignal() -> Int32 {
    var signal: Int32 = 0
    _ = withUnsafeMutablePointer(to: &signal) { clinux_prctl(2, UInt(bitPattern: $0), 0, 0, 0) }  // PR_GET_PDEATHSIG
    return signal
}

/// The session keyring's description: `keyring;0;0;3f1b0000;_ses.name`.
func observeKeyring() -> JSON {
    let session = UInt(bitPattern: -3)  // KEY_SPEC_SESSION_KEYRING
    var buffer = [CChar](repeating: 0, count: 1024)
    let length = buffer.withUnsafeMutableBufferPointer { pointer in
        clinux_keyctl(6, session, UInt(bitPattern: pointer.baseAddress), UInt(pointer.count), 0)  // KEYCTL_DESCRIBE
    }
    guard length > 0 else { return .object([("error", .string(errorName(errno)))]) }
    let text = String(decoding: buffer.prefix(while: { $0 != 0 }).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let fields = text.split(separator: ";", omittingEmptySubsequences: false)
    guard fields.count >= 5 else { return .string(text) }
    return .object([
        ("type", .string(String(fields[0]))), ("uid", .string(String(fields[1]))), ("gid", .string(String(fields[2]))),
        ("permissions", .string(String(fields[3]))), ("name", .string(fields[4...].joined(separator: ";"))),
        ("label", securityLabel(ofKey: session)),
    ])
}

private func securityLabel(ofKey key: UInt) -> JSON {
    var buffer = [CChar](repeating: 0, count: 1024)
    let length = buffer.withUnsafeMutableBufferPointer { pointer in
        clinux_keyctl(17, key, UInt(bitPattern: pointer.baseAddress), UInt(pointer.count), 0)  // KEYCTL_GET_SECURITY
    }
    guard length > 1 else { return .null }
    return .string(String(decoding: buffer.prefix(while: { $0 != 0 }).map { UInt8(bitPattern: $0) }, as: UTF8.self))
}

func observeLabels() -> JSON {
    let files = ["current", "exec", "apparmor/current", "apparmor/exec"]
    return .object(
        files.map { name in
            // SELinux ends them with a zero byte, AppArmor with a line feed.
            let text = readText("/proc/self/attr/" + name)?.trimmed
            return (name, text.map { .string($0.last == "\0" ? String($0.dropLast()) : $0) } ?? .null)
        })
}

func observeMaps() -> [(String, JSON)] {
    [("uidMap", "uid_map"), ("gidMap", "gid_map")].map { key, file in
        let lines = readText("/proc/self/" + file)?.lines ?? []
        return (key, .strings(lines.map { $0.split(separator: " ").joined(separator: " ") }))
    } + [("setgroups", readText("/proc/self/setgroups").map { .string($0.trimmed) } ?? .null)]
}
