// Cgroups on a live cgroup v1 hierarchy, checked by the kernel's files.

import Cgroups
import Glibc
import Kernel
import OCISpec
import Testing

@Suite(.needsLegacyRoot, .serialized) struct LegacySystemTests {
    private static let root = "/swiftrun-test-\(getpid())"

    private func plan(_ name: String, _ resources: LinuxResources? = nil) throws -> CgroupPlan {
        let path = "\(Self.root)/\(name)"
        let host = try CgroupHost.probe(cgroupsPath: path)
        return try CgroupPlan(
            cgroupsPath: path, containerID: name, resources: resources, driver: .cgroupfs, host: host)
    }

    /// Runs a closure with a prepared cgroup, and removes the cgroup and its parent in every case.
    private func withCgroup(
        _ name: String, _ resources: LinuxResources? = nil, _ body: (Cgroup, CgroupPlan) throws -> Void
    ) throws {
        let plan = try plan(name, resources)
        let cgroup = Cgroup(plan.location)
        defer {
            try? cgroup.killAll()
            try? cgroup.remove()
            for directory in plan.location.directories { rmdir(directory.mount + Self.root) }
        }
        _ = try cgroup.prepare(plan)
        try body(cgroup, plan)
    }

    private func value(_ controller: String, _ name: String, _ file: String) throws -> String {
        let text = try readText("/sys/fs/cgroup/\(controller)\(Self.root)/\(name)/\(file)")
        return text.last == "\n" ? String(text.dropLast()) : text
    }

    @Test func `every mounted controller gets a directory, and removal removes all`() throws {
        let plan = try plan("all")
        let cgroup = Cgroup(plan.location)
        defer { for directory in plan.location.directories { rmdir(directory.mount + Self.root) } }
        _ = try cgroup.prepare(plan)
        #expect(plan.location.directories.count >= 8)
        for directory in plan.location.directories { #expect(access(directory.fullPath, F_OK) == 0) }
        try cgroup.remove()
        for directory in plan.location.directories { #expect(access(directory.fullPath, F_OK) != 0) }
        try cgroup.remove()
    }

    @Test func `limits appear in the kernel's files`() throws {
        let resources = LinuxResources(
            memory: LinuxMemory(limit: 64 << 20, reservation: 32 << 20, swap: 96 << 20, swappiness: 10),
            cpu: LinuxCPU(shares: 512, quota: 20_000, period: 50_000, cpus: "0", mems: "0"),
            pids: LinuxPids(limit: 7))
        try withCgroup("limits", resources) { _, _ throws in
            #expect(try value("memory", "limits", "memory.limit_in_bytes") == "\(64 << 20)")
            #expect(try value("memory", "limits", "memory.memsw.limit_in_bytes") == "\(96 << 20)")
            #expect(try value("memory", "limits", "memory.soft_limit_in_bytes") == "\(32 << 20)")
            #expect(try value("memory", "limits", "memory.swappiness") == "10")
            #expect(try value("cpu", "limits", "cpu.shares") == "512")
            #expect(try value("cpu", "limits", "cpu.cfs_quota_us") == "20000")
            #expect(try value("cpu", "limits", "cpu.cfs_period_us") == "50000")
            #expect(try value("cpuset", "limits", "cpuset.cpus") == "0")
            #expect(try value("pids", "limits", "pids.max") == "7")
        }
    }

    @Test func `without limits the cpuset is the parent's`() throws {
        try withCgroup("cpuset") { _, _ throws in
            let parent = try readText("/sys/fs/cgroup/cpuset/cpuset.cpus")
            #expect(try value("cpuset", "cpuset", "cpuset.cpus") == parent.dropLast())
        }
    }

    @Test func `the default device rules are the kernel's list`() throws {
        try withCgroup("devices", LinuxResources(devices: [LinuxDeviceCgroup(allow: false, access: "rwm")])) {
            _, _ throws in
            let list = try value("devices", "devices", "devices.list").split(separator: "\n").map(String.init)
            #expect(
                Set(list) == [
                    "c *:* m", "b *:* m", "c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm", "c 1:9 rwm",
                    "c 5:0 rwm", "c 136:* rwm", "c 5:2 rwm", "c 10:200 rwm",
                ])
        }
    }

    @Test func `a thread that writes to the files of the placement is in every cgroup`() throws {
        try withCgroup("entry") { cgroup, plan throws in
            let entry = try cgroup.placementForExec(initPid: getpid())
            let descriptors = entry.childWrites
            var code: Int32 = -1
            var during = ""
            try onOwnThread {
                var failed = -1
                code = CgroupPlacement.enter(descriptors, failed: &failed)
                during = (try? readText("/proc/thread-self/cgroup")) ?? ""
            }
            #expect(code == 0)
            #expect(entry.childWrites.count >= 8)
            for controller in ["memory", "cpu", "devices", "pids", "freezer"] {
                #expect(during.contains(":\(controller):\(Self.root)/entry\n"))
            }
        }
    }

    @Test func `an adopted process is listed, frozen, thawed and killed`() throws {
        try withCgroup("adopt") { cgroup, plan throws in
            let child = try SpawnedProcess()
            try cgroup.adopt(child.pid, plan: plan)
            #expect(try cgroup.processes() == [child.pid])
            #expect(try cgroup.isFrozen() == false)
            try cgroup.freeze()
            #expect(try cgroup.isFrozen())
            try cgroup.killAll()
            var status: Int32 = 0
            #expect(waitpid(child.pid, &status, 0) == child.pid)
            #expect(status & 0x7f == SIGKILL)
            #expect(try cgroup.processes() == [])
        }
    }

    @Test func `a cgroup with a process is refused and unchanged`() throws {
        try withCgroup("taken") { cgroup, plan throws in
            let child = try SpawnedProcess()
            try cgroup.adopt(child.pid, plan: plan)
            let refusal = failure { () throws(CgroupFailure) in try cgroup.prepare(plan) }
            #expect(refusal?.kind == .occupied)
            #expect(
                refusal?.description
                    == "cgroup /sys/fs/cgroup/cpuset\(Self.root)/taken: container's cgroup is not empty: 1 process(es) found"
            )
            #expect(try cgroup.processes() == [child.pid])
        }
    }

