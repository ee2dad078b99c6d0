// The client has all output of a process before its exit is reported, because clients then stop reading.

import Foundation
import Glibc
import ShimAPI
import SwiftProtobuf
import Synchronization
import TTRPC
import Testing

extension ShimCallTests {
    /// A process and the destination of its output.
    struct OutputCase: Sendable, CustomTestStringConvertible {
        enum Destination: String, CaseIterable, Sendable { case fifo, terminal, file, logger, terminalLogger }
        var isExec: Bool
        var destination: Destination
        /// Less than the capacity of a pipe, or more than that of a pipe and a FIFO together.
        var size: Int

        var testDescription: String { "\(isExec ? "exec" : "init") \(destination) \(size)" }
        var isTerminal: Bool { destination == .terminal || destination == .terminalLogger }

        static let all = [false, true].flatMap { isExec in
            Destination.allCases.flatMap { destination in
                [6, 150_000].map { OutputCase(isExec: isExec, destination: destination, size: $0) }
            }
        }
    }

    @Test(arguments: OutputCase.all)
    func `all output is read before the exit is reported`(_ output: OutputCase) async throws {
        let command = "dd if=/dev/zero bs=\(output.size) count=1 2>/dev/null | tr '\\0' x"
        try await withShim("c1", output.isExec ? "sleep 1000" : command) { host, shim in
            symlinkApplets(["dd", "tr", "sleep"], host)
            if output.isTerminal, !output.isExec { try useTerminal(host.directory + "/c1/config.json") }
            let reader = try SlowReader(output.destination, host)
            let id = output.isExec ? "e1" : ""
            var request = create("c1", host)
            if !output.isExec {
                request.stdout = reader.address
                request.terminal = output.isTerminal
            }
            let _: TaskCreateResponse = try await shim.ask("Create", request)
            if output.isExec {
                let _: TaskStartResponse = try await shim.ask("Start", process("c1"))
                var request = exec("c1", id, ["/bin/sh", "-c", command])
                request.stdout = reader.address
                request.terminal = output.isTerminal
                try await shim.tell("Exec", request)
            }
            let _: TaskStartResponse = try await shim.ask("Start", process("c1", id))
            let waited: TaskWaitResponse = try await shim.ask("Wait", process("c1", id))
            // A logger has read the output; it writes it a moment later.
            try await Task.sleep(for: .milliseconds(reader.isLogger ? 30 : 0))
            #expect(reader.count == output.size)
            #expect(waited.exitStatus == 0)
            reader.end()
            try await shim.tell("Kill", ifRunning: output.isExec, kill("c1", SIGKILL))
            let _: TaskWaitResponse = try await shim.ask("Wait", process("c1"))
            let _: TaskDeleteResponse = try await shim.ask("Delete", process("c1"))
        }
    }

    /// Clients that do not read the output.
    enum Reader: String, CaseIterable, Sendable { case asleep, gone }

