// Mounts at unusual places: in the runtime's mount namespace, or named by their path on the host.

import OCISpec
import Planning
import Testing

struct MountPlaceTests {
    private func sharing(_ mounts: [Mount], readonly: Bool = false) -> Spec {
        var spec = Spec.container(mounts: mounts) { $0.namespaces.removeAll { $0.type == "mount" } }
        spec.root?.readonly = readonly
        return spec
    }

    @Test func `without a mount namespace mounts are made over the rootfs, for the host too`() throws {
        let plan = try sharing([Mount(destination: "/a", type: "tmpfs", source: "tmpfs")]).plan()
        #expect(plan.mountsOnHost)
        let steps = plan.summary(startsAtOnce: true)
        #expect(steps.contains("mount rootfs /bundle/rootfs over itself, for the host too"))
        #expect(steps.contains("chroot into /bundle/rootfs"))
        #expect(!steps.contains { $0.hasPrefix("change the propagation") || $0.hasPrefix("pivot_root") })
    }

    @Test func `a destination may be named by its path on the host`() throws {
        let spec = Spec.container(mounts: [Mount(destination: "/bundle/rootfs/a/b", type: "tmpfs", source: "tmpfs")])
        #expect(try spec.plan().mounts.map(\.destination) == ["/a/b"])
    }

    @Test func `the hierarchy of cgroup v2 is the host's where the cgroup namespace is`() throws {
        let mounts = [Mount(destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro"])]
        var host = HostFacts.unified
        func object(_ spec: Spec) throws -> MountStep.Object? { try spec.plan(host: host).mounts.first?.object }
        let shared = Spec.container(mounts: mounts)
        let own = Spec.container(mounts: mounts) { $0.namespaces.append(LinuxNamespace(type: "cgroup")) }
        #expect(try object(shared) == .bind(source: "/sys/fs/cgroup", recursive: false))
        #expect(try object(own) != object(shared))
        host.uid = 1000
        let rootless = Spec.container(mounts: mounts) {
            $0.namespaces.append(LinuxNamespace(type: "user"))
            $0.uidMappings = [LinuxIDMapping(containerID: 0, hostID: 1000, size: 1)]
            $0.gidMappings = [LinuxIDMapping(containerID: 0, hostID: 1000, size: 1)]
        }
        #expect(try object(rootless) != .bind(source: "/sys/fs/cgroup", recursive: false))
    }

    @Test func `options of a filesystem are ignored on a bind mount with a note`() throws {
        let spec = Spec.container(mounts: [Mount(destination: "/a", source: "/b", options: ["bind", "size=1m", "ro"])])
        let plan = try spec.plan()
        #expect(plan.warnings == ["mounts[0].options: ignoring \"size\", which is not an option of a bind mount"])
        #expect(plan.mounts.map(\.object) == [.bind(source: "/b", recursive: false)])
    }
}
