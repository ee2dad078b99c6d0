// Writes to /proc on a host where mounting a procfs is refused: they go to the container's procfs, and into no trap.

import Foundation
import Kernel
import OCISpec
import Testing

@Suite(.serialized, .enabled(if: geteuid() == 0, "root is needed"))
struct PrivateProcTests {
    /// Calls that make the runtime's own procfs, and the errors of nested hosts.
    static let refusals: [(call: String, code: Int32)] = [
        ("fsopen", EPERM), ("fsopen", ENOSYS), ("fsconfig", EPERM), ("fsmount", EACCES),
    ]

    private func configure(_ sandbox: Sandbox, _ hook: String? = nil) throws {
        try sandbox.configure { spec in
            // If the trap covers all of /proc, nothing can be read.
            spec.process?.args = ["/bin/sh", "-c", "cat /proc/sys/kernel/domainname; true"]
            spec.linux?.sysctl = ["kernel.domainname": "wanted"]
            // Masked paths would be mounted after the write, so they are left out.
            spec.linux?.maskedPaths = []
            spec.linux?.readonlyPaths = []
            guard let hook else { return }
            spec.hooks = Hooks(
                createContainer: [
                    Hook(path: "/bin/sh", args: ["sh", "-c", hook], env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"])
                ])
        }
    }

    /// The last occurrence of the call, which is for the runtime's own procfs.
    private func place(of call: String, _ bench: FaultBench) async throws -> CallPlace {
        let watched = try await bench.run(["run", bench.sandbox.id])
        #expect(watched.status == 0, "\(watched.errors)")
        return try #require(watched.calls.last { $0.name == call }).place
    }

    @Test(arguments: refusals)
    func `a sysctl is written through the container's procfs`(call: String, code: Int32) async throws {
        try await withSandbox(.swiftrun) { sandbox in
            try configure(sandbox)
            let bench = try FaultBench(sandbox)
            let outcome = try await bench.run(["run", sandbox.id], at: place(of: call, bench), .fail(code))
            #expect([outcome.verdict, outcome.call] == ["injected", call])
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(outcome.output == "wanted\n")
        }
    }

    @Test func `another error does not lead to the container's procfs`() async throws {
        try await withSandbox(.swiftrun) { sandbox in
            try configure(sandbox)
            let bench = try FaultBench(sandbox)
            let outcome = try await bench.run(["run", sandbox.id], at: place(of: "fsopen", bench), .fail(EIO))
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains("linux.sysctl.kernel.domainname: write \\\"wanted\\\": input/output error"))
        }
    }

    @Test(arguments: [
        // On the file, on a directory above it, on all of /proc, and on a part of it.
        ("trap/sys/kernel/domainname", "/sys/kernel/domainname", "invalid cross-device link"),
        ("trap/sys/kernel", "/sys/kernel", "invalid cross-device link"),
        ("trap", "", "operation not permitted"), ("/proc/sys", "", "operation not permitted"),
    ])
    func `a mount over a part of it is no trap`(source: String, place: String, word: String) async throws {
        try await withSandbox(.swiftrun) { sandbox in
            let trap = sandbox.directory + "/trap/sys/kernel"
            try FileManager.default.createDirectory(atPath: trap, withIntermediateDirectories: true)
            try sandbox.write(trap + "/domainname", "untouched\n")
            try configure(
                sandbox, "cd '\(sandbox.directory)' && mount --bind '\(source)' '\(sandbox.rootfs)/proc\(place)'")
            let bench = try FaultBench(sandbox)
            let outcome = try await bench.run(["run", sandbox.id], at: self.place(of: "fsopen", bench), .fail(EPERM))
            #expect([outcome.verdict, outcome.call] == ["injected", "fsopen"])
            #expect(outcome.status == 1)
            #expect(
                outcome.errors.contains("linux.sysctl.kernel.domainname: write \\\"wanted\\\": \(word)"),
                "\(outcome.errors)")
            #expect(try String(contentsOfFile: trap + "/domainname", encoding: .utf8) == "untouched\n")
        }
    }
}
