// The plan for `process`.

import Kernel
import OCISpec
import Testing

@testable import Planning

struct ProcessPlanTests {
    private func plan(_ edit: (inout OCISpec.Process) -> Void) throws -> ProcessPlan {
        var process = OCISpec.Process(args: ["sh"], cwd: "/")
        edit(&process)
        return try ProcessPlan(process)
    }

    @Test func `of two values of a variable the later one wins, at the position of the first`() throws {
        let plan = try plan { $0.env = ["A=1", "HOME=/h", "B=2", "A=3", "A=", "C=x=y"] }
        #expect(plan.environment == ["A=", "HOME=/h", "B=2", "C=x=y"])
        #expect(!plan.needsHome)
    }

    @Test func `a value may contain any character`() throws {
        let entry = "X=a\nb\t\"é= "
        #expect(try plan { $0.env = [entry, "HOME=/"] }.environment == [entry, "HOME=/"])
    }

    @Test(arguments: [[], ["A=1"], ["HOME="], ["HOME=/x", "HOME="]])
    func `a missing or empty home is looked up later`(env: [String]) throws {
        let plan = try plan { $0.env = env }
        #expect(plan.needsHome)
        #expect(!plan.environment.contains { $0.hasPrefix("HOME=") })
    }

    @Test(
        arguments: [
            (["PATH=/a:/b"], "sh", ["/a/sh", "/b/sh"]),
            (["PATH=/a"], "/bin/sh", ["/bin/sh"]),
            (["PATH=/a"], "bin/sh", ["bin/sh"]),
            (["PATH=/a"], "./sh", ["./sh"]),
            (["PATH=/a::/b:"], "sh", ["/a/sh", "./sh", "/b/sh", "./sh"]),
            (["PATH=/x", "PATH=/y"], "sh", ["/y/sh"]),
            (
                ["XPATH=/a"], "sh",
                ["/usr/local/sbin/sh", "/usr/local/bin/sh", "/usr/sbin/sh", "/usr/bin/sh", "/sbin/sh", "/bin/sh"]
            ),
            (["PATH=/a"], "", []),
        ] as [([String], String, [String])])
    func `a program is looked for in the container's PATH unless it has a slash`(
        env: [String], program: String, candidates: [String]
    ) throws {
        #expect(try plan { ($0.env, $0.args) = (env, [program, "-c"]) }.candidates == candidates)
    }

    @Test func `a terminal has the size it is given`() throws {
        let plan = try plan { ($0.terminal, $0.consoleSize) = (true, Box(height: 25, width: 100_000)) }
        #expect(plan.hasTerminal)
        #expect(plan.consoleRows == 25)
        #expect(plan.consoleColumns == 65535)
    }

    @Test func `the umask is 0022 unless the config has one`() throws {
        #expect(try plan { _ in }.umask == 0o022)
        #expect(try plan { $0.user.umask = 0 }.umask == 0)
        #expect(try plan { $0.user.umask = 0o777 }.umask == 0o777)
    }

    @Test func `without capabilities there are none`() throws {
        let plan = try plan { _ in }
        #expect(plan.capabilities == ProcessPlan.Capabilities())
        #expect(plan.warnings == [])
    }

    @Test func `missing sets are empty, and given sets are unchanged`() throws {
        let plan = try plan {
            $0.capabilities = LinuxCapabilities(
                bounding: ["CAP_KILL", "CAP_CHOWN"], effective: ["CAP_KILL"], permitted: ["CAP_KILL", "CAP_CHOWN"])
        }
        #expect(plan.capabilities.bounding.memberNames == ["CAP_CHOWN", "CAP_KILL"])
        #expect(plan.capabilities.effective.memberNames == ["CAP_KILL"])
        #expect(plan.capabilities.permitted.memberNames == ["CAP_CHOWN", "CAP_KILL"])
        #expect(plan.capabilities.inheritable.isEmpty)
        #expect(plan.capabilities.ambient.isEmpty)
        #expect(plan.warnings == [])
    }

