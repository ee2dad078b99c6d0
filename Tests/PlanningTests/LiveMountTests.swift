// Mounts that can be added to an existing container.

import Kernel
import OCISpec
import Testing

@testable import Planning

struct LiveMountTests {
    private func plan(
        _ mounts: [Mount], _ spec: Spec = .container(), host: HostFacts = .unified
    ) throws(InvalidSpec) -> ContainerPlan {
        try ContainerPlan(adding: mounts, to: spec, id: "web", bundle: "/bundle", host: host)
    }

    @Test func `only the new mounts are planned, by the rules of the config`() throws {
        let spec = Spec.container(mounts: [Mount(destination: "/proc", type: "proc", source: "proc")])
        let added = [Mount(destination: "/a/../b", source: "vol", options: ["rbind", "ro", "size=1"])]
        let plan = try plan(added, spec)
        #expect(plan.mounts.map(\.destination) == ["/b"])
        #expect(plan.mounts.map(\.object) == [.bind(source: "/bundle/vol", recursive: true)])
        #expect(plan.mounts.map(\.attributes.set) == [.readOnly])
        #expect(plan.warnings == ["mounts[0].options: ignoring \"size\", which is not an option of a bind mount"])
        var inside = Spec.container(mounts: added)
        inside.root?.path = "/bundle/rootfs"
        #expect(try inside.plan().mounts == plan.mounts)
    }

    @Test func `a tmpfs on dev is read-only at once`() throws {
        let plan = try plan([Mount(destination: "/dev", type: "tmpfs", options: ["ro"])])
        let mount = try #require(plan.mounts.first)
        #expect(mount.attributes.set == .readOnly)
        #expect(!mount.becomesReadOnlyLast)
    }

    @Test(arguments: [
        (Mount(destination: "/a", source: "/b", options: ["bind"]), true),
        (Mount(destination: "/a", type: "overlay", options: ["lowerdir=/b"]), true),
        (Mount(destination: "/a", type: "ext4", source: "/dev/sda"), true),
        (Mount(destination: "/a", type: "tmpfs"), false), (Mount(destination: "/a", type: "mqueue"), false),
        (Mount(destination: "/a", type: "devpts"), false), (Mount(destination: "/a", type: "sysfs"), false),
    ])
    func `a mount of a host file is opened by the runtime`(mount: Mount, isOpenedByRuntime: Bool) throws {
        #expect(try plan([mount]).mounts.map(\.isOpenedByRuntime) == [isOpenedByRuntime])
    }

    @Test(arguments: [
        (
            Mount(destination: "/a", type: "proc"),
            "mounts[0].type: a new procfs would show the pid namespace of the runtime, not the container's; bind one"
        ),
        (
            Mount(destination: "/a", type: "cgroup2"),
            "mounts[0].type: cgroups can be mounted only when the container is made; bind a directory of theirs"
        ),
        (
            Mount(destination: "/a", options: ["remount", "ro"]),
            "mounts[0].options: remount changes what is mounted already; remove it and add it as it is to be"
        ),
        (
            Mount(destination: "/a", source: "/b", options: ["bind", "copy-symlink"]),
            "mounts[0].options: copy-symlink makes a link, not a mount; exec can make one in a container that is there"
        ),
        (
            Mount(destination: "/a", type: "tmpfs", options: ["tmpcopyup"]),
            "mounts[0].options: tmpcopyup copies a directory that the container must not change meanwhile"
        ),
        (
            Mount(destination: "/proc/sys", type: "tmpfs"),
            "mounts[0].destination: \"/proc/sys\" cannot be mounted because it is inside /proc"
        ),
    ])
    func `a mount that is possible only at creation is refused`(mount: Mount, sentence: String) {
        #expect(refusal { try plan([mount]) } == sentence)
    }

    @Test func `a user without rights over the host is refused`() {
        let mapped = Spec.container {
            $0.namespaces.append(LinuxNamespace(type: "user"))
            $0.uidMappings = [LinuxIDMapping(containerID: 0, hostID: 1000, size: 1)]
            $0.gidMappings = [LinuxIDMapping(containerID: 0, hostID: 1000, size: 1)]
        }
        var host = HostFacts.unified
        #expect(
            refusal { try plan([Mount(destination: "/a", type: "ext4", source: "/dev/sda")], mapped, host: host) }
                == "mounts[0].type: a filesystem of type \"ext4\" cannot be made in a user namespace that is there"
                + " already; mount it on the host and bind it")
        (host.uid, host.gid) = (1000, 1000)
        #expect(
            refusal { try plan([Mount(destination: "/a", source: "/b", options: ["bind"])], mapped, host: host) }
                == "mounts[0]: only root can take something of the host into a container that is there already;"
                + " a user who is not can add a tmpfs")
    }
}