    @Test func `a frozen cgroup is refused`() throws {
        try withCgroup("frozen") { cgroup, plan throws in
            try cgroup.freeze()
            let refusal = failure { () throws(CgroupFailure) in try cgroup.prepare(plan) }
            try cgroup.thaw()
            #expect(
                refusal?.description
                    == "cgroup /sys/fs/cgroup/freezer\(Self.root)/frozen: container's cgroup unexpectedly frozen")
        }
    }

    @Test func `removal includes sub-cgroups`() throws {
        try withCgroup("deep") { cgroup, plan throws in
            for directory in plan.location.directories {
                try #require(mkdir("\(directory.fullPath)/one", 0o755) == 0)
                try #require(mkdir("\(directory.fullPath)/one/two", 0o755) == 0)
            }
            try cgroup.remove()
            for directory in plan.location.directories { #expect(access(directory.fullPath, F_OK) != 0) }
        }
    }

    @Test func `a refused limit names key, file and value, and leaves nothing`() throws {
        let plan = try plan("refused", LinuxResources(cpu: LinuxCPU(cpus: "4000")))
        defer { for directory in plan.location.directories { rmdir(directory.mount + Self.root) } }
        let refusal = failure { () throws(CgroupFailure) in try Cgroup(plan.location).prepare(plan) }
        #expect(
            refusal?.description
                == "linux.resources.cpu.cpus: write \"4000\" to /sys/fs/cgroup/cpuset\(Self.root)/refused/cpuset.cpus: "
                + "numerical result out of range (the host has no CPU or memory node of this number)")
        for directory in plan.location.directories { #expect(access(directory.fullPath, F_OK) != 0) }
    }

    @Test func `shares that the kernel would clamp are an error`() throws {
        let plan = try plan("clamped", LinuxResources(cpu: LinuxCPU(shares: 1)))
        defer { for directory in plan.location.directories { rmdir(directory.mount + Self.root) } }
        let refusal = failure { () throws(CgroupFailure) in try Cgroup(plan.location).prepare(plan) }
        #expect(
            refusal?.description
                == "linux.resources.cpu.shares: write \"1\" to /sys/fs/cgroup/cpu\(Self.root)/clamped/cpu.shares: "
                + "the kernel made it 2")
    }

    @Test func `exec joins a sub-cgroup by controller`() throws {
        try withCgroup("sub") { cgroup, plan throws in
            for directory in plan.location.directories { try #require(mkdir("\(directory.fullPath)/a", 0o755) == 0) }
            let entry = try cgroup.placementForExec(initPid: getpid(), subPaths: ["memory,pids:a"])
            #expect(entry.location.directory(of: "memory")?.path == "\(Self.root)/sub/a")
            #expect(entry.location.directory(of: "cpu")?.path == "\(Self.root)/sub")
            let absent = failure { () throws(CgroupFailure) in
                try cgroup.placementForExec(initPid: getpid(), subPaths: ["memory:nope"])
            }
            #expect(
                absent?.description
                    == "open cgroup /sys/fs/cgroup/memory\(Self.root)/sub/nope: no such file or directory")
        }
    }

    @Test func `an update that fails leaves every value as it was`() throws {
        let before = LinuxResources(
            memory: LinuxMemory(limit: 64 << 20), cpu: LinuxCPU(quota: 20_000, period: 50_000),
            pids: LinuxPids(limit: 7))
        try withCgroup("update", before) { cgroup, _ throws in
            try cgroup.update(LinuxResources(cpu: LinuxCPU(period: 100_000)))
            #expect(try value("cpu", "update", "cpu.cfs_period_us") == "100000")
            #expect(try value("cpu", "update", "cpu.cfs_quota_us") == "20000")
            let refusal = failure { () throws(CgroupFailure) in
                try cgroup.update(
                    LinuxResources(
                        memory: LinuxMemory(limit: 32 << 20, swap: 40 << 20),
                        cpu: LinuxCPU(quota: 10_000, period: 20_000), pids: LinuxPids(limit: 1 << 40)))
            }
            #expect(
                refusal?.description
                    == "linux.resources.pids.limit: write \"1099511627776\" to /sys/fs/cgroup/pids\(Self.root)/update/"
                    + "pids.max: invalid argument")
            #expect(try value("memory", "update", "memory.limit_in_bytes") == "\(64 << 20)")
            #expect(try value("cpu", "update", "cpu.cfs_quota_us") == "20000")
            #expect(try value("cpu", "update", "cpu.cfs_period_us") == "100000")
            #expect(try value("pids", "update", "pids.max") == "7")
        }
    }

    @Test func `the memory pair can grow and shrink`() throws {
        try withCgroup("pair", LinuxResources(memory: LinuxMemory(limit: 64 << 20, swap: 64 << 20))) {
            cgroup, _ throws in
            for (limit, swap) in [(128, 160), (32, 32), (64, 300)] as [(Int64, Int64)] {
                try cgroup.update(LinuxResources(memory: LinuxMemory(limit: limit << 20, swap: swap << 20)))
                #expect(try value("memory", "pair", "memory.limit_in_bytes") == "\(limit << 20)")
                #expect(try value("memory", "pair", "memory.memsw.limit_in_bytes") == "\(swap << 20)")
            }
            try cgroup.update(LinuxResources(memory: LinuxMemory(limit: -1)))
            #expect(try value("memory", "pair", "memory.memsw.limit_in_bytes").count > 18)
        }
    }

    @Test func `a process over the memory limit is killed and counted`() throws {
        let resources = LinuxResources(memory: LinuxMemory(limit: 16 << 20, swap: 16 << 20))
        try withCgroup("oom", resources) { cgroup, _ throws in
            var events = try cgroup.oomEvents()
            #expect(cgroup.oomKillCount() == 0)
            let path = try #require(cgroup.location.directory(of: "memory")?.fullPath)
            let child = try SpawnedProcess([
                "/bin/sh", "-c", "echo 0 > \(path)/cgroup.procs; head -c 64M /dev/zero | tail -n 1 > /dev/null",
            ])
            var status: Int32 = 0
            #expect(waitpid(child.pid, &status, 0) == child.pid)
            #expect(status == (128 + SIGKILL) << 8)
            #expect(events.next() == .outOfMemory(killed: 1))
            #expect(cgroup.oomKillCount() == 1)
            #expect(cgroup.memoryUse()?.limit == 16 << 20)
            #expect((cgroup.memoryUse()?.peak ?? 0) > 15 << 20)
            try cgroup.remove()
            var news = pollfd(fd: events.descriptor.rawValue, events: Int16(POLLIN), revents: 0)
            #expect(poll(&news, 1, 5_000) == 1)
            #expect(events.next() == .gone)
        }
    }
}
