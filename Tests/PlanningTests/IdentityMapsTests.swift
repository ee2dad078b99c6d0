// Id maps as text and as numbers, and idmapped mounts.

import OCISpec
import Testing

@testable import Planning

private let container = IdentityMaps(
    uids: [
        LinuxIDMapping(containerID: 0, hostID: 1000, size: 10), LinuxIDMapping(containerID: 10, hostID: 5000, size: 5),
    ],
    gids: [LinuxIDMapping(containerID: 0, hostID: 2000, size: 10)])

struct IdentityMapsTests {
    @Test func `maps are written and read in the kernel's format`() {
        let text = "         0     100000      65536\n     65536          7          1\n"
        let maps = [
            LinuxIDMapping(containerID: 0, hostID: 100_000, size: 65536),
            LinuxIDMapping(containerID: 65536, hostID: 7, size: 1),
        ]
        #expect([LinuxIDMapping](mapText: text) == maps)
        #expect(maps.mapText == "0 100000 65536\n65536 7 1\n")
        #expect([LinuxIDMapping](mapText: "") == [])
    }

    @Test func `an id is found in its range, up to the last one`() {
        #expect(container.uids.hostID(of: 9) == 1009)
        #expect(container.uids.hostID(of: 10) == 5000)
        #expect(container.uids.hostID(of: 14) == 5004)
        #expect(container.uids.hostID(of: 15) == nil)
        #expect([LinuxIDMapping(containerID: .max - 1, hostID: 0, size: 1)].hostID(of: .max) == nil)
    }

    @Test func `inline maps are ranges, outside or inside the container`() throws {
        let maps = try IdentityMaps(inline: "uids=0-7-10#@20-3-2;gids=@0-9-1", container: container)
        #expect(
            maps.uids == [
                LinuxIDMapping(containerID: 0, hostID: 7, size: 10),
                LinuxIDMapping(containerID: 20, hostID: 1003, size: 2),
            ])
        #expect(maps.gids == [LinuxIDMapping(containerID: 0, hostID: 2009, size: 1)])
    }

    @Test(arguments: [
        ("uids=0-0-1", "needs both uids= and gids="), ("", "needs both uids= and gids="),
        ("uids=0-0;gids=0-0-1", "\"0-0\" is not a range such as 0-1000-10"),
        ("uids=0-0-0;gids=0-0-1", "\"0-0-0\" is not a range such as 0-1000-10"),
        ("uids=0-0-4294967296;gids=0-0-1", "\"0-0-4294967296\" is not a range such as 0-1000-10"),
        ("uids=0--1-1;gids=0-0-1", "\"0--1-1\" is not a range such as 0-1000-10"),
        ("users=0-0-1", "\"users=0-0-1\" is neither uids= nor gids="), ("uids", "\"uids\" is neither uids= nor gids="),
        ("uids=@0-9-2;gids=0-0-1", "\"@0-9-2\" has ids that the user namespace does not map"),
        ("uids=@0-15-1;gids=0-0-1", "\"@0-15-1\" has ids that the user namespace does not map"),
        ("uids=@0-4294967295-2;gids=0-0-1", "\"@0-4294967295-2\" has ids that the user namespace does not map"),
    ])
    func `invalid inline maps are refused`(text: String, problem: String) {
        #expect(throws: InlineMapError(problem: problem)) { try IdentityMaps(inline: text, container: container) }
    }

    @Test func `a relative range needs a user namespace`() {
        #expect(throws: InlineMapError(problem: "\"@0-0-1\" needs a user namespace")) {
            try IdentityMaps(inline: "uids=@0-0-1;gids=0-0-1", container: nil)
        }
    }
}

struct IDMappedMountPlanTests {
    private func mapping(
        _ options: [String], uids: [LinuxIDMapping] = [], gids: [LinuxIDMapping] = [], userNamespace: Bool = false
    ) throws -> MountStep.IDMapping? {
        let spec = Spec.container(
            mounts: [
                Mount(
                    destination: "/data", type: "bind", source: "/src", options: options, uidMappings: uids,
                    gidMappings: gids)
            ]
        ) { linux in
            guard userNamespace else { return }
            linux.namespaces.append(LinuxNamespace(type: "user"))
            linux.uidMappings = container.uids
            linux.gidMappings = container.gids
        }
        return try #require(try spec.plan().mounts.first).idMapping
    }

    @Test func `maps are the mount's, inline, or the container's`() throws {
        let own = [LinuxIDMapping(containerID: 0, hostID: 1, size: 1)]
        let maps = IdentityMaps(uids: own, gids: own)
        #expect(try mapping(["bind"], uids: own, gids: own) == .init(recursive: false, maps: maps))
        #expect(try mapping(["rbind", "ridmap"], uids: own, gids: own) == .init(recursive: true, maps: maps))
        #expect(try mapping(["rbind", "idmap=uids=0-1-1;gids=0-1-1"]) == .init(recursive: false, maps: maps))
        #expect(try mapping(["ridmap=uids=0-1-1;gids=0-1-1"]) == .init(recursive: true, maps: maps))
        #expect(try mapping(["ridmap"], userNamespace: true) == .init(recursive: true, maps: nil))
        #expect(
            try mapping(["idmap=uids=@0-0-1;gids=0-0-1"], userNamespace: true)?.maps?.uids
                == [LinuxIDMapping(containerID: 0, hostID: 1000, size: 1)])
        #expect(try mapping(["bind"], userNamespace: true) == nil)
    }

    @Test func `maps that are missing or contradict each other are refused`() {
        let own = [LinuxIDMapping(containerID: 0, hostID: 1, size: 1)]
        #expect(
            refusal { try mapping(["idmap"]) as Any }
                == "mounts[0].options: idmap needs uidMappings and gidMappings, or a user namespace")
        #expect(
            refusal { try mapping(["idmap=uids=0-1-1;gids=0-1-1"], uids: own, gids: own) as Any }
                == "mounts[0].options: idmap= and uidMappings contradict each other")
        #expect(
            refusal { try mapping(["idmap=uids=0"]) as Any }
                == "mounts[0].options: idmap: \"0\" is not a range such as 0-1000-10")
        #expect(
            refusal {
                try mapping(["bind"], uids: [LinuxIDMapping(containerID: 0, hostID: 1, size: 0)], gids: own) as Any
            }
                == "mounts[0].uidMappings[0].size: must be more than zero")
    }

    @Test func `links are options of bind mounts`() throws {
        let options = ["bind", "copy-symlink", "src-nofollow", "dest-nofollow"]
        let step = try Spec.container(mounts: [Mount(destination: "/l", source: "/s", options: options)]).plan().mounts[
            0]
        #expect(step.copiesLink)
        #expect(!step.followsSource)
        #expect(!step.followsDestination)
        for option in ["copy-symlink", "src-nofollow"] {
            let mount = Mount(destination: "/l", type: "tmpfs", source: "t", options: [option])
            #expect(
                refusal { try Spec.container(mounts: [mount]).plan() }
                    == "mounts[0].options: copy-symlink and src-nofollow are options of bind mounts only")
        }
    }
}
