// Destinations of errors: a file, the journal, the system log.

import Foundation
import Kernel
import SystemPackage
import Testing

@Suite(.serialized)
struct LogTests {
    @Test("the journal gets an entry with priority and identifier, and stderr the message")
    func journal() async throws {
        let (received, outcome) = try await record(
            mounting: """
                mount -t tmpfs none /run && mkdir -p /run/systemd/journal && ln -s $1 /run/systemd/journal/socket
                """,
            log: "journald:web")
        let text = "container does not exist: nosuch"
        var entry = Array("PRIORITY=3\nSYSLOG_IDENTIFIER=web\nMESSAGE\n".utf8)
        entry += [UInt8(text.utf8.count), 0, 0, 0, 0, 0, 0, 0] + Array(text.utf8) + [10]
        #expect(received == entry)
        #expect(outcome.errors == text + "\n")
        #expect(outcome.status == 1)
    }

    @Test("the system log gets a line of the facility daemon")
    func systemLog() async throws {
        let (received, _) = try await record(
            mounting: "mount -t tmpfs none /dev && ln -s $1 /dev/log", log: "syslog:web")
        #expect(String(decoding: received, as: UTF8.self) == "<27>web: container does not exist: nosuch")
    }

    @Test("without a journal the error names the missing socket")
    func withoutJournal() async throws {
        let outcome = try await execute(
            "/usr/bin/unshare",
            [
                "--mount", "/bin/sh", "-c", "mount -t tmpfs none /run; exec \"$@\"", "sh",
                RuntimeUnderTest.swiftrun.path, "--log", "journald:web", "state", "nosuch",
            ])
        #expect(outcome.status == 1)
        #expect(
            outcome.errors.contains(
                "--log journald:web: connect to /run/systemd/journal/socket: no such file or directory"))
    }

    @Test("file: before a path changes nothing, and records are added to the file's end")
    func file() async throws {
        let path = "/tmp/swiftrun-log-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        for log in ["file:" + path, path] {
            let swiftrun = RuntimeUnderTest.swiftrun.path
            #expect(try await execute(swiftrun, ["--log", log, "state", "nosuch"]).status == 1)
        }
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
        #expect(lines.count == 2)
        for line in lines {
            #expect(line.hasSuffix("level=error msg=\"container does not exist: nosuch\""))
        }
    }

    /// The datagrams to a socket that replaces the journal's or the logger's, and the command's result.
    private func record(mounting script: String, log: String) async throws -> (received: [UInt8], outcome: Outcome) {
        let path = "/tmp/swiftrun-log-\(UUID().uuidString.prefix(8))"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let socket = try datagramSocket(at: path)
        let outcome = try await execute(
            "/usr/bin/unshare",
            [
                "--mount", "/bin/sh", "-c", script + "; shift; exec \"$@\"", "sh", path,
                RuntimeUnderTest.swiftrun.path, "--log", log, "state", "nosuch",
            ])
        var bytes = [UInt8](repeating: 0, count: 4096)
        let length = recv(socket.rawValue, &bytes, bytes.count, Int32(MSG_DONTWAIT))
        return (Array(bytes.prefix(max(0, length))), outcome)
    }

    private func datagramSocket(at path: String) throws -> OwnedDescriptor {
        let socket = OwnedDescriptor(adopting: Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0))
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socket.rawValue, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(bound == 0)
        return socket
    }
}
