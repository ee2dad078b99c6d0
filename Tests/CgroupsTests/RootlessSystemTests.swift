// Cgroups on a live cgroup v2 hierarchy, without root's rights.

import Cgroups
import Glibc
import Kernel
import OCISpec
import Testing

@Suite(.needsDelegation, .serialized) struct RootlessSystemTests {
    private let limits = LinuxResources(
        devices: [LinuxDeviceCgroup(allow: false, access: "rwm")], pids: LinuxPids(limit: 7))

    @Test func `a relative path lies in the delegated cgroup`() throws {
        let host = try CgroupHost.probe(cgroupsPath: "web", toleratesRefusals: true)
        let plan = try CgroupPlan(
            cgroupsPath: "web", containerID: "web", resources: limits, driver: .cgroupfs, host: host)
        #expect(plan.location.directories.map(\.fullPath) == ["/sys/fs/cgroup/tester/web"])
        let cgroup = Cgroup(plan.location)
        defer { try? cgroup.remove() }
        let made = try cgroup.prepare(plan).location
        #expect(made.directories.map(\.fullPath) == plan.location.directories.map(\.fullPath))
        let child = try SpawnedProcess()
        try cgroup.adopt(child.pid, plan: plan)
        #expect(try cgroup.processes() == [child.pid])
        #expect(try readText("/sys/fs/cgroup/tester/web/pids.max") == "7\n")
        try cgroup.killAll()
        #expect(waitpid(child.pid, nil, 0) == child.pid)
        try cgroup.remove()
        #expect(access("/sys/fs/cgroup/tester/web", F_OK) != 0)
    }

    @Test func `elsewhere the refusal names the missing rights`() throws {
        let host = try CgroupHost.probe(cgroupsPath: "/web", toleratesRefusals: true)
        let plan = try CgroupPlan(
            cgroupsPath: "/web", containerID: "web", resources: limits, driver: .cgroupfs, host: host)
        let refusal = failure { () throws(CgroupFailure) in try Cgroup(plan.location).prepare(plan) }
        #expect(
            refusal?.description
                == "make cgroup /sys/fs/cgroup/web: permission denied (no cgroup above it is delegated to user \(geteuid()))"
        )
    }

    @Test func `without a path and limits no cgroup is needed`() throws {
        var host = try CgroupHost.probe(cgroupsPath: "/", toleratesRefusals: true)
        host.ownPaths = ["unified": "/"]
        let plan = try CgroupPlan(cgroupsPath: nil, containerID: "web", resources: nil, driver: .cgroupfs, host: host)
        #expect(plan.isOptional)
        let made = try Cgroup(plan.location).prepare(plan).location
        #expect(made == .none(.unified))
        try Cgroup(made).remove()
    }
}

@Suite(.needsUserSystemd, .serialized) struct UserSystemdTests {
    @Test func `a scope lies below the user's manager`() throws {
        let host = try CgroupHost.probe(driver: .systemd, toleratesRefusals: true, asksUserManager: true)
        #expect(host.userManagerPath == "/user.slice/user-\(geteuid()).slice/user@\(geteuid()).service")
        let plan = try CgroupPlan(
            cgroupsPath: nil, containerID: "web\(getpid())",
            resources: LinuxResources(memory: LinuxMemory(limit: 64 << 20)), driver: .systemd, host: host)
        let path = try #require(plan.location.directories.first).fullPath
        #expect(path == "/sys/fs/cgroup\(host.userManagerPath)/user.slice/swiftrun-web\(getpid()).scope")
        let cgroup = Cgroup(plan.location)
        let child = try SpawnedProcess()
        defer { try? cgroup.remove() }
        _ = try cgroup.prepare(plan)
        try cgroup.adopt(child.pid, plan: plan)
        #expect(try cgroup.processes() == [child.pid])
        #expect(try readText("\(path)/memory.max") == "\(64 << 20)\n")
        try cgroup.killAll()
        #expect(waitpid(child.pid, nil, 0) == child.pid)
        try cgroup.remove()
        #expect(access(path, F_OK) != 0)
    }
}