    @Test func `an unknown capability is reported once and ignored`() throws {
        let plan = try plan {
            $0.capabilities = LinuxCapabilities(
                bounding: ["CAP_KILL", "CAP_FLY"], effective: ["CAP_FLY"], permitted: ["CAP_KILL", "kill"])
        }
        #expect(plan.capabilities.bounding.memberNames == ["CAP_KILL"])
        #expect(
            plan.warnings == [
                "process.capabilities: ignoring unknown capability \"CAP_FLY\"",
                "process.capabilities: ignoring unknown capability \"kill\" (did you mean CAP_KILL?)",
            ])
    }

    @Test func `a capability that the kernel would refuse is left out with a note`() throws {
        let plan = try plan {
            $0.capabilities = LinuxCapabilities(
                bounding: ["CAP_KILL"], effective: ["CAP_KILL", "CAP_CHOWN"], inheritable: ["CAP_KILL", "CAP_MKNOD"],
                permitted: ["CAP_KILL"], ambient: ["CAP_KILL", "CAP_SYSLOG"])
        }
        #expect(plan.capabilities.effective.memberNames == ["CAP_KILL"])
        #expect(plan.capabilities.inheritable.memberNames == ["CAP_KILL"])
        #expect(plan.capabilities.ambient.memberNames == ["CAP_KILL"])
        #expect(
            plan.warnings == [
                "process.capabilities.effective: ignoring CAP_CHOWN, which is not permitted",
                "process.capabilities.inheritable: ignoring CAP_MKNOD, which is not in the bounding set",
                "process.capabilities.ambient: can't raise ambient capability CAP_SYSLOG: it is not permitted and inheritable",
            ])
    }

    @Test func `a capability that the runtime lacks is reported`() throws {
        let plan = try plan { $0.capabilities = LinuxCapabilities(permitted: ["CAP_KILL", "CAP_SYS_RESOURCE"]) }
        let own = CapabilitySet(name: "CAP_KILL") ?? []
        #expect(
            plan.warnings(grantedBy: own) == [
                "process.capabilities.permitted: ignoring CAP_SYS_RESOURCE, which the runtime does not have itself"
            ])
    }

    @Test func `every resource can be limited, without limit too`() throws {
        let plan = try plan {
            $0.rlimits = ResourceLimit.allCases.map { POSIXRlimit(type: $0.name, hard: .max, soft: 1) }
        }
        #expect(plan.limits.map(\.resource) == ResourceLimit.allCases)
        #expect(plan.limits.allSatisfy { $0.soft == 1 && $0.hard == .max })
        #expect(plan.limits.map(\.key) == ResourceLimit.allCases.indices.map { "process.rlimits[\($0)]" })
    }

    @Test func `empty labels are none`() throws {
        let plan = try plan { ($0.apparmorProfile, $0.selinuxLabel) = ("", "") }
        #expect(plan.apparmorProfile == nil)
        #expect(plan.selinuxLabel == nil)
    }

    @Test func `an absent adjustment of the out-of-memory score stays absent`() throws {
        #expect(try plan { _ in }.oomScoreAdjustment == nil)
        #expect(try plan { $0.oomScoreAdj = 0 }.oomScoreAdjustment == 0)
        #expect(try plan { $0.oomScoreAdj = -1000 }.oomScoreAdjustment == -1000)
    }
}

struct SchedulingPlanTests {
    private func plan(
        _ edit: (inout OCISpec.Process) -> Void = { _ in }, personality: LinuxPersonality? = nil,
        memoryPolicy: LinuxMemoryPolicy? = nil
    ) throws -> SchedulingPlan {
        var process = OCISpec.Process(args: ["sh"], cwd: "/")
        edit(&process)
        return try ProcessPlan(process, personality: personality, memoryPolicy: memoryPolicy).scheduling
    }

    @Test func `nothing is scheduled unless the config says so`() throws { #expect(try plan() == SchedulingPlan()) }

    @Test func `a scheduler is packed for the kernel`() throws {
        let plan = try plan {
            $0.scheduler = Scheduler(
                policy: "SCHED_DEADLINE", flags: ["SCHED_FLAG_RESET_ON_FORK", "SCHED_FLAG_RECLAIM"], runtime: 10,
                deadline: 20, period: 30)
        }
        #expect(
            plan.attributes
                == SchedulingPlan.Attributes(
                    policy: 6, flags: 3, nice: 0, priority: 0, runtime: 10, deadline: 20, period: 30))
    }

