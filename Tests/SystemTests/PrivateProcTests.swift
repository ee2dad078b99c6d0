// Writes to /proc on a host that lets nobody mount a procfs of his own: they go to the container's, and into no trap.

import Foundation
import Kernel
import OCISpec
import Testing

@Suite(.serialized, .enabled(if: geteuid() == 0, "root is needed"))
struct PrivateProcTests {
    /// Calls that make the runtime's own procfs, and how nested hosts refuse them.
    static let refusals: [(call: String, code: Int32)] = [
        ("fsopen", EPERM), ("fsopen", ENOSYS), ("fsconfig", EPERM), ("fsmount", EACCES),
    ]

    private func configure(_ sandbox: Sandbox, _ hook: String? = nil) throws {
        try sandbox.configure { spec in
            // With a trap over all of /proc there is nothing to read.
            spec.process?.args = ["/bin/sh", "-c", "cat /proc/sys/kernel/domainname; true"]
            spec.linux?.sysctl = ["kernel.domainname": "wanted"]
            // What masks paths is made later, and nothing else.
            spec.linux?.maskedPaths = []
            spec.linux?.readonlyPaths = []
            guard let hook else { return }
            spec.hooks = Hooks(
                createContainer: [
                    Hook(path: "/bin/sh", args: ["sh", "-c", hook], env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"])
                ])
        }
    }

    /// Where the call is made for the last time: for the runtime's own procfs.
    private func place(of call: String, _ bench: FaultBench) async throws -> CallPlace {
        let watched = try await bench.run(["run", bench.sandbox.id])
        #expect(watched.status == 0, "\(watched.errors)")
        return try #require(watched.calls.last { $0.name == call }).place
    }

    @Test(arguments: refusals)
    func `a kernel parameter is written through the procfs on proc`(call: String, code: Int32) async throws {
        try await withSandbox(.swiftrun) { sandbox in
            try configure(sandbox)
            let bench = try FaultBench(sandbox)
            let outcome = try await bench.run(["run", sandbox.id], at: place(of: call, bench), .fail(code))
            #expect([outcome.verdict, outcome.call] == ["struck", call])
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(outcome.output == "wanted\n")
        }
    }

    @Test func `another error is no reason to look there`() async throws {
        try await withSandbox(.swiftrun) { sandbox in
            try configure(sandbox)
            let bench = try FaultBench(sandbox)
            let outcome = try await bench.run(["run", sandbox.id], at: place(of: "fsopen", bench), .fail(EIO))
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains("linux.sysctl.kernel.domainname: write \\\"wanted\\\": input/output error"))
        }
    }

    @Test(arguments: [
        // On the file, on a directory above it, on all of it, and a part of it in its place.
        ("trap/sys/kernel/domainname", "/sys/kernel/domainname", "invalid cross-device link"),
        ("trap/sys/kernel", "/sys/kernel", "invalid cross-device link"),
        ("trap", "", "operation not permitted"), ("/proc/sys", "", "operation not permitted"),
    ])
    func `what is mounted over a part of it is no trap`(source: String, place: String, word: String) async throws {
        try await withSandbox(.swiftrun) { sandbox in
            let trap = sandbox.directory + "/trap/sys/kernel"
            try FileManager.default.createDirectory(atPath: trap, withIntermediateDirectories: true)
            try sandbox.write(trap + "/domainname", "untouched\n")
            try configure(
                sandbox, "cd '\(sandbox.directory)' && mount --bind '\(source)' '\(sandbox.rootfs)/proc\(place)'")
            let bench = try FaultBench(sandbox)
            let outcome = try await bench.run(["run", sandbox.id], at: self.place(of: "fsopen", bench), .fail(EPERM))
            #expect([outcome.verdict, outcome.call] == ["struck", "fsopen"])
            #expect(outcome.status == 1)
            #expect(
                outcome.errors.contains("linux.sysctl.kernel.domainname: write \\\"wanted\\\": \(word)"),
                "\(outcome.errors)")
            #expect(try String(contentsOfFile: trap + "/domainname", encoding: .utf8) == "untouched\n")
        }
    }
}
