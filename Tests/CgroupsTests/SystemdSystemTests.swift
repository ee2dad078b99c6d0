// Cgroups of a live systemd, checked by the kernel's files and systemd's properties.

import Cgroups
import Glibc
import Kernel
import OCISpec
import Testing

@Suite(.needsSystemd, .serialized) struct SystemdSystemTests {
    private func plan(_ name: String, _ resources: LinuxResources? = nil) throws -> CgroupPlan {
        try CgroupPlan(
            cgroupsPath: "system.slice:swifttest\(getpid()):\(name)", containerID: name, resources: resources,
            driver: .systemd, host: CgroupHost.probe(driver: .systemd))
    }

    private func show(_ unit: String, _ property: String) throws -> String {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        defer { close(ends[0]) }
        let child = try SpawnedProcess(
            ["/bin/sh", "-c", "exec systemctl show --value -p \(property) \(unit) >&\(ends[1])"])
        close(ends[1])
        defer { withExtendedLifetime(child) {} }
        let text = String(decoding: try readAll(ends[0]), as: UTF8.self)
        return text.last == "\n" ? String(text.dropLast()) : text
    }

    @Test func `a scope contains the process with its limits, accepts new ones, and is removed`() throws {
        let resources = LinuxResources(
            devices: [LinuxDeviceCgroup(allow: false, access: "rwm")], memory: LinuxMemory(limit: 64 << 20),
            cpu: LinuxCPU(shares: 512, quota: 20_000, period: 50_000), pids: LinuxPids(limit: 7),
            unified: ["memory.high": "50331648"])
        let plan = try plan("scope", resources)
        let cgroup = Cgroup(plan.location)
        let unit = try #require(plan.location.unit)
        let path = try #require(plan.location.directories.first).fullPath
        let child = try SpawnedProcess()
        defer { try? cgroup.remove() }
        let entry = try cgroup.prepare(plan)
        let needsAdoption = entry.needsAdoption
        #expect(needsAdoption)
        try cgroup.adopt(child.pid, plan: plan)
        #expect(try cgroup.processes() == [child.pid])
        #expect(try readText("\(path)/memory.max") == "\(64 << 20)\n")
        #expect(try readText("\(path)/memory.high") == "\(48 << 20)\n")
        #expect(try readText("\(path)/cpu.max") == "20000 50000\n")
        #expect(try readText("\(path)/cpu.weight") == "59\n")
        #expect(try readText("\(path)/pids.max") == "7\n")
        #expect(try show(unit, "MemoryMax") == "\(64 << 20)")
        #expect(try show(unit, "DevicePolicy") == "strict")
        #expect(try show(unit, "Delegate") == "yes")
        #expect(try show(unit, "NeedDaemonReload") == "no")

        try cgroup.update(LinuxResources(memory: LinuxMemory(limit: 80 << 20), cpu: LinuxCPU(quota: 10_000)))
        #expect(try readText("\(path)/memory.max") == "\(80 << 20)\n")
        #expect(try show(unit, "MemoryMax") == "\(80 << 20)")
        #expect(try readText("\(path)/cpu.max") == "10000 50000\n")
        let reload = try SpawnedProcess(["/bin/systemctl", "daemon-reload"])
        #expect(waitpid(reload.pid, nil, 0) == reload.pid)
        #expect(try readText("\(path)/memory.max") == "\(80 << 20)\n")
        #expect(try readText("\(path)/cpu.max") == "10000 50000\n")

        try cgroup.killAll()
        #expect(waitpid(child.pid, nil, 0) == child.pid)
        try cgroup.remove()
        #expect(access(path, F_OK) != 0)
        #expect(try show(unit, "LoadState") == "not-found")
        try cgroup.remove()
    }

    @Test func `devices are refused before and after a reload`() throws {
        let plan = try plan("devices", LinuxResources(devices: [LinuxDeviceCgroup(allow: false, access: "rwm")]))
        let cgroup = Cgroup(plan.location)
        defer { try? cgroup.remove() }
        let script = """
            while [ ! -e /tmp/go-\(getpid()) ]; do sleep 0.05; done
            (exec 3< /dev/kmsg) && exit 1; (exec 3< /dev/zero) || exit 2
            systemctl daemon-reload
            (exec 3< /dev/kmsg) && exit 3; (exec 3< /dev/zero) || exit 4
            exit 0
            """
        let child = try SpawnedProcess(["/bin/sh", "-c", script])
        _ = try cgroup.prepare(plan)
        try cgroup.adopt(child.pid, plan: plan)
        let go = open("/tmp/go-\(getpid())", O_CREAT | O_WRONLY, 0o600)
        close(go)
        var status: Int32 = 0
        #expect(waitpid(child.pid, &status, 0) == child.pid)
        #expect(status == 0)
        unlink("/tmp/go-\(getpid())")
    }

    @Test func `an existing unit is refused with systemd's message`() throws {
        let plan = try plan("twice")
        let cgroup = Cgroup(plan.location)
        let first = try SpawnedProcess()
        let second = try SpawnedProcess()
        defer {
            try? cgroup.killAll()
            try? cgroup.remove()
        }
        try cgroup.adopt(first.pid, plan: plan)
        let occupied = failure { () throws(CgroupFailure) in try cgroup.prepare(plan) }
        #expect(occupied?.kind == .occupied)
        let refusal = failure { () throws(CgroupFailure) in try cgroup.adopt(second.pid, plan: plan) }
        #expect(
            refusal?.description
                == "start systemd unit \(plan.location.unit ?? ""): Unit \(plan.location.unit ?? "") was already loaded "
                + "or has a fragment file.")
        #expect(try cgroup.processes() == [first.pid])
    }
}
