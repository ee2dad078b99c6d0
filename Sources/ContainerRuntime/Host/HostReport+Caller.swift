// The part of `info` about who calls, and with which rights.

internal import Glibc
internal import Kernel

extension HostReport {
    mutating func lookAtCaller() {
        add("caller", true, caller())
        // Other users get theirs in a user namespace.
        guard geteuid() == 0 else { return }
        let held: CapabilitySet
        do throws(Errno) { held = try capabilitySets().effective } catch {
            return add("capabilities", nil, "unknown: \(error.message)", ["process.capabilities"])
        }
        let missing = Self.needed.filter { need in CapabilitySet(name: need.name).map { !held.contains($0) } ?? false }
        let finding =
            missing.isEmpty
            ? "all that are needed" : "without " + missing.map { "\($0.name) (\($0.purpose))" }.joined(separator: ", ")
        add("capabilities", missing.isEmpty, finding, missing.isEmpty ? ["every command"] : missing.map { $0.key })
    }

    private func caller() -> String {
        guard hasProc else { return "user \(geteuid()); of which user namespace is unknown" }
        if isRootOfHost() { return "root of the host" }
        return "user \(geteuid())\(isInInitialUserNamespace() ? "" : " in a user namespace")"
    }

    // Of root. What every container needs comes first.
    private static let needed: [(name: String, purpose: String, key: String)] = [
        ("CAP_SYS_ADMIN", "makes namespaces and mounts", "every command that starts a process"),
        ("CAP_SETUID", "changes the user", "process.user.uid"), ("CAP_SETGID", "changes groups", "process.user.gid"),
        ("CAP_SETPCAP", "limits the bounding set", "process.capabilities.bounding"),
        ("CAP_NET_ADMIN", "brings up the loopback interface", "linux.namespaces: network"),
        ("CAP_SYS_CHROOT", "joins a mount namespace", "exec"),
        ("CAP_SYS_PTRACE", "reads the namespaces of other users' processes", "exec"),
        ("CAP_MKNOD", "makes devices", "linux.devices"),
        ("CAP_SETFCAP", "maps user 0 into a user namespace", "linux.uidMappings"),
        ("CAP_DAC_OVERRIDE", "reaches other users' files", "root.path"),
        ("CAP_KILL", "signals other users' processes", "kill"),
        ("CAP_SYS_RESOURCE", "raises hard limits", "process.rlimits"),
        ("CAP_SYS_NICE", "sets realtime scheduling", "process.scheduler"),
    ]
}
