// Copying bytes between descriptors.

import CLinux
import Glibc
import Kernel
import Synchronization
import Testing

@testable import Shim

@Suite(.timeLimit(.minutes(1))) struct RelayTests {
    private let endings = Endings()

    @Test(arguments: [1, 100, 16 << 10, 300_000])
    func `everything arrives, in order, and the end after it`(size: Int) throws {
        let line = try Line()
        let flow = line.carry(with: try relay())
        let payload = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let writer = Writer(payload, to: line.input)
        #expect(try readAll(line.output) == payload)
        writer.join()
        endings.wait(for: flow)
        close(line.output)
    }

    @Test func `short lines fill a pipe without a reader by bytes, not by lines`() throws {
        let line = try Line()
        let flow = line.carry(with: try relay())
        for _ in 0..<200 {
            try writeAll("line\n".utf8, to: line.input)
            usleep(500)
        }
        close(line.input)
        endings.wait(for: flow)
        #expect(try readAll(line.output).count == 1000)
        close(line.output)
    }

    @Test func `a flow that is stopped closes both its ends`() throws {
        let line = try Line()
        let relay = try relay()
        let flow = line.carry(with: relay)
        relay.stop(flow)
        endings.wait(for: flow)
        #expect(try readAll(line.output) == [])
        #expect(throws: Errno.brokenPipe) { try writeAll("x".utf8, to: line.input) }
        close(line.input)
        close(line.output)
    }

    @Test func `a file opened for appending is written although splice refuses`() throws {
        try withTemporaryDirectory { directory in
            let path = directory + "/log"
            let file = try OwnedDescriptor.open(path, [.writeOnly, .create, .append], mode: 0o600)
            let source = try makePipe()
            let payload = [UInt8](repeating: 7, count: 40_000)
            try writeAll(payload, to: source.write)
            let flow = try relay().carry(from: OwnedDescriptor(adopting: source.read), to: file)
            close(source.write)
            endings.wait(for: flow)
            #expect(try readFile(path) == payload)
        }
    }

    private func relay() throws -> Relay {
        signal(SIGPIPE, SIG_IGN)
        return try Relay(report: { [endings] in endings.add($0) })
    }
}

/// Two pipes with a relay between them.
private struct Line {
    let input: Int32
    let output: Int32
    private let source: Int32
    private let destination: Int32

    init() throws {
        (source, input) = try makePipe()
        (output, destination) = try makePipe()
    }

    func carry(with relay: Relay) -> FlowID {
        for end in [source, destination] { _ = fcntl(end, F_SETFL, O_NONBLOCK) }
        return relay.carry(from: OwnedDescriptor(adopting: source), to: OwnedDescriptor(adopting: destination))
    }
}

private func makePipe() throws -> (read: Int32, write: Int32) {
    var ends: [Int32] = [-1, -1]
    try checked { clinux_pipe2(&ends, OpenFlags.closeOnExec.rawValue) }
    return (ends[0], ends[1])
}

/// The flows that have ended.
private final class Endings: Sendable {
    private let flows = Mutex<Set<FlowID>>([])

    func add(_ report: RelayReport) {
        if case .ended(let flow) = report { _ = flows.withLock { $0.insert(flow) } }
    }

    func wait(for flow: FlowID) {
        while !flows.withLock({ $0.contains(flow) }) { usleep(1000) }
    }
}

/// A thread that writes to a descriptor and closes it.
private final class Writer {
    private let payload: [UInt8]
    private let descriptor: Int32
    private var thread = pthread_t()

    init(_ payload: [UInt8], to descriptor: Int32) {
        self.payload = payload
        self.descriptor = descriptor
        pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                let writer = Unmanaged<Writer>.fromOpaque(argument).takeRetainedValue()
                try? writeAll(writer.payload, to: writer.descriptor)
                close(writer.descriptor)
                return nil
            }, Unmanaged.passRetained(self).toOpaque())
    }

    func join() { pthread_join(thread, nil) }
}
