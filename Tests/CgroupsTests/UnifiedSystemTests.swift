// Cgroups on a live cgroup v2 hierarchy, checked by the kernel's files.

import Cgroups
import Glibc
import Kernel
import OCISpec
import Testing

@Suite(.needsUnifiedRoot, .serialized) struct UnifiedSystemTests {
    private static let root = "/swiftrun-test-\(getpid())"

    private func plan(
        _ name: String, _ resources: LinuxResources? = nil, delegation: CgroupDelegation? = nil
    ) throws -> CgroupPlan {
        let path = "\(Self.root)/\(name)"
        let host = try CgroupHost.probe(cgroupsPath: path)
        return try CgroupPlan(
            cgroupsPath: path, containerID: name, resources: resources, driver: .cgroupfs, host: host,
            delegation: delegation)
    }

    /// Runs a closure with a prepared cgroup, and removes the cgroup and its parent in every case.
    private func withCgroup(
        _ name: String, _ resources: LinuxResources? = nil, delegation: CgroupDelegation? = nil,
        _ body: (Cgroup, CgroupPlan) throws -> Void
    ) throws {
        let plan = try plan(name, resources, delegation: delegation)
        let cgroup = Cgroup(plan.location)
        defer {
            try? cgroup.killAll()
            try? cgroup.remove()
            rmdir("/sys/fs/cgroup\(Self.root)")
        }
        _ = try cgroup.prepare(plan)
        try body(cgroup, plan)
    }

    private func value(_ name: String, _ file: String) throws -> String {
        let text = try readText("/sys/fs/cgroup\(Self.root)/\(name)/\(file)")
        return text.last == "\n" ? String(text.dropLast()) : text
    }

    /// The exit status of a shell that first moves into a cgroup.
    private func run(in cgroup: Cgroup, _ script: String) throws -> Int32 {
        let path = try #require(cgroup.location.directories.first?.fullPath)
        let child = try SpawnedProcess(["/bin/sh", "-c", "echo 0 > \(path)/cgroup.procs || exit 99; \(script)"])
        var status: Int32 = 0
        try #require(waitpid(child.pid, &status, 0) == child.pid)
        return status & 0x7f == 0 ? status >> 8 & 0xff : 128 + (status & 0x7f)
    }

    @Test func `the directory is created with every controller, and removed without traces`() throws {
        let plan = try plan("all")
        let cgroup = Cgroup(plan.location)
        defer { rmdir("/sys/fs/cgroup\(Self.root)") }
        let entry = try cgroup.prepare(plan)
        #expect(entry.childWrites == [])
        #expect(entry.cloneIntoDescriptor != nil)
        #expect(try value("all", "cgroup.controllers") == readText("/sys/fs/cgroup/cgroup.controllers").dropLast())
        try cgroup.remove()
        let path = try #require(plan.location.directories.first).fullPath
        #expect(access(path, F_OK) != 0)
        try cgroup.remove()
    }

    @Test func `limits appear in the kernel's files`() throws {
        let resources = LinuxResources(
            memory: LinuxMemory(limit: 64 << 20, reservation: 32 << 20, swap: 96 << 20),
            cpu: LinuxCPU(shares: 512, quota: 20_000, burst: 10_000, period: 50_000, cpus: "0", mems: "0"),
            pids: LinuxPids(limit: 7), unified: ["memory.high": "50331648", "io.max": "254:0 rbps=1048576"])
        try withCgroup("limits", resources) { _, _ throws in
            #expect(try value("limits", "memory.max") == "\(64 << 20)")
            #expect(try value("limits", "memory.low") == "\(32 << 20)")
            #expect(try value("limits", "memory.high") == "\(48 << 20)")
            #expect(try value("limits", "cpu.weight") == "59")
            #expect(try value("limits", "cpu.max") == "20000 50000")
            #expect(try value("limits", "cpu.max.burst") == "10000")
            #expect(try value("limits", "cpuset.cpus") == "0")
            #expect(try value("limits", "pids.max") == "7")
            if access("/sys/fs/cgroup\(Self.root)/limits/memory.swap.max", F_OK) == 0 {
                #expect(try value("limits", "memory.swap.max") == "\(32 << 20)")
            }
        }
    }

