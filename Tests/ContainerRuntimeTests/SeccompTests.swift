// Compiled profiles, and the results of their programs for system calls.

import CSeccomp
import Foundation
import Glibc
import Kernel
import OCISpec
import Planning
import Testing

@testable import ContainerRuntime

private let allow: UInt32 = 0x7fff_0000
private func refused(_ code: Int32) -> UInt32 { 0x0005_0000 | UInt32(code) }
private let x86_64: UInt32 = 0xc000_003e
private let i386: UInt32 = 0x4000_0003

private func number(_ name: String, _ architecture: UInt32 = seccomp_arch_native()) -> UInt32 {
    UInt32(bitPattern: seccomp_syscall_resolve_name_arch(architecture, name))
}

extension LinuxSeccomp {
    fileprivate func compiled() throws -> [UInt8] { try SeccompCompiler(plan: SeccompPlan(self)).program() }
}

struct SeccompCompilerTests {
    private func answer(
        _ program: [UInt8], _ name: String, _ arguments: [UInt64] = [], architecture: UInt32 = seccomp_arch_native()
    ) -> UInt32? {
        ContainerRuntimeTests.answer(
            of: program,
            to: SystemCallFacts(number: number(name, architecture), architecture: architecture, arguments: arguments))
    }

    @Test func `calls without a rule get the default action, others get their own`() throws {
        let program = try LinuxSeccomp(
            defaultAction: "SCMP_ACT_ALLOW",
            syscalls: [
                LinuxSyscall(names: ["mkdirat", "unlinkat"], action: "SCMP_ACT_ERRNO", errnoRet: 38),
                LinuxSyscall(names: ["fchmodat"], action: "SCMP_ACT_ERRNO"),
                LinuxSyscall(names: ["reboot"], action: "SCMP_ACT_KILL_PROCESS"),
                LinuxSyscall(names: ["ptrace"], action: "SCMP_ACT_TRACE", errnoRet: 7),
                LinuxSyscall(names: ["syslog"], action: "SCMP_ACT_TRAP"),
                LinuxSyscall(names: ["mknodat"], action: "SCMP_ACT_LOG"),
                LinuxSyscall(names: ["swapon"], action: "SCMP_ACT_KILL"),
            ]
        ).compiled()
        #expect(answer(program, "getpid") == allow)
        #expect(answer(program, "mkdirat") == refused(ENOSYS))
        #expect(answer(program, "unlinkat") == refused(ENOSYS))
        #expect(answer(program, "fchmodat") == refused(EPERM))
        #expect(answer(program, "reboot") == 0x8000_0000)
        #expect(answer(program, "ptrace") == 0x7ff0_0007)
        #expect(answer(program, "syslog") == 0x0003_0000)
        #expect(answer(program, "mknodat") == 0x7ffc_0000)
        #expect(answer(program, "swapon") == 0)
    }

    @Test func `a hundred thousand repeated rules are compiled once`() throws {
        let comparisons = [LinuxSeccompArg(index: 1, value: 5, op: "SCMP_CMP_EQ")]
        let rules = [
            LinuxSyscall(names: ["mkdirat", "unlinkat"], action: "SCMP_ACT_ERRNO"),
            LinuxSyscall(names: ["fchmodat"], action: "SCMP_ACT_ERRNO", args: comparisons),
        ]
        let repeated = (0..<50_000).flatMap { _ in rules }
        let once = try LinuxSeccomp(defaultAction: "SCMP_ACT_ALLOW", syscalls: rules).compiled()
        let program = try LinuxSeccomp(defaultAction: "SCMP_ACT_ALLOW", syscalls: repeated).compiled()
        #expect(answer(program, "mkdirat") == refused(EPERM))
        #expect(answer(program, "fchmodat", [0, 5]) == refused(EPERM))
        #expect(answer(program, "fchmodat", [0, 6]) == allow)
        #expect(program.count <= once.count + 64)
    }

