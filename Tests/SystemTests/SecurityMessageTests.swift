// Attacks on the runtime's messages to its own processes and to engines.

import Foundation
import OCISpec
import Testing

@Suite(.serialized, .enabled(if: geteuid() == 0, "root is needed"))
struct SecurityMessageTests {
    /// More mounts than fit into two bytes; all but two of them create only a link, which is cheap.
    @Test(arguments: RuntimeUnderTest.ours)
    func `CVE-2021-43784: each of seventy thousand mounts has its own source`(
        _ runtime: RuntimeUnderTest
    ) async throws {
        try await withSandbox(runtime) { sandbox in
            let place = sandbox.directory
            _ = try await shell("mkdir first last; echo first > first/x; echo last > last/x; ln -s x link", in: place)
            let maps = [LinuxIDMapping(containerID: 0, hostID: 0, size: 1000)]
            func mapped(_ name: String) -> Mount {
                var mount = Mount(destination: "/" + name, source: place + "/" + name, options: ["bind", "idmap"])
                mount.uidMappings = maps
                mount.gidMappings = maps
                return mount
            }
            let outcome = try await sandbox.run(program: ["cat", "/first/x", "/last/x"]) { spec in
                spec.root?.readonly = false
                let link = Mount(destination: "/tmp/link", source: place + "/link", options: ["bind", "copy-symlink"])
                spec.mounts.insert(mapped("first"), at: 0)
                spec.mounts += Array(repeating: link, count: 65536 - spec.mounts.count)
                spec.mounts.append(mapped("last"))
            }
            #expect(outcome.errors == "")
            #expect(outcome.output == "first\nlast\n")
        }
    }

    /// A container on the host's network could listen at the abstract name of an engine's socket.
    @Test(arguments: RuntimeUnderTest.all)
    func `CVE-2020-15257: an abstract name for a console socket is not connected to`(
        _ runtime: RuntimeUnderTest
    ) async throws {
        try await withSandbox(runtime) { sandbox in
            let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(listener) }
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { path in
                for (index, byte) in sandbox.id.utf8.enumerated() { path[index + 1] = byte }
            }
            let length = socklen_t(MemoryLayout<sa_family_t>.size + 1 + sandbox.id.utf8.count)
            let bound = withUnsafePointer(to: address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(listener, $0, length) }
            }
            #expect(bound == 0 && listen(listener, 4) == 0)
            try sandbox.configure("true") { $0.process?.terminal = true }
            let outcome = try await sandbox.call("create", "--console-socket", "@" + sandbox.id, sandbox.id)
            var entry = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
            if runtime.isOurs {
                #expect(outcome.status == 1)
                #expect(outcome.errors.contains("is an abstract socket; a path is needed"))
                #expect(poll(&entry, 1, 0) == 0)
            } else {
                #expect(poll(&entry, 1, 0) == 1)
            }
            _ = try await sandbox.call("delete", "--force", sandbox.id)
        }
    }
}