    @Test func `devices are refused and allowed by the program`() throws {
        let rules = [
            LinuxDeviceCgroup(allow: false, access: "rwm"),
            LinuxDeviceCgroup(allow: true, type: "c", major: 1, minor: 11, access: "w"),
        ]
        try withCgroup("devices", LinuxResources(devices: rules)) { cgroup, plan throws in
            #expect(try run(in: cgroup, "head -c 1 /dev/zero > /dev/null") == 0)
            #expect(try run(in: cgroup, "exec 3< /dev/kmsg") == 2)
            #expect(try run(in: cgroup, "exec 3> /dev/kmsg") == 0)
            #expect(try run(in: cgroup, "exec 3<> /dev/kmsg") == 2)
            #expect(try run(in: cgroup, "exec 3< /dev/vda") == 2)
            // A second policy replaces the first.
            var open = plan
            open.devices = DevicePolicy(
                allowsByDefault: false, rules: [DeviceRule(allow: true, .block, nil, nil, .read)])
            _ = try cgroup.prepare(open)
            #expect(try run(in: cgroup, "exec 3< /dev/vda") == 0)
            #expect(try run(in: cgroup, "exec 3> /dev/kmsg") == 2)
            open.devices = DevicePolicy(allowsByDefault: true, rules: [])
            _ = try cgroup.prepare(open)
            #expect(try run(in: cgroup, "exec 3< /dev/kmsg; exec 4> /dev/kmsg") == 0)
        }
    }

    @Test func `an adopted process is listed, frozen and killed`() throws {
        try withCgroup("adopt") { cgroup, plan throws in
            let child = try SpawnedProcess()
            try cgroup.adopt(child.pid, plan: plan)
            #expect(try cgroup.processes() == [child.pid])
            #expect(try cgroup.isFrozen() == false)
            try cgroup.freeze()
            #expect(try cgroup.isFrozen())
            try cgroup.thaw()
            #expect(try cgroup.isFrozen() == false)
            try cgroup.freeze()
            try cgroup.killAll()
            var status: Int32 = 0
            #expect(waitpid(child.pid, &status, 0) == child.pid)
            #expect(status & 0x7f == SIGKILL)
            #expect(try cgroup.processes() == [])
        }
    }

