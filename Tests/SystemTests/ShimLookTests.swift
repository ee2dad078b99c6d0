// The report that the shim writes at SIGUSR1.

import Foundation
import Glibc
import ShimAPI
import TTRPC
import Testing

extension ShimCallTests {
    @Test func `at SIGUSR1 the shim says what it keeps and waits for`() async throws {
        try await withShim("c1", "sleep 1000") { host, shim in
            symlinkApplets(["sleep"], host)
            // The shim opened its log, as containerd makes it, when it was started.
            let log = host.directory + "/c2/log"
            let bundle = try await host.makeBundle("c2", "sleep 1000")
            mkfifo(log, 0o600)
            let reader = open(log, O_RDONLY | O_NONBLOCK)
            defer { close(reader) }
            let result = try await host.start("c2", in: bundle)
            let other = try await host.connect(result.address)
            let connected: TaskConnectResponse = try await other.ask("Connect", container("c2"))
            let request = try create("c2", host, runtime: "case \"$*\" in *' exec '*) exec sleep 1000;; esac")
            let _: TaskCreateResponse = try await other.ask("Create", request)
            let _: TaskStartResponse = try await other.ask("Start", process("c2"))
            try await other.tell("Exec", exec("c2", "e1", ["/bin/sh"]))
            async let started = other.call("Start", process("c2", "e1"))
            async let waited = other.call("Wait", process("c2"))
            var text = ""
            try await eventually("the records") {
                Glibc.kill(pid_t(connected.shimPid), SIGUSR1)
                var buffer = [UInt8](repeating: 0, count: 1 << 16)
                let count = read(reader, &buffer, buffer.count)
                text += String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
                let expected = [
                    "1 containers, 0 being created, 2 calls in flight, 0 events to be sent",
                    "container c2: running, process ", "container c2: exec e1: created, runtime exec at work for ",
                    "call in flight: Wait for ", "call in flight: Start for ",
                ]
                return expected.allSatisfy { text.contains($0) }
            }
            try await remove("c2", other)
            _ = try await (started, waited)
            try await other.tell("Shutdown", TaskShutdownRequest())
            let _: TaskCreateResponse = try await shim.ask("Create", create("c1", host))
            try await remove("c1", shim)
        }
    }
}
