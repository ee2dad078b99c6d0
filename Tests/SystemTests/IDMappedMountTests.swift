// Mounts with mapped ids, and mounts of links.

import Foundation
import OCISpec
import Testing

@Suite(.serialized)
struct IDMappedMountTests {
    private static let maps = [
        LinuxIDMapping(containerID: 1000, hostID: 55, size: 1), LinuxIDMapping(containerID: 0, hostID: 66, size: 1),
    ]

    /// The owners from the container's view: of the directory, of a file in it, and of a file on a mount below it.
    private func owners(
        _ sandbox: Sandbox, _ options: [String], uids: [LinuxIDMapping] = [], gids: [LinuxIDMapping] = [],
        inUserNamespace: Bool = false
    ) async throws -> Outcome {
        try sandbox.configure { spec in
            spec.process?.args = ["stat", "-c", "%u:%g", "/tmp", "/tmp/file", "/tmp/below/file"]
            if inUserNamespace {
                spec.linux?.namespaces.append(LinuxNamespace(type: "user"))
                spec.linux?.uidMappings = [LinuxIDMapping(containerID: 0, hostID: 100_000, size: 65536)]
                spec.linux?.gidMappings = [LinuxIDMapping(containerID: 0, hostID: 200_000, size: 65536)]
            }
            spec.mounts.append(
                Mount(
                    destination: "/tmp", type: "bind", source: sandbox.directory + "/source", options: options,
                    uidMappings: uids, gidMappings: gids))
        }
        let run = "exec \(sandbox.runtime.path) --root \(sandbox.state) run \(sandbox.id)"
        let prepare = "touch ../source/file; chown 1000:1000 ../source/file; mount -t tmpfs t ../source/below"
        return try await shell(
            "mkdir -p ../source/below; unshare -m sh -c '\(prepare); touch ../source/below/file; \(run)'",
            in: sandbox.bundle)
    }

    @Test(arguments: RuntimeUnderTest.ours)
    func `ids are those of the maps, on one mount or on all below`(_ runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            let top = try await owners(sandbox, ["rbind", "idmap"], uids: Self.maps, gids: Self.maps)
            #expect(top.errors == "")
            #expect(top.lines == ["66:66", "55:55", "0:0"])
            let tree = try await owners(sandbox, ["rbind", "ridmap"], uids: Self.maps, gids: Self.maps)
            #expect(tree.lines == ["66:66", "55:55", "66:66"])
            let silent = try await owners(sandbox, ["rbind"], uids: Self.maps, gids: Self.maps)
            #expect(silent.lines == top.lines)
            let inline = try await owners(sandbox, ["rbind", "idmap=uids=1000-3-1;gids=1000-4-1"])
            #expect(inline.lines == ["65534:65534", "3:4", "0:0"])
        }
    }

    @Test(arguments: RuntimeUnderTest.ours)
    func `without maps the user namespace's are used`(_ runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            let plain = try await owners(sandbox, ["rbind"], inUserNamespace: true)
            #expect(plain.lines == ["65534:65534", "65534:65534", "65534:65534"])
            let mapped = try await owners(sandbox, ["rbind", "ridmap"], inUserNamespace: true)
            #expect(mapped.lines == ["0:0", "1000:1000", "0:0"])
            let relative = try await owners(
                sandbox, ["rbind", "idmap=uids=@1000-7-1;gids=@1000-8-1"], inUserNamespace: true)
            #expect(relative.lines == ["65534:65534", "7:8", "65534:65534"])
        }
    }

    @Test(arguments: RuntimeUnderTest.ours)
    func `a filesystem that cannot be idmapped is named`(_ runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            let outcome = try await sandbox.run(program: ["true"]) { spec in
                spec.mounts.append(
                    Mount(
                        destination: "/tmp", source: "/sys/kernel", options: ["rbind"], uidMappings: Self.maps,
                        gidMappings: Self.maps))
            }
            #expect(
                outcome.errors.contains(
                    "mounts[7]: error mounting \\\"/sys/kernel\\\" to rootfs at \\\"/tmp\\\": map ids (/sys is of type sysfs): "
                        + "invalid argument (the filesystem does not support idmapped mounts)"))
        }
    }

    @Test(arguments: RuntimeUnderTest.ours)
    func `links are copied, bound or covered themselves`(_ runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            _ = try await shell(
                "echo text > file; ln -s /no/such link; ln -s /etc bundle/rootfs/tmp/place", in: sandbox.directory)
            func mounted(_ source: String, _ destination: String, _ option: String) async throws -> Outcome {
                try await sandbox.run(
                    program: [
                        "sh", "-c",
                        "readlink \(destination); cat \(destination) 2>/dev/null; grep -c ' \(destination) ' /proc/self/mountinfo",
                    ]
                ) { spec in
                    spec.root?.readonly = false
                    spec.mounts.append(
                        Mount(destination: destination, source: sandbox.directory + source, options: ["bind", option]))
                }
            }
            #expect(try await mounted("/link", "/tmp/copy", "copy-symlink").lines == ["/no/such", "0"])
            // The second time the same link exists already.
            #expect(try await mounted("/link", "/tmp/copy", "copy-symlink").lines == ["/no/such", "0"])
            #expect(try await mounted("/file", "/tmp/plain", "copy-symlink").lines == ["text", "1"])
            #expect(try await mounted("/link", "/tmp/bound", "src-nofollow").lines == ["/no/such", "1"])
            #expect(try await mounted("/file", "/tmp/place", "dest-nofollow").lines == ["text", "1"])
            #expect(try await mounted("/link", "/etc/passwd", "copy-symlink").errors.contains("file exists"))
        }
    }
}
