// The rules that turn `linux.cgroupsPath` into directories and units.

import OCISpec
import Kernel
import Testing

@testable import Cgroups

struct CgroupPathTests {
    @Test(arguments: [("/a/b", "/a"), ("/a", "/"), ("/", "/")])
    func `have a parent`(path: String, parent: String) { #expect(CgroupPath.parent(of: path) == parent) }

    @Test(arguments: [
        ("a.slice", "/a.slice"), ("a-b.slice", "/a.slice/a-b.slice"),
        ("a-b-c.slice", "/a.slice/a-b.slice/a-b-c.slice"), ("-.slice", ""), ("system.slice", "/system.slice"),
    ])
    func `of slices expand`(slice: String, path: String) throws { #expect(try CgroupPath.expandedSlice(slice) == path) }

    @Test(arguments: ["a", "a.scope", "a/b.slice", "-a.slice", "a-.slice", "a--b.slice", ".slice", ""])
    func `of invalid slices are refused`(slice: String) {
        let refusal = failure { () throws(CgroupFailure) in try CgroupPath.expandedSlice(slice) }
        #expect(
            refusal == CgroupFailure(.invalid, "linux.cgroupsPath: \"\(slice)\" is not the name of a systemd slice"))
    }

    private func directories(_ path: String?, _ host: CgroupHost) throws -> [String] {
        try CgroupPlan(cgroupsPath: path, containerID: "web", resources: nil, driver: .cgroupfs, host: host)
            .location.directories.map(\.fullPath)
    }

    @Test func `that are absolute lie below the mount point`() throws {
        #expect(try directories("/pod/web", .unified) == ["/sys/fs/cgroup/pod/web"])
        #expect(
            try directories("/pod/web", .legacy).prefix(2) == [
                "/sys/fs/cgroup/cpuset/pod/web", "/sys/fs/cgroup/devices/pod/web",
            ])
    }

    @Test func `with ".." stay below the mount point`() throws {
        #expect(try directories("/../../../tmp", .unified) == ["/sys/fs/cgroup/tmp"])
        #expect(try directories("../../../../tmp", .unified) == ["/sys/fs/cgroup/user.slice/tmp"])
    }

