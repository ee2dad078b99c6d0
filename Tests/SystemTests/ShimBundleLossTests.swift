// What a caller can take away from a shim: the bundle of a container that runs, and the end of a logger.

import Foundation
import Glibc
import ShimAPI
import TTRPC
import Testing

extension ShimCallTests {
    enum BundleLoss: String, CaseIterable, Sendable { case gone, withoutInodes, readOnly }

    /// A log of each call lies in the bundle; a container must end without one.
    @Test(arguments: BundleLoss.allCases)
    func `a container whose bundle takes no file can be ended`(_ loss: BundleLoss) async throws {
        try await withShim("c1", "sleep 1000") { host, shim in
            let bundle = host.directory + "/c1"
            let cover = host.directory + "/moved"
            let _: TaskCreateResponse = try await shim.ask("Create", create("c1", host))
            let _: TaskStartResponse = try await shim.ask("Start", process("c1"))
            #expect(rename(bundle, cover) == 0)
            defer { umount2(bundle, 2) }
            if loss != .gone {
                #expect(mkdir(bundle, 0o755) == 0)
                let flags = loss == .readOnly ? UInt(MS_RDONLY) : 0
                #expect(mount("none", bundle, "tmpfs", flags, loss == .readOnly ? "" : "nr_inodes=1") == 0)
            }
            try await shim.tell("Pause", container("c1"))
            try await shim.tell("Resume", container("c1"))
            try await shim.tell("Kill", kill("c1", SIGKILL))
            let waited: TaskWaitResponse = try await shim.ask("Wait", process("c1"))
            #expect(waited.exitStatus == 137)
            let _: TaskDeleteResponse = try await shim.ask("Delete", process("c1"))
        }
    }

    @Test func `signal 0 asks whether a process is there`() async throws {
        try await withShim("c1", "sleep 1000") { host, shim in
            let _: TaskCreateResponse = try await shim.ask("Create", create("c1", host))
            let _: TaskStartResponse = try await shim.ask("Start", process("c1"))
            try await shim.tell("Kill", kill("c1", 0))
            try await shim.tell("Kill", kill("c1", SIGKILL))
            let _: TaskWaitResponse = try await shim.ask("Wait", process("c1"))
            #expect(try await shim.refusal("Kill", kill("c1", 0))?.code == .notFound)
            let _: TaskDeleteResponse = try await shim.ask("Delete", process("c1"))
        }
    }

    @Test func `a logger that does not end goes with the shim`() async throws {
        let host = try ShimHost()
        try await host.listen()
        let result = try await host.start("c1", in: host.makeBundle("c1", "true"))
        let shim = try await host.connect(result.address)
        let script = host.directory + "/logger"
        let text = "#!/bin/sh\ntrap '' TERM\necho $$ >\(host.directory)/pid\nexec 5>&-\nexec sleep 7000\n"
        try text.write(toFile: script, atomically: false, encoding: .utf8)
        chmod(script, 0o755)
        var request = create("c1", host)
        request.stdout = "binary://" + script
        request.stderr = request.stdout
        let _: TaskCreateResponse = try await shim.ask("Create", request)
        let _: TaskStartResponse = try await shim.ask("Start", process("c1"))
        let _: TaskWaitResponse = try await shim.ask("Wait", process("c1"))
        let _: TaskDeleteResponse = try await shim.ask("Delete", process("c1"))
        let logger = try String(contentsOfFile: host.directory + "/pid", encoding: .utf8)
        let number = try #require(pid_t(logger.trimmingCharacters(in: .whitespacesAndNewlines)))
        try await shim.tell("Shutdown", TaskShutdownRequest())
        try await eventually("the logger ends") { !ContainerdHost.isAlive(number) }
        try await host.end()
    }
}
