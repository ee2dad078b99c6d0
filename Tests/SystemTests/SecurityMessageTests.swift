// Attacks on what the runtime says to its own processes and to engines.

import Foundation
import OCISpec
import Testing

@Suite(.serialized, .enabled(if: geteuid() == 0, "root is needed"))
struct SecurityMessageTests {
    /// More mounts than fit into two bytes, all but two of them a link that costs nothing.
    @Test(arguments: RuntimeUnderTest.ours)
    func `CVE-2021-43784: of seventy thousand mounts each has its own source`(
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
}
