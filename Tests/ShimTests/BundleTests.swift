// Values that the shim reads from a configuration and from /proc.

import Cgroups
import OCISpec
import Testing

@testable import Shim

@Suite struct BundleTests {
    @Test func `a pod's containers share a group`() throws {
        let json = #"{"annotations": {"io.kubernetes.cri.sandbox-id": "pod", "other": "x"}}"#
        #expect(try BundleConfiguration(json: Array(json.utf8)).group == "pod")
        let both = #"{"annotations": {"io.kubernetes.cri.sandbox-id": "a", "io.containerd.runc.v2.group": "b"}}"#
        #expect(try BundleConfiguration(json: Array(both.utf8)).group == "b")
        #expect(try BundleConfiguration(json: Array("{}".utf8)).group == nil)
    }

    @Test(
        arguments: [
            (#"{"linux": {"namespaces": [{"type": "mount"}, {"type": "pid"}]}}"#, true),
            (#"{"linux": {"namespaces": [{"type": "pid", "path": "/proc/1/ns/pid"}]}}"#, false),
            (#"{"linux": {}}"#, false),
            (#"{}"#, false),
        ])
    func `a pid namespace of its own ends with its first process`(json: String, isOwn: Bool) throws {
        #expect(try BundleConfiguration(json: Array(json.utf8)).hasOwnProcessNamespace == isOwn)
    }

    @Test func `cgroups of version one are found by controller`() throws {
        let text = "12:cpu,cpuacct:/default/x\n3:memory:/default/x\n1:name=systemd:/default/x\n0::/\n"
        let mounts = [["cpu", "cpuacct"], ["memory"], ["systemd"], ["pids"]].map {
            CgroupMount(controllers: $0, path: "/sys/fs/cgroup/" + $0.joined(separator: ","))
        }
        let host = CgroupHost(hierarchy: .legacy, mounts: mounts)
        let cgroup = try #require(TaskCgroup(memberships: text, host: host))
        #expect(cgroup.directory(of: "cpuacct") == "/sys/fs/cgroup/cpu,cpuacct/default/x")
        #expect(cgroup.directory(of: "memory") == "/sys/fs/cgroup/memory/default/x")
        #expect(cgroup.directory(of: "systemd") == "/sys/fs/cgroup/systemd/default/x")
        #expect(cgroup.directory(of: "pids") == nil)
    }

    @Test func `the cgroup of version two serves every controller`() throws {
        let host = CgroupHost(
            hierarchy: .unified, mounts: [CgroupMount(controllers: ["unified"], path: "/sys/fs/cgroup")])
        let cgroup = try #require(TaskCgroup(memberships: "0::/default/a:b\n", host: host))
        #expect(cgroup.directory(of: "memory") == "/sys/fs/cgroup/default/a:b")
        #expect(TaskCgroup(memberships: "", host: host) == nil)
    }
}