    @Test func `more rules for one call than a filter has instructions are refused`() throws {
        let rules = (0..<100_000).map { value in
            LinuxSyscall(
                names: ["chmod"], action: "SCMP_ACT_ERRNO",
                args: [LinuxSeccompArg(index: 1, value: value, op: "SCMP_CMP_EQ")])
        }
        let message = "linux.seccomp.syscalls[4096]: chmod has more than 4096 rules; the kernel takes no larger filter"
        do {
            _ = try LinuxSeccomp(defaultAction: "SCMP_ACT_ALLOW", syscalls: rules).compiled()
            Issue.record("it was compiled")
        } catch let failure as Failure {
            #expect(failure.message == message)
        }
    }

    @Test func `a default with a number of its own is given`() throws {
        let program = try LinuxSeccomp(
            defaultAction: "SCMP_ACT_ERRNO", defaultErrnoRet: 13,
            syscalls: [LinuxSyscall(names: ["read", "clone3"], action: "SCMP_ACT_ALLOW")]
        ).compiled()
        #expect(answer(program, "read") == allow)
        #expect(answer(program, "mkdir") == refused(EACCES))
    }

    @Test(
        arguments: [
            ("SCMP_CMP_EQ", 5, 0, [5], [4, 6, 1 << 32 | 5]), ("SCMP_CMP_NE", 5, 0, [4, 1 << 32 | 5], [5]),
            ("SCMP_CMP_LT", 5, 0, [0, 4], [5, 1 << 40]), ("SCMP_CMP_LE", 5, 0, [0, 5], [6, 1 << 40]),
            ("SCMP_CMP_GT", 5, 0, [6, 1 << 32], [5, 0]), ("SCMP_CMP_GE", 5, 0, [5, 1 << 32], [4]),
            ("SCMP_CMP_MASKED_EQ", 0xf0, 0x10, [0x10, 0x1f, 0x110], [0, 0x20, 0x30]),
            ("SCMP_CMP_EQ", .max, 0, [.max], [.max - 1, 0xffff_ffff]),
        ] as [(String, UInt64, UInt64, [UInt64], [UInt64])])
    func `an argument is compared in all its 64 bits`(
        operation: String, value: UInt64, second: UInt64, holds: [UInt64], fails: [UInt64]
    ) throws {
        let program = try LinuxSeccomp(
            defaultAction: "SCMP_ACT_ALLOW",
            syscalls: [
                LinuxSyscall(
                    names: ["ioctl"], action: "SCMP_ACT_ERRNO",
                    args: [LinuxSeccompArg(index: 1, value: value, valueTwo: second, op: operation)])
            ]
        ).compiled()
        for argument in holds { #expect(answer(program, "ioctl", [0, argument]) == refused(EPERM), "\(argument)") }
        for argument in fails { #expect(answer(program, "ioctl", [0, argument]) == allow, "\(argument)") }
    }

    @Test func `conditions on several arguments must all hold, on one argument any of them`() throws {
        func rule(_ name: String, _ conditions: [(UInt32, UInt64)]) -> LinuxSyscall {
            LinuxSyscall(
                names: [name], action: "SCMP_ACT_ERRNO",
                args: conditions.map { LinuxSeccompArg(index: $0.0, value: $0.1, op: "SCMP_CMP_EQ") })
        }
        let program = try LinuxSeccomp(
            defaultAction: "SCMP_ACT_ALLOW",
            syscalls: [rule("socket", [(0, 1), (1, 2)]), rule("ioctl", [(1, 1), (1, 2)])]
        ).compiled()
        #expect(answer(program, "socket", [1, 2]) == refused(EPERM))
        #expect(answer(program, "socket", [1, 3]) == allow)
        #expect(answer(program, "socket", [0, 2]) == allow)
        #expect(answer(program, "ioctl", [0, 1]) == refused(EPERM))
        #expect(answer(program, "ioctl", [0, 2]) == refused(EPERM))
        #expect(answer(program, "ioctl", [0, 3]) == allow)
    }

    @Test func `unknown names and rules without effect are ignored`() throws {
        let program = try LinuxSeccomp(
            defaultAction: "SCMP_ACT_ERRNO",
            syscalls: [
                LinuxSyscall(names: ["call_of_the_future", "", "read"], action: "SCMP_ACT_ALLOW"),
                LinuxSyscall(names: ["mkdir"], action: "SCMP_ACT_ERRNO"),
                LinuxSyscall(names: ["read"], action: "SCMP_ACT_ALLOW"),
            ]
        ).compiled()
        #expect(answer(program, "read") == allow)
        #expect(answer(program, "mkdir") == refused(EPERM))
    }

    private static let old = LinuxSeccomp(
        defaultAction: "SCMP_ACT_ERRNO", architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
        syscalls: [
            LinuxSyscall(names: ["read", "statx"], action: "SCMP_ACT_ALLOW"),
            LinuxSyscall(names: ["mkdir"], action: "SCMP_ACT_KILL_PROCESS"),
        ])

    #if arch(x86_64)
    @Test func `a call newer than all calls of the profile does not exist`() throws {
        let program = try Self.old.compiled()
        for architecture in [x86_64, i386] {
            #expect(answer(program, "statx", architecture: architecture) == allow)
            #expect(answer(program, "chmod", architecture: architecture) == refused(EPERM))
            #expect(answer(program, "mkdir", architecture: architecture) == 0x8000_0000)
            #expect(answer(program, "clone3", architecture: architecture) == refused(ENOSYS))
            #expect(answer(program, "openat2", architecture: architecture) == refused(ENOSYS))
        }
        // statx is number 332 in one architecture and 383 in the other: each is compared with its own newest call.
        let between = SystemCallFacts(number: 380, architecture: i386)
        #expect(ContainerRuntimeTests.answer(of: program, to: between) == refused(EPERM))
        let newer = SystemCallFacts(number: 380, architecture: x86_64)
        #expect(ContainerRuntimeTests.answer(of: program, to: newer) == refused(ENOSYS))
    }

    @Test func `an x32 call is no newer call of x86_64`() throws {
        let program = try Self.old.compiled()
        let call = SystemCallFacts(number: 0x4000_0000 | 0, architecture: x86_64)
        #expect(ContainerRuntimeTests.answer(of: program, to: call) == allow)
        // The number equals that of an architecture: the compiler must not confuse the two.
        let confusing = SystemCallFacts(number: i386, architecture: x86_64)
        #expect(ContainerRuntimeTests.answer(of: program, to: confusing) != nil)
    }

    @Test func `a call of an architecture that is not listed kills`() throws {
        let program = try LinuxSeccomp(
            defaultAction: "SCMP_ACT_ERRNO", syscalls: [LinuxSyscall(names: ["read"], action: "SCMP_ACT_ALLOW")]
        ).compiled()
        let foreign = SystemCallFacts(number: 3, architecture: i386)
        #expect(ContainerRuntimeTests.answer(of: program, to: foreign) == 0)
        let unheardOf = SystemCallFacts(number: 3, architecture: 0x1234_5678)
        #expect(ContainerRuntimeTests.answer(of: program, to: unheardOf) == 0)
    }
    #endif

    @Test(
        arguments: [
            ("SCMP_ACT_ALLOW", nil, allow), ("SCMP_ACT_LOG", nil, 0x7ffc_0000), ("SCMP_ACT_TRACE", 5, 0x7ff0_0005),
            ("SCMP_ACT_ERRNO", 38, refused(ENOSYS)),
        ] as [(String, UInt32?, UInt32)])
    func `a permissive default also applies to newer calls`(name: String, number: UInt32?, answer: UInt32) throws {
        let program = try LinuxSeccomp(
            defaultAction: name, defaultErrnoRet: number,
            syscalls: [LinuxSyscall(names: ["read"], action: "SCMP_ACT_KILL_PROCESS")]
        ).compiled()
        #expect(self.answer(program, "openat2") == answer)
    }

    @Test func `a profile as large as an engine's is correct for every call`() throws {
        let names = (0..<450).compactMap { number -> String? in
            guard let name = seccomp_syscall_resolve_num_arch(seccomp_arch_native(), Int32(number)) else { return nil }
            defer { free(name) }
            return String(cString: name)
        }
        try #require(names.count > 300)
        let allowed = names.enumerated().filter { $0.offset % 3 != 0 }.map(\.element)
        let program = try LinuxSeccomp(
            defaultAction: "SCMP_ACT_ERRNO",
            syscalls: [
                LinuxSyscall(names: allowed, action: "SCMP_ACT_ALLOW"),
                LinuxSyscall(names: [names[0]], action: "SCMP_ACT_TRAP"),
            ]
        ).compiled()
        for (index, name) in names.enumerated() where number(name) <= number(allowed[allowed.count - 1]) {
            let expected = index == 0 ? 0x0003_0000 : index % 3 == 0 ? refused(EPERM) : allow
            #expect(answer(program, name) == expected, "\(name)")
        }
        #expect(program.count / 8 < 4096)
    }

    @Test func `the runtime chooses the flags unless the config sets them`() throws {
        func flags(_ names: [String]?, notifies: Bool = false) throws -> SeccompFlags {
            let rule = LinuxSyscall(names: ["mkdir"], action: "SCMP_ACT_NOTIFY")
            return SeccompCompiler.flags(
                try SeccompPlan(
                    LinuxSeccomp(
                        defaultAction: "SCMP_ACT_ALLOW", flags: names, listenerPath: "/agent",
                        syscalls: notifies ? [rule] : [])))
        }
        #expect(try flags(nil) == .allowSpeculation)
        #expect(try flags([]) == [])
        #expect(try flags(["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_TSYNC"]) == .log)
        #expect(try flags(nil, notifies: true) == [.allowSpeculation, .newListener])
        #expect(
            try flags(["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"], notifies: true) == [.waitKillable, .newListener])
    }
}

struct SeccompCacheTests {
    private let profile = LinuxSeccomp(
        defaultAction: "SCMP_ACT_ALLOW", syscalls: [LinuxSyscall(names: ["mkdir"], action: "SCMP_ACT_ERRNO")])