    @Test func `that are relative lie beside the caller on v2 and below it on v1`() throws {
        #expect(try directories("pod/web", .unified) == ["/sys/fs/cgroup/user.slice/pod/web"])
        #expect(
            try directories("pod/web", .legacy).dropFirst(2).prefix(2) == [
                "/sys/fs/cgroup/memory/me/pod/web", "/sys/fs/cgroup/cpu/pod/web",
            ])
    }

    @Test(arguments: [nil, ""]) func `default to the container's id`(path: String?) throws {
        #expect(try directories(path, .unified) == ["/sys/fs/cgroup/user.slice/web"])
    }

    @Test(arguments: ["/", "/a/..", "."]) func `of the root are refused`(path: String) {
        let refusal = failure { () throws(CgroupFailure) in
            try CgroupPlan(cgroupsPath: path, containerID: "web", resources: nil, driver: .cgroupfs, host: .unified)
        }
        #expect(
            refusal
                == CgroupFailure(
                    .invalid,
                    "linux.cgroupsPath: \"\(path)\" is the root of the hierarchy, which no container can have"))
    }

    @Test func `that no filesystem can store are refused`() {
        let refusal = failure { () throws(CgroupFailure) in
            try CgroupPlan(cgroupsPath: "/a\0b", containerID: "web", resources: nil, driver: .cgroupfs, host: .unified)
        }
        #expect(
            refusal
                == CgroupFailure(.invalid, "linux.cgroupsPath: a cgroup path cannot hold a line feed or a zero byte"))
    }

    @Test func `of refused hierarchies are left out where nothing needs them`() throws {
        var host = CgroupHost.legacy
        host.toleratesRefusals = true
        host.refusals = [CgroupRefusal(mount: "/sys/fs/cgroup/memory", code: .permissionDenied)]
        let plan = try CgroupPlan(cgroupsPath: nil, containerID: "web", resources: nil, driver: .cgroupfs, host: host)
        #expect(!plan.location.directories.contains { $0.controllers == ["memory"] })
        #expect(plan.location.directories.count == host.mounts.count - 1)
        #expect(plan.skipped == ["make cgroup /sys/fs/cgroup/memory/me/web: permission denied"])
        #expect(plan.summary.last == "skip: make cgroup /sys/fs/cgroup/memory/me/web: permission denied")
        // A limit needs its hierarchy; the refusal is then an error when the cgroup is made.
        let limits = LinuxResources(pids: LinuxPids(limit: 7))
        let limited = try CgroupPlan(
            cgroupsPath: nil, containerID: "web", resources: limits, driver: .cgroupfs, host: host)
        #expect(limited.location.directories.count == host.mounts.count)
        #expect(limited.skipped == [])
    }

    @Test func `are none where every hierarchy is refused`() throws {
        var host = CgroupHost.unified
        host.toleratesRefusals = true
        host.refusals = [CgroupRefusal(mount: "/sys/fs/cgroup", code: .readOnlyFileSystem)]
        let plan = try CgroupPlan(cgroupsPath: nil, containerID: "web", resources: nil, driver: .cgroupfs, host: host)
        #expect(plan.location == .none(.unified))
    }

    @Test func `of the caller's cgroup are read by controller`() {
        let text = "9:name=systemd:/init\n4:cpu,cpuacct:/a:b\n0::/user.slice\n"
        #expect(
            cgroupPaths(text) == [
                "systemd": "/init", "cpu": "/a:b", "cpuacct": "/a:b", "unified": "/user.slice",
            ])
    }
}

struct SystemdUnitNameTests {
    private func unit(_ path: String?, isRootless: Bool = false) throws(CgroupFailure) -> SystemdUnit {
        try SystemdUnit(cgroupsPath: path, containerID: "web", isRootless: isRootless)
    }

    @Test(arguments: [
        ("machine.slice:libpod:abc", "libpod-abc.scope", "/machine.slice/libpod-abc.scope"),
        ("a-b.slice::abc", "abc.scope", "/a.slice/a-b.slice/abc.scope"),
        (":cri:abc", "cri-abc.scope", "/system.slice/cri-abc.scope"),
        ("a.slice:cri:a-pod.slice", "a-pod.slice", "/a.slice/a-pod.slice"),
        ("-.slice:cri:abc", "cri-abc.scope", "/cri-abc.scope"),
    ])
    func `come from three fields`(path: String, name: String, directory: String) throws {
        let unit = try unit(path)
        #expect(unit.name == name)
        #expect(unit.path == directory)
    }

    @Test func `come from the id without a path`() throws {
        #expect(try unit(nil).path == "/system.slice/swiftrun-web.scope")
        #expect(try unit(nil, isRootless: true).path == "/user.slice/swiftrun-web.scope")
    }

    @Test(arguments: [
        ("/pod/web", "expected \"slice:prefix:name\" for the systemd driver, found \"/pod/web\""),
        ("a.slice:b", "expected \"slice:prefix:name\" for the systemd driver, found \"a.slice:b\""),
        ("a.slice:b:c:d", "expected \"slice:prefix:name\" for the systemd driver, found \"a.slice:b:c:d\""),
        ("a.slice:b:", "the name in \"a.slice:b:\" is empty"),
        ("a:b:c", "\"a\" is not the name of a systemd slice"),
        ("a.slice:b:c/d", "\"c/d\" cannot be part of a systemd unit's name"),
    ])
    func `are refused with the reason`(path: String, reason: String) {
        #expect(
            failure { () throws(CgroupFailure) in try unit(path) }
                == CgroupFailure(.invalid, "linux.cgroupsPath: \(reason)"))
    }
}