    @Test(arguments: [
        Scheduler(policy: "SCHED_OTHER", nice: -20), Scheduler(policy: "SCHED_BATCH", nice: 19),
        Scheduler(policy: "SCHED_FIFO", priority: 1), Scheduler(policy: "SCHED_RR", priority: 99),
        Scheduler(policy: "SCHED_IDLE"), Scheduler(policy: "SCHED_DEADLINE", runtime: 5, deadline: 5),
    ])
    func `valid attributes of a policy are accepted`(scheduler: Scheduler) throws {
        let attributes = try #require(try plan { $0.scheduler = scheduler }.attributes)
        #expect(attributes.nice == scheduler.nice)
        #expect(attributes.priority == UInt32(scheduler.priority))
    }

    @Test(
        arguments: [
            ("IOPRIO_CLASS_RT", 0, 0x2000), ("IOPRIO_CLASS_BE", 7, 0x4007), ("IOPRIO_CLASS_IDLE", 3, 0x6003),
        ] as [(String, Int, Int32)])
    func `an I/O priority is class and level in one`(name: String, priority: Int, value: Int32) throws {
        #expect(try plan { $0.ioPriority = LinuxIOPriority(class: name, priority: priority) }.ioPriority == value)
    }

    @Test func `personalities are two`() throws {
        #expect(try plan(personality: LinuxPersonality(domain: "LINUX")).personality == 0)
        #expect(try plan(personality: LinuxPersonality(domain: "LINUX32")).personality == 8)
    }

    @Test func `nodes are a bit mask in words of 64`() throws {
        let plan = try plan(
            memoryPolicy: LinuxMemoryPolicy(mode: "MPOL_BIND", nodes: "0,63-64,130", flags: ["MPOL_F_STATIC_NODES"]))
        #expect(
            plan.memoryPolicy == SchedulingPlan.MemoryPolicy(mode: 2 | 1 << 15, nodes: [1 | 1 << 63, 1, 4]))
        #expect(plan.memoryPolicy?.members == [0, 63, 64, 130])
    }

    @Test(arguments: ["MPOL_DEFAULT", "MPOL_LOCAL", "MPOL_PREFERRED"])
    func `some modes need no nodes`(mode: String) throws {
        #expect(try plan(memoryPolicy: LinuxMemoryPolicy(mode: mode)).memoryPolicy?.nodes == [])
    }

    @Test func `affinities are lists, and empty ones are none`() throws {
        let plan = try plan { $0.execCPUAffinity = CPUAffinity(initial: "0-3,7", final: "") }
        #expect(plan.initialAffinity == [0, 1, 2, 3, 7])
        #expect(plan.finalAffinity == nil)
    }
}

struct NumberListTests {
    @Test(
        arguments: [
            ("", []), ("0", [0]), ("0-3,7", [0, 1, 2, 3, 7]), ("7,0-3", [0, 1, 2, 3, 7]), ("1,1,1", [1]),
            (" 1 , 2-3\n", [1, 2, 3]), (",,5,", [5]), ("5-5", [5]), ("007", [7]), ("9", [9]),
        ] as [(String, [Int])])
    func `a list gives its numbers in order without duplicates`(text: String, numbers: [Int]) throws {
        #expect(try numberList(text, "key", below: 10) == numbers)
    }

    @Test(arguments: [
        ("x", "\"x\" is neither a number nor a range"), ("1-", "\"1-\" is neither a number nor a range"),
        ("-", "\"-\" is neither a number nor a range"), ("3-1", "\"3-1\" is neither a number nor a range"),
        ("1-2-3", "\"1-2-3\" is neither a number nor a range"), ("+1", "\"+1\" is neither a number nor a range"),
        ("0x1", "\"0x1\" is neither a number nor a range"), ("1 2", "\"1 2\" is neither a number nor a range"),
        ("1 - 2", "\"1 - 2\" is neither a number nor a range"), ("10", "10 is more than 9"),
        ("0-9999999", "9999999 is more than 9"), (",", "\",\" has no numbers"),
        ("٣", "\"٣\" is neither a number nor a range"),
    ])
    func `an invalid list is refused`(text: String, problem: String) {
        #expect(refusal { try numberList(text, "key", below: 10) } == "key: " + problem)
    }

    @Test(.timeLimit(.minutes(1)))
    func `a long text of overlapping ranges is refused quickly`() {
        let text = Array(repeating: "0-65535", count: 100_000).joined(separator: ",")
        #expect(refusal { try numberList(text, "key", below: 65536) } == "key: has too many overlapping ranges")
    }
}