    @Test(arguments: Reader.allCases)
    func `a client that does not read does not delay an exit`(_ reader: Reader) async throws {
        try await withShim("c1", "sleep 1000") { host, shim in
            symlinkApplets(["dd", "sleep"], host)
            let _: TaskCreateResponse = try await shim.ask("Create", create("c1", host))
            let _: TaskStartResponse = try await shim.ask("Start", process("c1"))
            // A small output, so that the process ends by itself, and one larger than a FIFO, so that it must be
            // killed.
            for (id, size) in [("e1", 6), ("e2", 150_000)] {
                let fifo = host.directory + "/" + id
                mkfifo(fifo, 0o600)
                let end = open(fifo, O_RDONLY | O_NONBLOCK)
                var request = exec("c1", id, ["/bin/sh", "-c", "dd if=/dev/zero bs=\(size) count=1 2>/dev/null"])
                request.stdout = fifo
                try await shim.tell("Exec", request)
                let started: TaskStartResponse = try await shim.ask("Start", process("c1", id))
                if reader == .gone { close(end) }
                if size > 6 {
                    try await Task.sleep(for: .milliseconds(200))
                    #expect(ContainerdHost.isAlive(pid_t(started.pid)))
                    try await shim.tell("Kill", kill("c1", SIGKILL, id))
                }
                let began = ContinuousClock.now
                let _: TaskWaitResponse = try await shim.ask("Wait", process("c1", id))
                let took = ContinuousClock.now - began
                #expect(took < (reader == .gone ? .milliseconds(800) : .seconds(3)), "\(took)")
                // No output was dropped, because the reader may still read it.
                if reader == .asleep { #expect(readAll(end) >= min(size, 1 << 16)) }
                close(end)
                let deleted: TaskDeleteResponse = try await shim.ask("Delete", process("c1", id))
                #expect(deleted.pid == started.pid)
            }
            try await shim.tell("Kill", kill("c1", SIGKILL))
            let _: TaskWaitResponse = try await shim.ask("Wait", process("c1"))
            let _: TaskDeleteResponse = try await shim.ask("Delete", process("c1"))
        }
    }

    @Test func `output of a process's children is read after its exit`() async throws {
        try await withExecOutput("(read x </go; echo later) & echo now") { host, shim, end in
            try await eventually("the first line") { unread(end) == 4 }
            #expect(readAll(end) == 4)
            let _: TaskWaitResponse = try await shim.ask("Wait", process("c1", "e1"))
            #expect(readAll(end) == 0, "the exit was held back for a process that goes on")
            let go = open(host.directory + "/c1/rootfs/go", O_WRONLY)
            close(go)
            // Its time is limited: a machine may be too slow for it.
            try await eventually("the second line") { unread(end) == 6 || isHungUp(end) }
        }
    }

    // As a system does between its boot and the login: systemd hangs its console up, and opens it again for the getty.
    @Test func `a terminal's output goes on after every process had closed it`() async throws {
        let command = "echo before; exec >/dev/null 2>&1 </dev/null; sleep 1; echo after >/dev/tty; exec sleep 1"
        try await withExecOutput(command, isTerminal: true) { _, shim, end in
            // "before" and "after", each with the terminal's end of line.
            try await eventually("both lines") { unread(end) == 15 }
            let waited: TaskWaitResponse = try await shim.ask("Wait", process("c1", "e1"))
            #expect(waited.exitStatus == 0)
        }
    }

    /// A process that goes on with the streams of one that has exited.
    struct LeftBehind: Sendable, CustomTestStringConvertible {
        var command: String
        var isTerminal: Bool
        var testDescription: String { command + (isTerminal ? " on a terminal" : "") }

        static let all = [false, true].flatMap { isTerminal in
            ["sleep 1000", "exec sleep 1000 >&-", "yes"].map { LeftBehind(command: $0, isTerminal: isTerminal) }
        }
    }

    @Test(arguments: LeftBehind.all)
    func `a client that waits for the end of output gets it although a child keeps it open`(
        _ child: LeftBehind
    ) async throws {
        // A terminal is hung up by its session leader's end, except for those who do not hear it.
        let command = "trap '' HUP; (\(child.command)) & echo now"
        try await withExecOutput(command, isTerminal: child.isTerminal) { host, shim, end in
            let waited: TaskWaitResponse = try await shim.ask("Wait", process("c1", "e1"))
            #expect(waited.exitStatus == 0)
            var sum = 0
            try await eventually("the end of output") {
                var buffer = [UInt8](repeating: 0, count: 1 << 16)
                while true {
                    let count = read(end, &buffer, buffer.count)
                    if count <= 0 { return count == 0 }
                    sum += count
                }
            }
            #expect(sum >= 4)
        }
    }

    /// Has a command executed in a container, with a FIFO for its output.
    private func withExecOutput(
        _ command: String, isTerminal: Bool = false, _ body: (ShimHost, ShimConnection, Int32) async throws -> Void
    ) async throws {
        try await withShim("c1", "sleep 1000") { host, shim in
            symlinkApplets(["sleep", "yes"], host)
            mkfifo(host.directory + "/c1/rootfs/go", 0o600)
            let _: TaskCreateResponse = try await shim.ask("Create", create("c1", host))
            let _: TaskStartResponse = try await shim.ask("Start", process("c1"))
            let fifo = host.directory + "/out"
            mkfifo(fifo, 0o600)
            let end = open(fifo, O_RDONLY | O_NONBLOCK)
            defer { close(end) }
            var request = exec("c1", "e1", ["/bin/sh", "-c", command])
            request.stdout = fifo
            request.terminal = isTerminal
            try await shim.tell("Exec", request)
            let _: TaskStartResponse = try await shim.ask("Start", process("c1", "e1"))
            try await body(host, shim, end)
            let _: TaskDeleteResponse = try await shim.ask("Delete", process("c1", "e1"))
            try await shim.tell("Kill", kill("c1", SIGKILL))
            let _: TaskWaitResponse = try await shim.ask("Wait", process("c1"))
            let _: TaskDeleteResponse = try await shim.ask("Delete", process("c1"))
        }
    }

    // MARK: bundles and readers

    func symlinkApplets(_ names: [String], _ host: ShimHost) {
        for name in names { symlink("sh", host.directory + "/c1/rootfs/bin/" + name) }
    }

    private func useTerminal(_ file: String) throws {
        let text = try String(contentsOfFile: file, encoding: .utf8)
        try text.replacing("\"terminal\":false", with: "\"terminal\":true").write(
            toFile: file, atomically: false, encoding: .utf8)
    }

    private func isHungUp(_ descriptor: Int32) -> Bool {
        var side = pollfd(fd: descriptor, events: 0, revents: 0)
        return poll(&side, 1, 0) == 1
    }

    private func unread(_ descriptor: Int32) -> Int {
        var count: Int32 = 0
        _ = ioctl(descriptor, UInt(FIONREAD), &count)
        return Int(count)
    }

    private func readAll(_ descriptor: Int32) -> Int {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        var sum = 0
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count <= 0 { return sum }
            sum += count
        }
    }
}

