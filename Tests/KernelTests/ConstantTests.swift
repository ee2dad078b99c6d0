// The numbers of Swift constants compared with the C headers, and names compared with the C libraries.

import CCapability
import CLinuxConstants
import Glibc
import Testing

@testable import Kernel

/// The numbers of the C headers.
private let header: [String: UInt64] = {
    var values: [String: UInt64] = [:]
    var index: Int32 = 0
    while let name = clinux_constant_at(index).name {
        values[String(cString: name)] = clinux_constant_at(index).value
        index += 1
    }
    return values
}()

struct ConstantTests {
    @Test(arguments: [
        ("CLONE_NEWCGROUP", NamespaceKind.cgroup), ("CLONE_NEWIPC", .ipc), ("CLONE_NEWNS", .mount),
        ("CLONE_NEWNET", .network), ("CLONE_NEWPID", .pid), ("CLONE_NEWTIME", .time), ("CLONE_NEWUSER", .user),
        ("CLONE_NEWUTS", .uts),
    ])
    func `a namespace kind has the kernel's clone flag and link`(name: String, kind: NamespaceKind) throws {
        #expect(header[name] == kind.cloneFlag)
        #expect(try fileStatus(at: "/proc/self/ns/\(kind.linkName)").isRegular)
        let link = try readLink(OwnedDescriptor.currentDirectory, "/proc/self/ns/\(kind.linkName)")
        #expect(link.hasPrefix("\(kind.linkName):["))
    }

    @Test(arguments: NamespaceKind.allCases)
    func `the kernel returns the kind of a namespace`(kind: NamespaceKind) throws {
        let namespace = try OwnedDescriptor.open("/proc/self/ns/\(kind.linkName)")
        #expect(try namespaceKind(of: namespace.rawValue) == kind)
    }

    @Test(arguments: [
        ("MOUNT_ATTR_RDONLY", MountAttributes.readOnly), ("MOUNT_ATTR_NOSUID", .noSuid), ("MOUNT_ATTR_NODEV", .noDev),
        ("MOUNT_ATTR_NOEXEC", .noExec), ("MOUNT_ATTR_NOATIME", .noAtime), ("MOUNT_ATTR_STRICTATIME", .strictAtime),
        ("MOUNT_ATTR__ATIME", .atimeField), ("MOUNT_ATTR_NODIRATIME", .noDirAtime), ("MOUNT_ATTR_IDMAP", .idMapped),
        ("MOUNT_ATTR_NOSYMFOLLOW", .noSymlinkFollow),
    ])
    func `a mount attribute has the kernel's bit`(name: String, attribute: MountAttributes) {
        #expect(header[name] == attribute.rawValue)
    }

    @Test func `propagation has the numbers of mount(2)`() {
        #expect(header["MS_UNBINDABLE"] == Propagation.unbindable.rawValue)
        #expect(header["MS_PRIVATE"] == Propagation.private.rawValue)
        #expect(header["MS_SLAVE"] == Propagation.slave.rawValue)
        #expect(header["MS_SHARED"] == Propagation.shared.rawValue)
    }

    @Test(arguments: [
        ("PROC_SUPER_MAGIC", FilesystemMagic.proc), ("SYSFS_MAGIC", FilesystemMagic.sysfs),
        ("DEVPTS_SUPER_MAGIC", FilesystemMagic.devpts), ("CGROUP2_SUPER_MAGIC", FilesystemMagic.cgroup2),
        ("CGROUP_SUPER_MAGIC", FilesystemMagic.cgroup), ("TMPFS_MAGIC", FilesystemMagic.tmpfs),
    ])
    func `a filesystem has the kernel's magic`(name: String, magic: Int64) {
        #expect(header[name] == UInt64(magic))
    }

    @Test(arguments: [
        ("O_RDONLY", OpenFlags.readOnly), ("O_WRONLY", .writeOnly), ("O_RDWR", .readWrite), ("O_CREAT", .create),
        ("O_EXCL", .exclusive), ("O_NOCTTY", .noControllingTerminal), ("O_TRUNC", .truncate), ("O_APPEND", .append),
        ("O_NONBLOCK", .nonBlocking), ("O_DIRECTORY", .directory), ("O_NOFOLLOW", .noFollow),
        ("O_CLOEXEC", .closeOnExec), ("O_PATH", .path), ("O_TMPFILE", .temporary),
    ])
    func `a flag of open has the header's bits`(name: String, flag: OpenFlags) {
        #expect(header[name] == UInt64(flag.rawValue))
    }