    @Test func `a cgroup with a process, or a frozen one, is refused`() throws {
        try withCgroup("taken") { cgroup, plan throws in
            do {
                let child = try SpawnedProcess()
                try cgroup.adopt(child.pid, plan: plan)
                let refusal = failure { () throws(CgroupFailure) in try cgroup.prepare(plan) }
                #expect(
                    refusal?.description
                        == "cgroup /sys/fs/cgroup\(Self.root)/taken: container's cgroup is not empty: "
                        + "1 process(es) found")
                #expect(try cgroup.processes() == [child.pid])
            }
            try cgroup.freeze()
            let refusal = failure { () throws(CgroupFailure) in try cgroup.prepare(plan) }
            try cgroup.thaw()
            #expect(
                refusal?.description
                    == "cgroup /sys/fs/cgroup\(Self.root)/taken: container's cgroup unexpectedly frozen")
        }
    }

    @Test func `an unknown raw file names key and controller, and leaves nothing`() throws {
        let plan = try plan("unknown", LinuxResources(unified: ["foo.bar": "1"]))
        defer { rmdir("/sys/fs/cgroup\(Self.root)") }
        let refusal = failure { () throws(CgroupFailure) in try Cgroup(plan.location).prepare(plan) }
        #expect(
            refusal?.description
                == "linux.resources.unified[\"foo.bar\"]: write \"1\" to /sys/fs/cgroup\(Self.root)/unknown/foo.bar: "
                + "no such file or directory (the controller foo or this file is not available here)")
        #expect(refusal?.kind == .unavailable)
        let path = try #require(plan.location.directories.first).fullPath
        #expect(access(path, F_OK) != 0)
    }

    @Test(
        .enabled("needs a disk 254:0 without I/O cost control") {
            access("/sys/dev/block/254:0", F_OK) == 0
                && (try? readText("/sys/fs/cgroup/io.cost.qos"))?.contains("254:0 enable=1") == false
        })
    func `a weight that a disk does not support is reported with the file that was tried last`() throws {
        let disk = LinuxWeightDevice(major: 254, minor: 0, weight: 1_000)
        let plan = try plan("weight", LinuxResources(blockIO: LinuxBlockIO(weightDevice: [disk])))
        defer { rmdir("/sys/fs/cgroup\(Self.root)") }
        let refusal = failure { () throws(CgroupFailure) in try Cgroup(plan.location).prepare(plan) }
        #expect(
            refusal?.description
                == "linux.resources.blockIO.weightDevice[0].weight: write \"254:0 10000\" to "
                + "/sys/fs/cgroup\(Self.root)/weight/io.weight: operation not supported")
    }

    @Test func `a delegated cgroup belongs to its owner`() throws {
        try withCgroup("given", delegation: CgroupDelegation(uid: 4_321)) { _, plan throws in
            let path = try #require(plan.location.directories.first).fullPath
            for file in ["", "/cgroup.procs", "/cgroup.subtree_control", "/cgroup.threads"] {
                var facts = stat()
                #expect(stat("\(path)\(file)", &facts) == 0)
                #expect(facts.st_uid == 4_321)
            }
            var facts = stat()
            #expect(stat("\(path)/memory.max", &facts) == 0)
            #expect(facts.st_uid == 0)
        }
    }

    @Test func `exec joins a sub-cgroup, or the one that init has moved to`() throws {
        try withCgroup("sub") { cgroup, plan throws in
            let path = try #require(plan.location.directories.first).fullPath
            try #require(mkdir("\(path)/a", 0o755) == 0)
            let child = try SpawnedProcess()
            try writeFile("\(path)/a/cgroup.procs", "\(child.pid)")
            let below = try cgroup.placementForExec(initPid: child.pid, subPaths: ["a"])
            #expect(below.location.directories.map(\.fullPath) == ["\(path)/a"])
            let following = try cgroup.placementForExec(initPid: child.pid, followingInit: true)
            #expect(following.location.directories.map(\.fullPath) == ["\(path)/a"])
            #expect(try cgroup.processes() == [child.pid])
        }
    }

    @Test func `an update that fails leaves every value as it was`() throws {
        let before = LinuxResources(
            memory: LinuxMemory(limit: 64 << 20), cpu: LinuxCPU(quota: 20_000, period: 50_000),
            pids: LinuxPids(limit: 7))
        try withCgroup("update", before) { cgroup, _ throws in
            try cgroup.update(LinuxResources(cpu: LinuxCPU(period: 100_000)))
            #expect(try value("update", "cpu.max") == "20000 100000")
            let refusal = failure { () throws(CgroupFailure) in
                try cgroup.update(
                    LinuxResources(
                        memory: LinuxMemory(limit: 32 << 20), cpu: LinuxCPU(quota: 10_000, cpus: "4000"),
                        pids: LinuxPids(limit: 9)))
            }
            #expect(
                refusal?.description.hasPrefix("linux.resources.cpu.cpus: write \"4000\" to /sys/fs/cgroup") == true)
            #expect(try value("update", "memory.max") == "\(64 << 20)")
            #expect(try value("update", "cpu.max") == "20000 100000")
            #expect(try value("update", "pids.max") == "7")
        }
    }

    @Test func `a process over the memory limit is killed and counted`() throws {
        let resources = LinuxResources(memory: LinuxMemory(limit: 16 << 20, swap: 16 << 20))
        try withCgroup("oom", resources) { cgroup, _ throws in
            var events = try cgroup.oomEvents()
            #expect(cgroup.oomKillCount() == 0)
            #expect(try run(in: cgroup, "head -c 64M /dev/zero | tail -n 1 > /dev/null") == 128 + SIGKILL)
            #expect(events.next() == .outOfMemory(killed: 1))
            #expect(cgroup.oomKillCount() == 1)
            #expect(cgroup.memoryUse()?.limit == 16 << 20)
            // The shell has ended, so the cgroup has no process left.
            #expect(events.next() == .gone)
        }
    }

    @Test func `below a threaded cgroup a new one is threaded, and cannot limit memory`() throws {
        try withCgroup("threads") { cgroup, plan throws in
            let path = try #require(plan.location.directories.first).fullPath
            try #require(mkdir("\(path)/parent", 0o755) == 0)
            try writeFile("\(path)/parent/cgroup.type", "threaded")
            func inner(_ resources: LinuxResources?) throws -> CgroupPlan {
                try CgroupPlan(
                    cgroupsPath: "\(Self.root)/threads/parent/inner", containerID: "inner", resources: resources,
                    driver: .cgroupfs, host: CgroupHost.probe(cgroupsPath: "/"))
            }
            let limited = try inner(LinuxResources(memory: LinuxMemory(limit: 64 << 20)))
            let refusal = failure { () throws(CgroupFailure) in try Cgroup(limited.location).prepare(limited) }
            #expect(
                refusal?.description
                    == "linux.resources.memory.limit: cgroup \(path)/parent/inner is of type \"domain invalid\", where "
                    + "the memory controller cannot be")
            let free = try inner(LinuxResources(cpu: LinuxCPU(shares: 512)))
            _ = try Cgroup(free.location).prepare(free)
            #expect(try readText("\(path)/parent/inner/cgroup.type") == "threaded\n")
            try Cgroup(free.location).remove()
        }
    }

    @Test func `statistics are read from the kernel`() throws {
        try withCgroup("statistics", LinuxResources(pids: LinuxPids(limit: 7))) { cgroup, plan throws in
            #expect(try run(in: cgroup, "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done") == 0)
            let statistics = try cgroup.statistics()
            #expect((statistics.cpu?.total ?? 0) > 1_000_000)
            #expect(statistics.cpu?.pressure != nil)
            #expect((statistics.memory?.usage.max ?? 0) > 0)
            #expect(statistics.memory?.usage.limit == .max)
            #expect(statistics.pids == PidsStatistics(current: 0, limit: 7))
            try cgroup.remove()
            let gone = failure { () throws(CgroupFailure) in try cgroup.statistics() }
            #expect(gone?.code == .noSuchFileOrDirectory)
        }
    }
}
