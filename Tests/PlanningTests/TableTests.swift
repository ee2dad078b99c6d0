// Tables of names compared with the C headers, and mount options compared with the specification's list.

import CLinuxConstants
import Kernel
import OCISpec
import Testing

@testable import Planning

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

struct TableTests {
    @Test func `scheduling policies have the header's numbers`() {
        // The specification's SCHED_OTHER is the kernel's SCHED_NORMAL; SCHED_ISO is reserved and in no header.
        for (name, value) in SchedulingPlan.policies {
            #expect(header[name == "SCHED_OTHER" ? "SCHED_NORMAL" : name] == UInt64(value), "\(name)")
        }
        #expect(SchedulingPlan.policies.count == 7)
    }

    @Test func `scheduler flags have the header's bits`() {
        for (name, value) in SchedulingPlan.schedulerFlags { #expect(header[name] == value, "\(name)") }
        #expect(SchedulingPlan.schedulerFlags.count == 7)
    }

    @Test func `memory policies have the header's numbers`() {
        for (name, value) in SchedulingPlan.memoryModes where name != "MPOL_WEIGHTED_INTERLEAVE" {
            #expect(header[name] == UInt64(value), "\(name)")
        }
        // The headers of many hosts do not have this one yet.
        #expect(SchedulingPlan.memoryModes.first { $0.0 == "MPOL_WEIGHTED_INTERLEAVE" }?.1 == 6)
        #expect(SchedulingPlan.memoryModes.count == 7)
        for (name, value) in SchedulingPlan.memoryFlags { #expect(header[name] == UInt64(value), "\(name)") }
        #expect(SchedulingPlan.memoryFlags.count == 3)
    }

    @Test func `seccomp actions and operators have libseccomp's numbers`() {
        for (name, value) in SeccompPlan.actions { #expect(header[name] == UInt64(value), "\(name)") }
        for (name, value) in SeccompPlan.operators { #expect(header[name] == UInt64(value), "\(name)") }
        #expect(SeccompPlan.actions.count == 9)
        #expect(SeccompPlan.operators.count == 7)
        for (name, value) in SeccompPlan.knownFlags { #expect(header[name] == UInt64(value.rawValue), "\(name)") }
    }

    @Test func `kinds of device nodes have the header's bits`() {
        #expect(header["S_IFCHR"] == UInt64(DeviceStep.Kind.character.rawValue))
        #expect(header["S_IFBLK"] == UInt64(DeviceStep.Kind.block.rawValue))
        #expect(header["S_IFIFO"] == UInt64(DeviceStep.Kind.fifo.rawValue))
    }

    /// runtime-spec 1.3.0, config.md, "Linux mount options", and the options that runc and crun add.
    private static let specified = """
        async atime bind defaults dev diratime dirsync exec iversion lazytime loud mand noatime nodev nodiratime noexec
        noiversion nolazytime nomand norelatime nostrictatime nosuid nosymfollow private ratime rbind rdev rdiratime
        relatime remount rexec rnoatime rnodev rnodiratime rnoexec rnorelatime rnostrictatime rnosuid rnosymfollow ro
        rprivate rrelatime rro rrw rshared rslave rstrictatime rsuid rsymfollow runbindable rw shared silent slave
        strictatime suid symfollow sync tmpcopyup unbindable idmap ridmap
        copy-symlink dest-nofollow src-nofollow
        """

    @Test func `every mount option of the specification is known, and no other`() {
        let names = Self.specified.split { $0 == " " || $0 == "\n" }.map(String.init)
        #expect(mountOptions.map(\.name) == names.sorted())
    }

    @Test func `the table of mount options is sorted, as looking up needs it`() {
        for (left, right) in zip(mountOptions, mountOptions.dropFirst()) { #expect(left.name < right.name) }
    }

    @Test(arguments: mountOptions.map(\.name))
    func `every mount option is found by its name`(name: String) {
        #expect(mountOption(named: name) == mountOptions.first { $0.name == name }?.option)
    }

    @Test(arguments: ["", "acl", "noacl", "RO", "ro ", "size=1", "zzz", "a", "bin", "binds", "user_xattr"])
    func `an unknown option is passed to the filesystem`(name: String) { #expect(mountOption(named: name) == nil) }

    @Test(arguments: ["dev", "exec", "suid", "atime", "diratime", "relatime", "strictatime", "symfollow"])
    func `a clearing option clears the attributes that its counterpart sets`(name: String) throws {
        let counterpart = name == "relatime" || name == "strictatime" ? name : name
        let set = mountOption(named: "no" + counterpart)
        let clear = mountOption(named: name)
        switch (set, clear) {
        case (.attributes(let one), .attributes(let other)):
            if name == "strictatime" {
                #expect(one.clear == other.set)
            } else {
                #expect(one == AttributeChange(set: other.clear))
            }
        case (.nothing, .attributes(let other)): #expect(other == AttributeChange(clear: .atimeField))
        default: Issue.record("\(name) is no attribute")
        }
    }

    @Test(arguments: [
        "ro", "rw", "nosuid", "suid", "nodev", "dev", "noexec", "exec", "noatime", "atime", "nodiratime", "diratime",
        "relatime", "strictatime", "nostrictatime", "nosymfollow", "symfollow",
    ])
    func `a recursive option has the same effect on all mounts`(name: String) throws {
        guard case .attributes(let change)? = mountOption(named: name) else {
            Issue.record("\(name) is no attribute")
            return
        }
        #expect(mountOption(named: "r" + name) == .recursiveAttributes(change))
    }
}