    @Test(arguments: [
        ("RESOLVE_NO_XDEV", Resolution.noCrossingMounts), ("RESOLVE_NO_MAGICLINKS", .noMagicLinks),
        ("RESOLVE_NO_SYMLINKS", .noSymlinks), ("RESOLVE_BENEATH", .beneath), ("RESOLVE_IN_ROOT", .inRoot),
    ])
    func `a rule of openat2 has the header's bit`(name: String, rule: Resolution) {
        #expect(header[name] == rule.rawValue)
    }

    @Test(arguments: [
        ("PR_SET_PDEATHSIG", ProcessControl.setParentDeathSignal), ("PR_SET_DUMPABLE", .setDumpable),
        ("PR_SET_KEEPCAPS", .setKeepCapabilities), ("PR_CAPBSET_DROP", .dropFromBoundingSet),
        ("PR_SET_CHILD_SUBREAPER", .setSubreaper), ("PR_SET_NO_NEW_PRIVS", .setNoNewPrivileges),
        ("PR_CAP_AMBIENT", .ambientCapability),
    ])
    func `an operation of prctl has the header's number`(name: String, operation: ProcessControl) {
        #expect(header[name] == UInt64(operation.rawValue))
    }

    @Test(arguments: ResourceLimit.allCases)
    func `a resource limit has the header's number`(limit: ResourceLimit) {
        #expect(header[limit.name] == UInt64(limit.rawValue))
        #expect(ResourceLimit(name: limit.name) == limit)
    }

    @Test func `the working directory has the header's number`() {
        #expect(header["AT_FDCWD"].map { Int32(truncatingIfNeeded: $0) } == OwnedDescriptor.currentDirectory)
    }

    @Test(arguments: [
        ("SECCOMP_FILTER_FLAG_TSYNC", SeccompFlags.threadSync), ("SECCOMP_FILTER_FLAG_LOG", .log),
        ("SECCOMP_FILTER_FLAG_SPEC_ALLOW", .allowSpeculation), ("SECCOMP_FILTER_FLAG_NEW_LISTENER", .newListener),
        ("SECCOMP_FILTER_FLAG_TSYNC_ESRCH", .threadSyncErrno),
        ("SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", .waitKillable),
    ])
    func `a flag of a filter has the header's bit`(name: String, flag: SeccompFlags) {
        #expect(header[name] == UInt64(flag.rawValue))
    }

    @Test func `the capabilities are those of libcap, in the kernel's order`() {
        #expect(CapabilitySet.names.count == header["CAP_LAST_CAP"].map { Int($0) + 1 })
        for (bit, name) in CapabilitySet.names.enumerated() {
            let known = cap_to_name(cap_value_t(bit))
            #expect(known.map { String(cString: $0).uppercased() } == name)
            cap_free(known)
            #expect(CapabilitySet(name: name)?.rawValue == 1 << UInt64(bit))
            #expect(CapabilitySet(name: name)?.memberNames == [name])
        }
        #expect(CapabilitySet.systemAdministration == CapabilitySet(name: "CAP_SYS_ADMIN"))
    }

    @Test(arguments: ["cap_chown", "CHOWN", "CAP_", "CAP_CHOWN ", "", "CAP_UNKNOWN"])
    func `a misspelt capability is unknown`(name: String) { #expect(CapabilitySet(name: name) == nil) }

    @Test func `every signal of the header is known by its name`() throws {
        let signals = header.filter { $0.key.hasPrefix("SIG") }
        #expect(signals.count == 31)
        for (name, number) in signals {
            #expect(Signal(name)?.rawValue == Int32(number))
            #expect(Signal(String(name.dropFirst(3)).lowercased())?.rawValue == Int32(number))
            #expect(Signal(String(number))?.rawValue == Int32(number))
            #expect(Signal(rawValue: Int32(number)).name == name)
        }
    }

    @Test func `real-time signals and second names are known`() {
        #expect(Signal("RTMIN")?.rawValue == 34)
        #expect(Signal("SIGRTMAX")?.rawValue == 64)
        #expect(Signal("iot") == Signal("ABRT"))
        #expect(Signal("POLL") == Signal("IO"))
        #expect(Signal(rawValue: 40).name == "signal 40")
    }

    @Test(arguments: ["", "SIG", "KILLS", "65", "-1", "0x9", "9 ", "SIG9"])
    func `an invalid signal is refused`(text: String) { #expect(Signal(text) == nil) }
}
