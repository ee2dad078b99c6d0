// The requirements of a case for the machine and the runtime's flags. If one is not met, the case is skipped with the
// reason.

internal import CCompatCall
internal import CLinux
internal import Glibc

/// One requirement of a case.
package enum Requirement: Equatable, Sendable {
    case root, cgroupV1, cgroupV2, apparmor, noApparmor, selinux, noSelinux, systemd, resourceControl, numa, swapLimit
    case cgroupfsDriver, systemdDriver
    case landlock, noLandlock, criu, selinuxEnforcing, compatCalls
    case kernel([Int])
    case processors(Int)
    case controller(String)
    case capability(String)
    case command(String)
    case file(String)
    case architecture(String)

    private static let plain: [String: Requirement] = [
        "root": .root, "cgroup-v1": .cgroupV1, "cgroup-v2": .cgroupV2, "apparmor": .apparmor,
        "no-apparmor": .noApparmor, "selinux": .selinux, "no-selinux": .noSelinux, "systemd": .systemd,
        "rdt": .resourceControl, "numa": .numa, "swap-limit": .swapLimit,
        "cgroupfs-driver": .cgroupfsDriver, "systemd-driver": .systemdDriver,
        "landlock": .landlock, "no-landlock": .noLandlock, "criu": .criu,
        "selinux-enforcing": .selinuxEnforcing, "32-bit": .compatCalls,
    ]

    /// The beginnings of those that name something.
    private static let beginnings = ["cgroup:", "cap:", "command:", "file:", "arch:", "kernel>=", "cpus>="]

    /// The controllers of both versions of cgroups, and the machines (uname(2)) that Linux containers are run on.
    private static let controllers = [
        "blkio", "cpu", "cpuacct", "cpuset", "devices", "dmem", "freezer", "hugetlb", "io", "memory", "misc", "net_cls",
        "net_prio", "perf_event", "pids", "rdma",
    ]
    private static let machines = [
        "aarch64", "armv7l", "i686", "loongarch64", "ppc64le", "riscv64", "s390x", "x86_64",
    ]

    /// Parses `root`, `kernel>=5.12`, `cpus>=2`, `cgroup:hugetlb`, `cap:SYS_RESOURCE`, `command:ip`,
    /// `file:/dev/fuse`, `arch:x86_64`.
    ///
    /// A name that does not exist would skip the case on every machine.
    /// - Throws: `CaseError` for an unknown requirement.
    package init(_ text: String, at path: String) throws(CaseError) {
        if let known = Self.plain[text] {
            self = known
            return
        }
        guard let beginning = Self.beginnings.first(where: text.hasPrefix) else { throw Self.unknown(text, at: path) }
        let name = String(text.dropFirst(beginning.count))
        if name.isEmpty { throw CaseError("\(path): \(text): nothing stands after \(beginning)") }
        func checked(_ known: [String], _ kind: String, prefix: String = "") throws(CaseError) -> String {
            if known.contains(name) { return name }
            throw CaseError("\(path): \(text): no \(kind)\(suggested(for: name, among: known, prefix: prefix))")
        }
        switch beginning {
        case "cgroup:": self = .controller(try checked(Self.controllers, "controller of cgroups"))
        case "cap:": self = .capability(try checked(capabilityNames, "capability", prefix: "CAP_"))
        case "arch:": self = .architecture(try checked(Self.machines, "machine"))
        case "command:": self = .command(name)
        case "file:":
            guard name.hasPrefix("/") else { throw CaseError("\(path): \(text): not an absolute path") }
            self = .file(name)
        case "cpus>=":
            guard let number = Int(name) else { throw CaseError("\(path): \(text): not a number") }
            self = .processors(number)
        default:
            let numbers = name.split(separator: ".").map { Int($0) }
            guard !numbers.isEmpty, !numbers.contains(nil) else { throw CaseError("\(path): \(text): not a version") }
            self = .kernel(numbers.compactMap(\.self))
        }
    }

    /// The error for a requirement that is not known, with the nearest one.
    private static func unknown(_ text: String, at path: String) -> CaseError {
        let signs: Set<Character> = [":", ">", "<", "="]
        let word = text.prefix { !signs.contains($0) }
        let isPlain = word.endIndex == text.endIndex
        let heads = beginnings.map { String($0.prefix { !signs.contains($0) }) }
        let plainHint = suggested(for: text, among: plain.keys.sorted())
        let hint = isPlain && !plainHint.isEmpty ? plainHint : suggested(for: String(word), among: heads)
        let all = (plain.keys.sorted() + beginnings.map { $0 + "…" }).joined(separator: ", ")
        return CaseError("\(path): unknown requirement \(text)" + (hint.isEmpty ? "; there are \(all)" : hint))
    }

    /// The reason why the machine or the runtime's flags do not meet the requirement; nil if they do.
    package func whatIsMissing(of runtime: TestedRuntime) -> String? {
        switch self {
        case .cgroupfsDriver: runtime.asksSystemd ? "only where the runtime makes the cgroups itself" : nil
        case .systemdDriver: runtime.asksSystemd ? nil : "only where systemd makes the cgroups (--systemd-cgroup)"
        case .root: geteuid() == 0 ? nil : "needs root"
        case .cgroupV1: cgroupIsUnified ? "needs cgroup v1" : nil
        case .cgroupV2: cgroupIsUnified ? nil : "needs cgroup v2"
        case .apparmor: hasApparmor ? nil : "the kernel has no AppArmor"
        case .noApparmor: hasApparmor ? "needs a kernel without AppArmor" : nil
        case .selinux: exists("/sys/fs/selinux/enforce") ? nil : "the kernel has no SELinux policy"
        case .selinuxEnforcing:
            readText("/sys/fs/selinux/enforce")?.first == "1" ? nil : "the kernel does not enforce an SELinux policy"
        case .noSelinux: exists("/sys/fs/selinux/enforce") ? "needs a kernel without SELinux" : nil
        case .systemd: isDirectory("/run/systemd/system") ? nil : "systemd does not run here"
        case .resourceControl:
            (readText("/proc/filesystems") ?? "").contains("resctrl") ? nil : "the CPU has no resource control (RDT)"
        case .numa: exists("/sys/devices/system/node/node1") ? nil : "needs a second memory node"
        case .swapLimit: hasSwapLimit ? nil : "the kernel does not account swap"
        case .landlock: hasLandlock ? nil : "the kernel has no Landlock"
        case .noLandlock: hasLandlock ? "needs a kernel without Landlock" : nil
        case .criu: criuComplaint
        case .compatCalls: compat_call(20) == 0 ? nil : "the kernel executes no programs of 32 bits"  // getpid
        case .kernel(let wanted):
            kernelVersion.lexicographicallyPrecedes(wanted)
                ? "needs kernel \(wanted.map(String.init).joined(separator: "."))" : nil
        case .processors(let wanted): sysconf(Int32(_SC_NPROCESSORS_ONLN)) >= wanted ? nil : "needs \(wanted) CPUs"
        case .controller(let name): hasController(name) ? nil : "the \(name) controller is not there"
        case .capability(let name): hasCapability(name) ? nil : "the harness has no CAP_\(name)"
        case .command(let name): findCommand(name) == nil ? "the command \(name) is not installed" : nil
        case .file(let path): exists(path) ? nil : "\(path) is not there"
        case .architecture(let name): machine == name ? nil : "needs a \(name) machine"
        }
    }
}

