// Terminals: in the foreground, and through a console socket.

import Foundation
import Kernel
import OCISpec
import SystemPackage
import Testing

@Suite(.serialized)
struct TerminalTests {
    /// Runs a command on a terminal of its own, with a size and input.
    private func onTerminal(_ command: String, typing: String, rows: Int = 24, columns: Int = 80) async throws -> String
    {
        // script(1) creates the terminal; its input is typed there.
        let line = "stty rows \(rows) cols \(columns); exec \(command)"
        // At the end of its input script types an end of file; on a busy machine that comes before the command's output.
        return try await execute(
            "/bin/sh", ["-c", #"{ cat; sleep 2; } | script -qec "$0" /dev/null"#, "sh -c '\(line)'"], input: typing
        ).output.replacingOccurrences(of: "\r", with: "")
    }

    @Test(arguments: RuntimeUnderTest.all)
    func `a shell in the foreground has job control, a size and a console`(_ runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            try sandbox.configure { spec in
                spec.process?.terminal = true
                spec.process?.args = [
                    "sh", "-ic",
                    "tty; until size=$(stty size 2>/dev/null); test -n \"${size%0 0}\"; do sleep 0.05; done; echo $size; test -c /dev/console && echo console; sleep 0 & wait; echo jobs $-; sleep 0.3",
                ]
            }
            let output = try await onTerminal(
                "\(runtime.path) --root \(sandbox.state) run --bundle \(sandbox.bundle) \(sandbox.id)", typing: "",
                rows: 33, columns: 101)
            #expect(output.contains("/dev/pts/0") || output.contains("/dev/console"))
            #expect(output.contains("33 101"))
            #expect(output.contains("console\n"))
            #expect(output.contains("jobs ") && !output.contains("can't access tty"))
        }
    }

    @Test(arguments: RuntimeUnderTest.all)
    func `lines from a terminal in the foreground end as they were ended`(_ runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            try sandbox.configure { spec in
                spec.process?.terminal = true
                spec.process?.args = ["sh", "-c", "echo one; echo two"]
            }
            let run = "\(runtime.path) --root \(sandbox.state) run --bundle \(sandbox.bundle) \(sandbox.id)"
            let file = sandbox.directory + "/output"
            _ = try await shell("sleep 2 | script -qec '\(run) > \(file)' /dev/null")
            #expect(try String(contentsOfFile: file, encoding: .utf8) == "one\ntwo\n")
        }
    }

    @Test(arguments: RuntimeUnderTest.all)
    func `an interrupt typed on the terminal reaches the program`(_ runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            try sandbox.configure { spec in
                spec.process?.terminal = true
                spec.process?.args = [
                    "sh", "-c", "trap 'echo interrupted; exit 9' INT; echo ready; sleep 20 & wait; wait",
                ]
            }
            let script =
                "(sleep 1.5; printf '\\003'; sleep 1) | script -qec '\(runtime.path) --root \(sandbox.state) run --bundle \(sandbox.bundle) \(sandbox.id)' /dev/null"
            let outcome = try await shell(script)
            #expect(outcome.output.contains("ready"))
            #expect(outcome.output.contains("interrupted"))
            #expect(try await sandbox.status() == nil)
        }
    }

    @Test(arguments: RuntimeUnderTest.all)
    func `the console socket is sent the master with its name`(_ runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            try sandbox.configure { spec in
                spec.process?.terminal = true
                spec.process?.consoleSize = Box(height: 11, width: 22)
                spec.process?.args = ["sh", "-c", "stty size; echo said; read line; echo got $line"]
            }
            let path = sandbox.directory + "/console"
            let listener = try listenSocket(at: path)
            #expect(try await sandbox.detached("create", "--console-socket", path, sandbox.id).status == 0)
            let connection = try acceptConnection(listener.rawValue)
            var message = try receiveMessage(connection.rawValue)
            #expect(String(decoding: message.bytes, as: UTF8.self).hasPrefix("/dev/pts/") || !runtime.isOurs)
            let number = message.descriptor.take()?.relinquish()
            let master = try #require(number)
            let owned = OwnedDescriptor(adopting: master)
            let size = try windowSize(of: owned.rawValue)
            #expect(size == WindowSize(rows: 11, columns: 22))
            #expect(try await sandbox.call("start", sandbox.id).status == 0)
            try writeAll(Array("hello\n".utf8), to: owned.rawValue)
            try await sandbox.wait(for: "stopped")
            var text = ""
            while try waitUntilReadable(owned.rawValue, milliseconds: 200) {
                var buffer = [UInt8](repeating: 0, count: 4096)
                let count = read(owned.rawValue, &buffer, buffer.count)
                if count <= 0 { break }
                text += String(decoding: buffer[..<count], as: UTF8.self)
            }
            #expect(text.contains("11 22"))
            #expect(text.contains("got hello"))
            _ = try await sandbox.call("delete", sandbox.id)
        }
    }

    @Test(arguments: RuntimeUnderTest.all)
    func `a terminal without a console socket is refused when detached`(_ runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            try sandbox.configure("true") { $0.process?.terminal = true }
            let outcome = try await sandbox.detached("create", sandbox.id)
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains("cannot allocate tty if runc will detach without setting console socket"))
            try sandbox.configure("true")
            let other = try await sandbox.detached("create", "--console-socket", "/tmp/x", sandbox.id)
            #expect(other.errors.contains("cannot use console socket if runc will not detach or allocate tty"))
        }
    }

    @Test(arguments: RuntimeUnderTest.all)
    func `exec gives a terminal too`(_ runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            try sandbox.configure("sleep", "100")
            _ = try await sandbox.startDetached()
            let output = try await onTerminal(
                "\(runtime.path) --root \(sandbox.state) exec -t \(sandbox.id) sh -c \"tty; until stty size 2>/dev/null | grep 34; do sleep 0.05; done; sleep 0.3\"",
                typing: "",
                rows: 12, columns: 34)
            #expect(output.contains("/dev/pts/0"))
            #expect(output.contains("12 34"))
            _ = try await sandbox.call("delete", "-f", sandbox.id)
        }
    }
}
