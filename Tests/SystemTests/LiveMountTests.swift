// `mounts add` with a fault at every system call: all mounts are made or none, and a failure is reported once.

import Foundation
import Kernel
import OCISpec
import Testing

@Suite(.serialized, .enabled(if: geteuid() == 0, "root is needed"))
struct LiveMountTests {
    private static let places = ["/bound", "/bound/deep", "/fresh", "/file"]

    /// The mounts of the container, out of the requested ones.
    private func seen(_ sandbox: Sandbox) async throws -> [String] {
        let pid = try #require(try await sandbox.field("pid") as? Int)
        let mounts = try String(contentsOfFile: "/proc/\(pid)/mountinfo", encoding: .utf8).split(separator: "\n")
        let points = mounts.compactMap { $0.split(separator: " ").dropFirst(4).first.map(String.init) }
        return points.filter { Self.places.contains($0) }.sorted()
    }

    private func prepare(_ sandbox: Sandbox, userNamespace: Bool) async throws -> FaultBench {
        let source = sandbox.directory + "/source"
        try FileManager.default.createDirectory(atPath: source + "/deep", withIntermediateDirectories: true)
        let mounts = [
            Mount(destination: "/bound", type: "bind", source: source, options: ["rbind", "ro"]),
            Mount(destination: "/bound/deep", type: "tmpfs", source: "tmpfs", options: ["size=1m"]),
            Mount(destination: "/fresh", type: "tmpfs", source: "tmpfs", options: ["nosuid"]),
            Mount(destination: "/file", type: "bind", source: "/etc/hostname", options: ["bind"]),
        ]
        try sandbox.write(sandbox.directory + "/mounts", String(decoding: mounts.json(), as: UTF8.self))
        try sandbox.configure { spec in
            spec.process?.args = ["/bin/sleep", "1000"]
            spec.root?.readonly = false
            guard userNamespace else { return }
            spec.linux?.namespaces.append(LinuxNamespace(type: "user"))
            spec.linux?.uidMappings = [LinuxIDMapping(containerID: 0, hostID: 100_000, size: 65536)]
            spec.linux?.gidMappings = [LinuxIDMapping(containerID: 0, hostID: 100_000, size: 65536)]
        }
        // The mount points exist from the first run on.
        for place in ["bound", "fresh"] {
            try FileManager.default.createDirectory(
                atPath: sandbox.rootfs + "/" + place, withIntermediateDirectories: true)
        }
        try sandbox.write(sandbox.rootfs + "/file", "")
        _ = try await shell("chown -R 100000:100000 '\(sandbox.rootfs)'")
        let bench = try FaultBench(sandbox)
        let outcome = try await sandbox.startDetached()
        #expect(outcome.status == 0, "\(outcome.errors)")
        return bench
    }

    @Test(arguments: [false, true])
    func `whatever call fails, all mounts are made or none`(userNamespace: Bool) async throws {
        try await withSandbox(.swiftrun) { sandbox in
            let bench = try await prepare(sandbox, userNamespace: userNamespace)
            let file = sandbox.directory + "/mounts"
            let add = ["mounts", "add", sandbox.id, file]
            let watched = try await bench.run(add)
            #expect(watched.status == 0, "\(watched.errors)")
            #expect(try await seen(sandbox) == Self.places.sorted())
            #expect(try await sandbox.call("mounts", "remove", sandbox.id, file).errors == "")
            #expect(try await seen(sandbox) == [])
            var table = FaultTable("mounts add" + (userNamespace ? ", user namespace" : ""), "failing")
            for (number, (place, _)) in watched.calls.enumerated() {
                let fault = Fault.fail([EIO, ENOMEM, EPERM][number % 3])
                let outcome = try await bench.run(add, at: place, fault)
                table.count(outcome)
                let found = try await seen(sandbox)
                if outcome.verdict == "hung" { table.complain(place, fault, outcome, "hung") }
                if outcome.status == 0 {
                    table.tolerated += 1
                    if found != Self.places.sorted() { table.complain(place, fault, outcome, "only \(found)") }
                    _ = try await sandbox.call("mounts", "remove", sandbox.id, file)
                } else {
                    table.refused += 1
                    // A failure of wait4 does not change the result of the child.
                    if found != [], outcome.call != "wait4" { table.complain(place, fault, outcome, "left \(found)") }
                    bench.checkAnswer(.mounting, place, fault, outcome, &table)
                    for _ in found { _ = try await sandbox.call("mounts", "remove", sandbox.id, file) }
                }
            }
            _ = try await bench.cleanUp()
            table.conclude()
        }
    }
}

extension FaultedOperation {
    fileprivate static let mounting = Self(name: "mounts add", start: .stays, arguments: [])
}