/// Whether /sys/fs/cgroup is one unified hierarchy.
var cgroupIsUnified: Bool {
    var type: Int64 = 0
    var flags: Int64 = 0
    return clinux_statfs("/sys/fs/cgroup", &type, &flags) == 0 && type == 0x6367_7270  // CGROUP2_SUPER_MAGIC
}

private var hasApparmor: Bool { readText("/sys/module/apparmor/parameters/enabled")?.first == "Y" }

// LANDLOCK_CREATE_RULESET_VERSION returns the version if Landlock is enabled. landlock(7).
private var hasLandlock: Bool { clinux_landlock_create_ruleset(nil, 0, 1) > 0 }

/// Why CRIU cannot do its work here; asked of itself, once, for the kernel may be too new for it.
///
/// It is looked for where a tested runtime looks, whose PATH is not the harness's own.
private let criuComplaint: String? = {
    let paths = HarnessInvocation.cleanEnvironment["PATH"] ?? ""
    guard let path = findCommand("criu", paths: paths) else {
        return "the command criu is not installed in \(paths)"
    }
    return system(shellQuoted(path) + " check >/dev/null 2>&1") == 0
        ? nil : "criu cannot run on this kernel (criu check)"
}()

private var hasSwapLimit: Bool {
    exists("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes") || cgroupIsUnified && exists("/proc/swaps")
}

private func hasController(_ name: String) -> Bool {
    // A host may have made the directory and not mounted the hierarchy.
    guard cgroupIsUnified else { return exists("/sys/fs/cgroup/\(name)/cgroup.procs") }
    return (readText("/sys/fs/cgroup/cgroup.controllers") ?? "").split(whereSeparator: \.isWhitespace).contains {
        $0 == name
    }
}

private func systemNames() -> (release: String, machine: String) {
    var names = utsname()
    uname(&names)
    func text<Tuple>(_ tuple: Tuple) -> String {
        withUnsafeBytes(of: tuple) { String(decoding: $0.prefix(while: { $0 != 0 }), as: UTF8.self) }
    }
    return (text(names.release), text(names.machine))
}

private var machine: String { systemNames().machine }

private var kernelVersion: [Int] {
    systemNames().release.split(separator: "-").first.map { $0.split(separator: ".").compactMap { Int($0) } } ?? []
}

private func hasCapability(_ name: String) -> Bool {
    guard let bit = capabilityNames.firstIndex(of: name) else { return false }
    var sets: (UInt64, UInt64, UInt64) = (0, 0, 0)
    _ = clinux_capget(&sets.0, &sets.1, &sets.2)
    return sets.0 & 1 << bit != 0
}

/// The names by number. linux/capability.h.
private let capabilityNames = [
    "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
    "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
    "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
    "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
    "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
    "CHECKPOINT_RESTORE",
]
