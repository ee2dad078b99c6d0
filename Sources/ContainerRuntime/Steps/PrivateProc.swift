// A procfs of our own: no mount of the container, and no bind mount over a file in it, can stand in its place.

internal import CLinux
internal import Glibc
internal import Kernel
internal import Planning

/// A detached procfs of the caller's pid namespace; CVE-2019-16884, CVE-2025-52881.
struct PrivateProc: ~Copyable {
    private let root: OwnedDescriptor

    /// The fallback if a new procfs may not be mounted (a nested host, whose filter may answer that these calls do not
    /// exist): the mount on /proc, if it is the root of a procfs; runc#4984.
    init() throws(Errno) {
        do throws(ActionFailure) {
            root = try newFilesystem(type: "proc", source: "proc", [], attributes: [.noSuid, .noDev, .noExec])
        } catch {
            guard [.notPermitted, .permissionDenied, .noFunction].contains(error.code) else { throw error.code }
            let found = try OwnedDescriptor.open("/proc", .path | .directory | .noFollow)
            let rootInode: UInt64 = 1  // PROC_ROOT_INO
            guard try filesystem(of: found.rawValue).magic == FilesystemMagic.proc,
                try fileStatus(found.rawValue).inode == rootInode
            else { throw error.code }
            root = found
        }
    }

    /// A directory in its place, for tests.
    init(standIn: consuming OwnedDescriptor) { root = standIn }

    /// Writes to a file in it; neither links nor mounts are followed on the way, nor a mount on the file itself.
    borrowing func write(_ path: String, _ text: String) throws(Errno) {
        let file = try open(path)
        try writeAll(text.utf8, to: file.rawValue)
    }

    private borrowing func open(_ path: String) throws(Errno) -> OwnedDescriptor {
        try openBelow(
            root.rawValue, path, .writeOnly,
            resolving: [.beneath, .noSymlinks, .noMagicLinks, .noCrossingMounts])
    }

    /// Has AppArmor confine the next program of a process by a profile, which may be the caller's own process alone.
    ///
    /// The shared file may be another module's, where AppArmor has a file of its own: only one that does not exist is
    /// passed over. The answer to the text is also ENOENT, if no such profile is loaded.
    borrowing func writeProfile(_ profile: String, of process: String) throws(Errno) {
        let file: OwnedDescriptor
        do throws(Errno) {
            file = try open(process + "/attr/apparmor/exec")
        } catch {
            guard error == .noSuchFileOrDirectory else { throw error }
            file = try open(process + "/attr/exec")
        }
        try writeAll(("exec " + profile).utf8, to: file.rawValue)
    }
}

/// The labels and kernel parameters of a container, written through a procfs of our own.
struct ProcWrites {
    let plan: ContainerPlan

    func writeSysctls() throws(StepReport) {
        guard !plan.sysctls.isEmpty else { return }
        let proc = try call(.sysctl) { () throws(Errno) in try PrivateProc() }
        for (index, parameter) in plan.sysctls.enumerated() {
            try call(.sysctl, index) { () throws(Errno) in
                try proc.write("sys/" + parameter.path, parameter.value)
            }
        }
    }
}

/// Has the next keyring carry the SELinux label of the program, which may use no keyring of the runtime's.
func setKeyringLabel(_ process: ProcessPlan) throws(Errno) {
    guard let label = process.selinuxLabel else { return }
    let proc = try PrivateProc()
    do throws(Errno) {
        try proc.write("\(clinux_getpid())/attr/keycreate", label)
    } catch {
        guard error == .noSuchFileOrDirectory else { throw error }
    }
}

/// Has the program run under an AppArmor profile or an SELinux label from its first instruction on.
func writeLabels(_ process: ProcessPlan) throws(StepReport) {
    guard process.apparmorProfile != nil || process.selinuxLabel != nil else { return }
    let proc = try call(.label) { () throws(Errno) in try PrivateProc() }
    // "self" is a link, and links are not followed: the number is asked for.
    let own = "\(clinux_getpid())"
    if let profile = process.apparmorProfile {
        try call(.label) { () throws(Errno) in try proc.writeProfile(profile, of: own) }
    }
    if let label = process.selinuxLabel {
        try call(.label, 1) { () throws(Errno) in try proc.write(own + "/attr/exec", label) }
    }
}
