// `info`: what this host can do for a container, and which settings its lacks concern.

internal import CLinux
internal import Cgroups
internal import CSeccomp
internal import Criu
internal import Glibc
internal import Kernel
package import OCISpec
internal import Planning

/// The features that this host offers to containers. Finding them changes nothing.
package struct HostReport: Sendable {
    /// One ability of the host.
    package struct Entry: Sendable, Equatable {
        package let subject: String
        /// nil: what tells so cannot be read.
        package let isAvailable: Bool?
        /// The finding, in a few words.
        package let finding: String
        /// The settings that need it: keys of `config.json`, options, commands.
        package let concerns: [String]
    }

    package private(set) var entries: [Entry] = []
    let hasProc = isMounted("/proc", FilesystemMagic.proc)
    let hasSys = isMounted("/sys", FilesystemMagic.sysfs)

    /// Looks at this host with the rights of the caller.
    package static func probe() -> HostReport {
        var report = HostReport()
        report.lookAtKernel()
        report.lookAtCaller()
        report.lookAtCgroups()
        report.lookAtNamespaces()
        report.lookAtSecurity()
        report.lookAtPrograms()
        return report
    }

    /// The entries as JSON, each with the names of its fields here.
    package var document: JSONValue {
        .array(
            entries.map { entry in
                [
                    "subject": .string(entry.subject), "available": entry.isAvailable.map { .boolean($0) } ?? .null,
                    "finding": .string(entry.finding), "concerns": .array(entry.concerns.map { .string($0) }),
                ]
            })
    }

    mutating func add(_ subject: String, _ isAvailable: Bool?, _ finding: String, _ concerns: [String] = []) {
        entries.append(Entry(subject: subject, isAvailable: isAvailable, finding: finding, concerns: concerns))
    }

    private static func text(_ path: String) -> String? {
        do throws(Errno) { return try readText(path) } catch { return nil }
    }

    static func line(_ path: String) -> String? {
        text(path)?.split(at: "\n").first.map(String.init)
    }

    static func exists(_ path: String) -> Bool { clinux_access(path, F_OK) == 0 }

    private static func isMounted(_ path: String, _ magic: Int64) -> Bool {
        do throws(Errno) { return try filesystem(at: path).magic == magic } catch { return false }
    }
}

extension HostReport {
    private mutating func lookAtKernel() {
        let isNew = hasEveryNeededCall()
        add(
            "kernel", isNew, isNew ? release() : "\(release()): 5.12 or later is needed, for mount_setattr",
            ["every command"])
        if !hasProc {
            add(
                "/proc", false, "not mounted; what would be read there is unknown",
                ["every command that starts a process"])
        }
        if !hasSys { add("/sys", false, "not mounted; what would be read there is unknown", ["linux.resources"]) }
    }

    private func release() -> String {
        var names = utsname()
        guard uname(&names) == 0 else { return "unknown" }
        return withUnsafeBytes(of: &names.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    private mutating func lookAtNamespaces() {
        lookAtNamespaceKinds()
        lookAtUserNamespaces()
        guard geteuid() != 0 else { return }
        let ids = SubordinateIDs.probe()
        add(
            "subordinate ids", ids != .none,
            ids == .none ? "none in /etc/subuid and /etc/subgid, or newuidmap and newgidmap cannot map them" : "usable",
            ["linux.uidMappings", "linux.gidMappings"])
    }

    private mutating func lookAtNamespaceKinds() {
        guard hasProc else { return add("namespaces", nil, "unknown", ["linux.namespaces"]) }
        let missing = NamespaceKind.allCases.filter { !Self.exists("/proc/self/ns/\($0.linkName)") }.map { $0.rawValue }
        add(
            "namespaces", missing.isEmpty,
            missing.isEmpty ? "all eight" : "the kernel lacks \(missing.joined(separator: ", "))",
            missing.isEmpty ? ["linux.namespaces"] : missing.map { "linux.namespaces: \($0)" })
    }

    private mutating func lookAtUserNamespaces() {
        let subject = "user namespaces of ordinary users"
        let limits = [
            ("/proc/sys/user/max_user_namespaces", "0"), ("/proc/sys/kernel/unprivileged_userns_clone", "0"),
            ("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1"),
        ]
        let refusal = limits.first { Self.line($0.0) == $0.1 }
        if let refusal { return add(subject, false, "\(refusal.0) is \(refusal.1)", ["rootless containers"]) }
        // A kernel that has them has this limit; a procfs may hide it (proc(5), subset=pid).
        if Self.exists(limits[0].0) { return add(subject, true, "allowed", ["rootless containers"]) }
        let isLacking = hasProc && !Self.exists("/proc/self/ns/user")
        add(subject, isLacking ? false : nil, isLacking ? "the kernel lacks them" : "unknown", ["rootless containers"])
    }

    private mutating func lookAtSecurity() {
        let version = seccomp_version().pointee
        let flags = Features.ofThisRuntime.linux?.seccomp
        let missing = (flags?.knownFlags ?? []).filter { !(flags?.supportedFlags ?? []).contains($0) }
        add(
            "seccomp", !(flags?.supportedFlags ?? []).isEmpty,
            "libseccomp \(version.major).\(version.minor).\(version.micro)"
                + (missing.isEmpty ? "" : "; the kernel lacks \(missing.joined(separator: ", "))"), ["linux.seccomp"])
        let (apparmor, selinux) = (SecurityModules.hasAppArmor, SecurityModules.hasSELinux)
        addModule("AppArmor", apparmor, ["process.apparmorProfile"])
        addModule("SELinux", selinux, ["process.selinuxLabel", "linux.mountLabel"])
        let landlock = landlockVersion()
        add(
            "Landlock", landlock > 0, landlock > 0 ? "version \(landlock)" : "not enabled",
            ["annotations[\"org.swiftrun.landlock\"]"])
        let resctrl = Self.exists("/sys/fs/resctrl/schemata")
        add("resctrl", resctrl, resctrl ? "mounted" : "not mounted, or the processor lacks it", ["linux.intelRdt"])
    }

    private mutating func addModule(_ name: String, _ isEnabled: Bool, _ concerns: [String]) {
        if hasSys { return add(name, isEnabled, isEnabled ? "enabled" : "not enabled", concerns) }
        add(name, nil, "unknown", concerns)
    }

    private mutating func lookAtPrograms() {
        do throws(Failure) {
            let criu = try CriuProgram.find()
            let isRoot = isRootOfHost()
            add(
                "criu", isRoot, isRoot ? criu.program : "\(criu.program), which serves root of the host alone",
                ["checkpoint", "restore"])
        } catch {
            add("criu", false, error.message, ["checkpoint", "restore"])
        }
    }
}