extension ShimConnection {
    /// Calls a method that must succeed, unless the call is not needed.
    func tell(_ method: String, ifRunning isNeeded: Bool, _ message: some Message & Sendable) async throws {
        if isNeeded { try await tell(method, message) }
    }
}

/// A client, or a logger, that starts reading late and reads little at a time.
private final class SlowReader: Sendable {
    let address: String
    private let file: String?
    private let state = Mutex((count: 0, isOver: false))

    init(_ destination: ShimCallTests.OutputCase.Destination, _ host: ShimHost) throws {
        let path = host.directory + "/output"
        switch destination {
        case .fifo, .terminal:
            address = path
            file = nil
            mkfifo(path, 0o600)
            let end = open(path, O_RDONLY | O_NONBLOCK)
            Thread.detachNewThread { self.read(end) }
        case .file:
            address = "file://" + path
            file = path
        case .logger, .terminalLogger:
            let script =
                "#!/bin/sh\nexec 5>&-\nsleep 0.3\nhead -c 100000 <&3 >>\(path); sleep 0.2; exec cat <&3 >>\(path)\n"
            try script.write(toFile: host.directory + "/logger", atomically: false, encoding: .utf8)
            chmod(host.directory + "/logger", 0o755)
            address = "binary://" + host.directory + "/logger"
            file = path
        }
    }

    var isLogger: Bool { address.hasPrefix("binary://") }

    /// The number of bytes that have arrived.
    var count: Int {
        guard let file else { return state.withLock { $0.count } }
        var facts = stat()
        return stat(file, &facts) == 0 ? Int(facts.st_size) : 0
    }

    func end() { state.withLock { $0.isOver = true } }

    private func read(_ end: Int32) {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        var isFirst = true
        while !state.withLock({ $0.isOver }) {
            var count: Int32 = 0
            _ = ioctl(end, UInt(FIONREAD), &count)
            if count > 0 {
                usleep(isFirst ? 300_000 : 50_000)
                isFirst = false
                let count = Glibc.read(end, &buffer, buffer.count)
                state.withLock { $0.count += max(0, count) }
            }
            usleep(1000)
        }
        close(end)
    }
}