    private func filter(_ folder: Folder, _ profile: LinuxSeccomp? = nil) throws -> SeccompFilter {
        let profile = profile ?? self.profile
        return try SeccompCache(root: folder.path).filter(for: profile, SeccompPlan(profile))
    }

    private func directory(_ folder: Folder) -> String { folder.path + "/" + StateStore.filtersName }
    private func files(_ folder: Folder) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: directory(folder)).sorted()
    }

    /// Changes the content of the only cached filter.
    private func change(_ folder: Folder, _ edit: (inout [UInt8]) -> Void) throws {
        let path = try directory(folder) + "/" + #require(files(folder).first)
        var bytes = try readFile(path)
        edit(&bytes)
        try Data(bytes).write(to: URL(filePath: path))
    }

    /// Makes the only cached filter another one, as somebody could who can write to it.
    private func replaceProgram(_ folder: Folder, _ made: SeccompFilter) throws {
        try change(folder) { bytes in
            let start = bytes.count - made.program.count
            bytes[bytes.count - 1] ^= 0xff
            bytes.replaceSubrange(start - 8..<start, with: checksum(bytes[start...]))
        }
    }

    @Test func `a filter is cached, and found again`() throws {
        let folder = try Folder()
        let made = try filter(folder)
        #expect(try files(folder).count == 1)
        #expect(try fileStatus(at: directory(folder)).mode & 0o777 == 0o700)
        // A program that can only come from the changed file.
        try replaceProgram(folder, made)
        let found = try filter(folder)
        #expect(found.program.count == made.program.count)
        #expect(found.program != made.program)
        #expect(found.program.dropLast() == made.program.dropLast())
    }

    @Test func `another profile has another filter`() throws {
        let folder = try Folder()
        let other = LinuxSeccomp(defaultAction: "SCMP_ACT_LOG")
        #expect(try filter(folder) != filter(folder, other))
        #expect(try files(folder).count == 2)
    }

    @Test(arguments: ["empty", "short", "odd", "instruction short", "instruction", "profile"])
    func `a broken file is replaced`(how: String) throws {
        let folder = try Folder()
        let made = try filter(folder)
        let whole = try readFile(directory(folder) + "/" + #require(files(folder).first))
        try change(folder) { bytes in
            switch how {
            case "empty": bytes = []
            case "short": bytes.removeLast(made.program.count)
            case "odd": bytes.removeLast(3)
            case "instruction short": bytes.removeLast(8)
            case "instruction": bytes[bytes.count - 20] ^= 0xff
            default: bytes[10] ^= 1
            }
        }
        #expect(try filter(folder) == made)
        #expect(try readFile(directory(folder) + "/" + #require(files(folder).first)) == whole)
    }

    @Test(arguments: [0o755, 0o770, 0o701] as [mode_t])
    func `a directory that other users can access is not used`(mode: mode_t) throws {
        let folder = try Folder()
        let made = try filter(folder)
        try replaceProgram(folder, made)
        chmod(directory(folder), mode)
        #expect(try filter(folder) == made)
    }

    @Test(.enabled(if: geteuid() == 0, "giving a directory away needs root"))
    func `a directory of another user is not used`() throws {
        let folder = try Folder()
        let made = try filter(folder)
        try replaceProgram(folder, made)
        chown(directory(folder), 12345, 0)
        #expect(try filter(folder) == made)
    }

    @Test func `a link in the place of the directory or of a file is not followed`() throws {
        let folder = try Folder()
        let elsewhere = try Folder()
        symlink(elsewhere.path, directory(folder))
        _ = try filter(folder)
        #expect(elsewhere.names == [])
        unlink(directory(folder))
        let made = try filter(folder)
        let name = try #require(files(folder).first)
        rename(directory(folder) + "/" + name, elsewhere.path + "/filter")
        symlink(elsewhere.path + "/filter", directory(folder) + "/" + name)
        #expect(try filter(folder) == made)
    }

    @Test func `a root that cannot be written disables only the cache`() throws {
        let cache = SeccompCache(root: "/proc/no-such-directory")
        #expect(try !cache.filter(for: profile, SeccompPlan(profile)).program.isEmpty)
    }

    @Test func `old filters are removed for new ones`() throws {
        let folder = try Folder()
        for number in 0..<70 {
            let profile = LinuxSeccomp(defaultAction: "SCMP_ACT_ERRNO", defaultErrnoRet: UInt32(number))
            _ = try filter(folder, profile)
        }
        #expect(try files(folder).count <= 64)
    }
}

struct StoredFilterTests {
    @Test func `a container's filter comes back with its flags`() throws {
        let folder = try Folder()
        let directory = try StateStore(root: folder.path).make(id: "web")
        let filter = SeccompFilter(program: [1, 2, 3, 4, 5, 6, 7, 8], flags: [.log, .newListener])
        try StoredFilter.write(filter, to: directory)
        #expect(try StoredFilter.read(from: directory) == filter)
        for bytes: [UInt8] in [
            [], [1, 0, 0, 0], [1, 0, 0, 0, 1, 2, 3], [1, 0, 0, 0] + [UInt8](repeating: 1, count: 16),
        ] {
            try directory.write("seccomp.bpf", bytes)
            #expect(
                failure { try StoredFilter.read(from: directory) }
                    == Failure(.other, "\(folder.path)/web/seccomp.bpf: is not a filter"))
        }
    }
}
