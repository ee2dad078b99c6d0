// Which containers can have a mount namespace that begins with the rootfs alone.

import Kernel
import OCISpec
import Planning
import Testing

struct MountNamespaceStartTests {
    private static let usual = [
        Mount(destination: "/proc", type: "proc", source: "proc"),
        Mount(destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["mode=755", "size=65536k"]),
        Mount(destination: "/dev/pts", type: "devpts", source: "devpts", options: ["newinstance"]),
        Mount(destination: "/dev/mqueue", type: "mqueue", source: "mqueue"),
        Mount(destination: "/sys", type: "sysfs", source: "sysfs", options: ["ro"]),
        Mount(destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup"),
        Mount(destination: "/etc/hosts", source: "/bundle/hosts", options: ["rbind"]),
    ]

    @Test func `a usual container needs no mount of the host`() throws {
        #expect(try Spec.container(mounts: Self.usual).plan().canBeginWithRootfs)
    }

    @Test(arguments: [
        (Mount(destination: "/a", source: "/volume", options: ["rbind", "rshared"]), true),
        (Mount(destination: "/a", source: "/bundle/rootfs2", options: ["bind"]), true),
        (Mount(destination: "/a", source: "/bundle/rootfs", options: ["rbind"]), false),
        (Mount(destination: "/a", source: "rootfs/b", options: ["bind"]), false),
        (Mount(destination: "/a", source: "/x/../bundle/./rootfs/b", options: ["bind"]), false),
        (Mount(destination: "/a", source: "/link", options: ["bind", "copy-symlink"]), false),
        (Mount(destination: "/a", type: "overlay", source: "overlay", options: ["lowerdir=/one:/two"]), false),
        (Mount(destination: "/a", type: "ext4", source: "/dev/sdb1"), false),
        (Mount(destination: "/a", type: "tmpfs", source: "tmpfs", options: [long]), false),
        (
            Mount(
                destination: "/a", source: "/volume", options: ["bind"],
                uidMappings: [LinuxIDMapping(containerID: 0, hostID: 1000, size: 1)],
                gidMappings: [LinuxIDMapping(containerID: 0, hostID: 1000, size: 1)]), false
        ),
    ])
    func `a mount that is made with paths of the host needs the host's mounts`(mount: Mount, canBegin: Bool) throws {
        #expect(try Spec.container(mounts: Self.usual + [mount]).plan().canBeginWithRootfs == canBegin)
    }

    private static let long = "context=\"" + String(repeating: "a", count: 256) + "\""

    @Test(
        arguments: [
            (nil, true), ("slave", true), ("rslave", true), ("private", true), ("rprivate", false), ("shared", false),
            ("rshared", false), ("unbindable", true), ("runbindable", false),
        ] as [(String?, Bool)])
    func `the rootfs must stay a receiver of the host's mounts`(propagation: String?, canBegin: Bool) throws {
        let spec = Spec.container { $0.rootfsPropagation = propagation }
        #expect(try spec.plan().canBeginWithRootfs == canBegin)
    }

    @Test func `hooks before the change of root find the host's files`() throws {
        let hook = Hook(path: "/hook")
        let table: [(Hooks, Bool)] = [
            (Hooks(prestart: [hook]), false), (Hooks(createRuntime: [hook]), false),
            (Hooks(createContainer: [hook]), false), (Hooks(startContainer: [hook]), true),
            (Hooks(poststart: [hook], poststop: [hook]), true),
        ]
        for (hooks, canBegin) in table {
            var spec = Spec.container(mounts: Self.usual)
            spec.hooks = hooks
            #expect(try spec.plan().canBeginWithRootfs == canBegin)
        }
    }

    @Test func `other namespaces and hosts keep the copy`() throws {
        let usual = Spec.container(mounts: Self.usual)
        #expect(try !usual.plan(host: .legacy).canBeginWithRootfs)
        #expect(try !usual.plan(withoutPivot: true).canBeginWithRootfs)
        #expect(try !Spec.container { $0.namespaces.removeAll { $0.type == "mount" } }.plan().canBeginWithRootfs)
        let mapped = Spec.container {
            $0.namespaces.append(LinuxNamespace(type: "user"))
            $0.uidMappings = [LinuxIDMapping(containerID: 0, hostID: 1000, size: 1)]
            $0.gidMappings = [LinuxIDMapping(containerID: 0, hostID: 1000, size: 1)]
        }
        #expect(try !mapped.plan().canBeginWithRootfs)
    }
}
