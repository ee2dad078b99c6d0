// User namespaces: their maps, their requirements, and the limits of an ordinary user.

import Kernel
import OCISpec
import Testing

@testable import Planning

private let wide = [LinuxIDMapping(containerID: 0, hostID: 100_000, size: 65536)]
private let ordinary = HostFacts(uid: 1000, gid: 1001, isInUserNamespace: false, cgroup: .none)

/// A config with a user namespace: a new one, or the one at a path.
private func config(
    path: String? = nil, uids: [LinuxIDMapping] = wide, gids: [LinuxIDMapping] = wide,
    _ change: (inout Linux) -> Void = { _ in }
) -> Spec {
    .container { linux in
        linux.namespaces.append(LinuxNamespace(type: "user", path: path))
        linux.uidMappings = uids
        linux.gidMappings = gids
        change(&linux)
    }
}

private func joining(_ types: String..., in spec: Spec = .container()) -> Spec {
    var spec = spec
    spec.linux?.namespaces.removeAll { types.contains($0.type) }
    for type in types { spec.linux?.namespaces.append(LinuxNamespace(type: type, path: "/run/ns/\(type)")) }
    return spec
}

struct UserNamespacePlanTests {
    @Test func `one clone suffices unless the namespaces need an order`() throws {
        let time = LinuxNamespace(type: "time")
        let expected: [(Spec, Bool)] = [
            (.container(), false), (config(), false), (joining("network", "ipc", "uts", "mount"), false),
            (joining("pid"), true), (joining("network", in: config()), true), (joining("user"), true),
            (config { $0.namespaces.append(time) }, true), (.container { $0.namespaces.append(time) }, true),
        ]
        for (spec, needed) in expected { #expect(try spec.plan().namespaces.needsIntermediate == needed) }
    }

    @Test func `a namespace that is joined brings its maps`() throws {
        var host = HostFacts.root
        host.joinedMaps = IdentityMaps(uids: wide, gids: wide)
        #expect(
            try config(path: "/run/ns/user", uids: [], gids: []).plan(host: host).namespaces.maps == host.joinedMaps)
        #expect(try config(path: "/run/ns/user").plan(host: host).namespaces.maps == host.joinedMaps)
        let halves = [
            LinuxIDMapping(containerID: 7, hostID: 70, size: 1), LinuxIDMapping(containerID: 0, hostID: 50, size: 5),
        ]
        host.joinedMaps = IdentityMaps(uids: halves, gids: wide)
        #expect(
            try config(path: "/run/ns/user", uids: halves.reversed()).plan(host: host).namespaces.uidMappings == halves)
        #expect(
            refusal { try config(path: "/run/ns/user").plan(host: host) }
                == "linux.uidMappings: differ from the maps of the user namespace that is joined")
        var stranger = config(path: "/run/ns/user", uids: [], gids: [])
        stranger.process?.user = User(uid: 6, gid: 0)
        #expect(refusal { try stranger.plan(host: host) } == "process.user.uid: 6 is not mapped by linux.uidMappings")
    }

    @Test func `ranges must not overlap, on either side`() {
        func refused(_ second: LinuxIDMapping) -> String {
            refusal { try config(uids: [LinuxIDMapping(containerID: 0, hostID: 100, size: 10), second]).plan() }
        }
        let overlap = "linux.uidMappings[1]: overlaps with linux.uidMappings[0]"
        #expect(refused(LinuxIDMapping(containerID: 9, hostID: 200, size: 1)) == overlap)
        #expect(refused(LinuxIDMapping(containerID: 20, hostID: 90, size: 11)) == overlap)
        #expect(refused(LinuxIDMapping(containerID: 10, hostID: 90, size: 10)).hasPrefix("not refused"))
        let many = (0..<341).map { LinuxIDMapping(containerID: $0, hostID: $0, size: 1) }
        #expect(
            refusal { try config(gids: many).plan() } == "linux.gidMappings: the kernel takes 340 ranges, found 341")
    }

    @Test func `an ordinary user gets an error with the missing setting`() throws {
        func refused(_ spec: Spec) -> String { refusal { try spec.plan(host: ordinary) } }
        let own = config(
            uids: [LinuxIDMapping(containerID: 0, hostID: 1000, size: 1)],
            gids: [LinuxIDMapping(containerID: 0, hostID: 1001, size: 1)])
        #expect(try own.plan(host: ordinary).namespaces.mapsOwnIDs(ordinary))
        #expect(try !config().plan(host: ordinary).namespaces.mapsOwnIDs(ordinary))
        #expect(
            refused(.container())
                == "linux.namespaces: a user who is not root needs a user namespace; `swiftrun spec --rootless` writes a config with one"
        )
        var groups = own
        groups.process?.user.additionalGids = [0]
        #expect(
            refused(groups)
                == "process.user.additionalGids: a user who is not root and maps only the own group cannot set groups")
        var devices = own
        devices.linux?.netDevices = ["eth1": LinuxNetDevice()]
        #expect(refused(devices) == "linux.netDevices.eth1: only root can move network devices")
        var mapped = own
        mapped.mounts = [Mount(destination: "/data", source: "/src", options: ["bind", "idmap"])]
        #expect(refused(mapped) == "mounts[0]: only root can make an idmapped mount")
    }

    @Test func `a terminal's group that is not mapped is left out, another owner is refused`() throws {
        func mounted(
            _ type: String, _ options: [String],
            _ gids: [LinuxIDMapping] = [LinuxIDMapping(containerID: 0, hostID: 9, size: 1)]
        )
            throws -> MountStep.Object
        {
            var spec = config(gids: gids)
            spec.mounts = [Mount(destination: "/x", type: type, source: "x", options: options)]
            return try #require(try spec.plan().mounts.first).object
        }
        let mode = MountStep.Parameter("mode", "0620")
        let group = MountStep.Parameter("gid", "5")
        #expect(
            try mounted("devpts", ["gid=5", "mode=0620"])
                == .filesystem(type: "devpts", source: "x", parameters: [mode]))
        #expect(
            try mounted("devpts", ["gid=5", "mode=0620"], wide)
                == .filesystem(type: "devpts", source: "x", parameters: [group, mode]))
        #expect(
            refusal { try mounted("tmpfs", ["gid=5"]) } == "mounts[0].options: gid=5 is not mapped by linux.gidMappings"
        )
        #expect(
            refusal { try mounted("devpts", ["uid=70000"]) }
                == "mounts[0].options: uid=70000 is not mapped by linux.uidMappings")
    }

    @Test func `a container without a cgroup of its own sees none`() throws {
        var spec = Spec.container { $0.namespaces.append(LinuxNamespace(type: "cgroup")) }
        spec.mounts = [Mount(destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["nosuid"])]
        #expect(
            try spec.plan(host: .unified).mounts.map(\.object) == [.unifiedCgroup(directory: "/sys/fs/cgroup/web")])
        let mount = try #require(try spec.plan(host: .root).mounts.first)
        #expect(
            mount.object
                == .filesystem(type: "tmpfs", source: "cgroup", parameters: [MountStep.Parameter("mode", "755")]))
        #expect(mount.attributes.set == [.readOnly, .noSuid])
    }
}
