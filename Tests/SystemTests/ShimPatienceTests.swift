// Foreign code that the shim calls: its inherited attributes, and time limits for it.

import Foundation
import Glibc
import ShimAPI
import SwiftProtobuf
import TTRPC
import Testing

extension ShimCallTests {
    @Test func `a runtime inherits from the shim only the descriptors that it needs`() async throws {
        try await withShim("c1", "true") { host, shim in
            let seen = host.directory + "/seen"
            let request = try create(
                "c1", host,
                runtime: "ls /proc/$$/fd >\(seen); pwd >>\(seen); grep Sig /proc/self/status >>\(seen); exit 1")
            #expect(try await shim.refusal("Create", request) != nil)
            let lines = try String(contentsOfFile: seen, encoding: .utf8).split(separator: "\n").map(String.init)
            // The shell has one more descriptor open, for its script.
            let descriptors = lines.compactMap { Int32($0) }.filter { $0 < 10 }
            #expect(descriptors == [0, 1, 2], "\(lines)")
            #expect(lines.contains { $0.hasSuffix("\(host.directory)/c1") })
            for set in ["SigIgn", "SigBlk", "SigPnd"] {
                #expect(lines.contains("\(set):\t0000000000000000"), "\(lines)")
            }
        }
    }

    @Test(arguments: ["Kill", "Delete"])
    func `a runtime that hangs in an exec is killed`(_ method: String) async throws {
        try await withShim("c1", "sleep 1000") { host, shim in
            symlinkApplets(["sleep"], host)
            let request = try create("c1", host, runtime: "case \"$*\" in *' exec '*) exec sleep 1000;; esac")
            let _: TaskCreateResponse = try await shim.ask("Create", request)
            let _: TaskStartResponse = try await shim.ask("Start", process("c1"))
            try await shim.tell("Exec", exec("c1", "e1", ["/bin/sh"]))
            async let refused = shim.refusal("Start", process("c1", "e1"))
            try await Task.sleep(for: .milliseconds(300))
            let began = ContinuousClock.now
            if method == "Kill" {
                _ = try await shim.call("Kill", kill("c1", SIGKILL, "e1"))
            } else {
                let _: TaskDeleteResponse = try await shim.ask("Delete", process("c1", "e1"))
            }
            #expect(ContinuousClock.now - began < .seconds(5))
            let message = try await refused?.message ?? ""
            #expect(message.contains("OCI runtime exec failed"), "\(message)")
            try await remove("c1", shim)
        }
    }

    @Test func `a runtime that hangs in a start is killed by a kill request`() async throws {
        try await withShim("c1", "sleep 1000") { host, shim in
            symlinkApplets(["sleep"], host)
            let request = try create("c1", host, runtime: "case \"$*\" in *' start '*) exec sleep 1000;; esac")
            let _: TaskCreateResponse = try await shim.ask("Create", request)
            async let refused = shim.refusal("Start", process("c1"))
            try await Task.sleep(for: .milliseconds(300))
            let began = ContinuousClock.now
            try await remove("c1", shim)
            #expect(ContinuousClock.now - began < .seconds(5))
            let message = try await refused?.message ?? ""
            #expect(message.contains("OCI runtime start failed"), "\(message)")
        }
    }

    @Test func `a runtime that hangs in a creation is killed, and the shim ends`() async throws {
        try await withShim("c1", "sleep 1000") { host, shim in
            let request = try create("c1", host, runtime: "case \"$*\" in *' create '*) exec sleep 1000;; esac")
            async let refused = shim.refusal("Create", request)
            try await Task.sleep(for: .milliseconds(300))
            let began = ContinuousClock.now
            #expect(try await shim.refusal("Delete", process("c1"))?.code == .notFound)
            let message = try await refused?.message ?? ""
            #expect(message.contains("OCI runtime create failed"), "\(message)")
            #expect(ContinuousClock.now - began < .seconds(5))
        }
    }

    @Test func `a runtime that hangs does not delay the clean-up`() async throws {
        try await withShim("c1", "sleep 1000") { host, shim in
            let request = try create(
                "c1", host, runtime: "test -e \(host.directory)/hang && exec sleep 1000")
            let _: TaskCreateResponse = try await shim.ask("Create", request)
            _ = FileManager.default.createFile(atPath: host.directory + "/hang", contents: nil)
            let began = ContinuousClock.now
            await #expect(throws: ShimHost.Refusal.self) {
                _ = try await host.run(
                    ContainerdHost.checkout + "/.build/dist/swift-shim",
                    ["-namespace", "tests", "-id", "c1", "-bundle", host.directory + "/c1", "delete"],
                    in: host.directory + "/c1")
            }
            #expect(ContinuousClock.now - began < .seconds(6))
            unlink(host.directory + "/hang")
            try await remove("c1", shim)
        }
    }

    @Test func `an output FIFO without a reader does not block the shim`() async throws {
        try await withShim("c1", "true") { host, shim in
            mkfifo(host.directory + "/fifo", 0o600)
            var request = create("c1", host)
            request.stdout = "file://\(host.directory)/fifo"
            let began = ContinuousClock.now
            let message = try await shim.refusal("Create", request)?.message ?? ""
            #expect(message.hasPrefix("open \(host.directory)/fifo"), "\(message)")
            #expect(ContinuousClock.now - began < .seconds(2))
        }
    }

    /// A request whose runtime is a shell script that then executes swiftrun.
    func create(_ id: String, _ host: ShimHost, runtime script: String) throws -> TaskCreateRequest {
        let path = host.directory + "/runtime-script"
        let real = ContainerdHost.checkout + "/.build/dist/swiftrun"
        try "#!/bin/sh\n\(script)\nexec \(real) \"$@\"\n".write(toFile: path, atomically: false, encoding: .utf8)
        chmod(path, 0o755)
        var request = create(id, host)
        let options = RuncOptions.with { options in
            options.binaryName = path
            options.root = host.directory + "/runtime"
        }
        request.options.value = try options.serializedData()
        return request
    }

    /// Kills a container and deletes it.
    func remove(_ id: String, _ shim: ShimConnection) async throws {
        try await shim.tell("Kill", kill(id, SIGKILL))
        let _: TaskWaitResponse = try await shim.ask("Wait", process(id))
        let _: TaskDeleteResponse = try await shim.ask("Delete", process(id))
    }
}
