// Whatever the shim waits for, its wait ends: a table of what somebody else's code may do.

import Foundation
import Glibc
import ShimAPI
import Subprocess
import SwiftProtobuf
import SystemPackage
import TTRPC
import Testing

extension ShimCallTests {
    /// A file that a runtime, or another program with access to the bundle, leaves there.
    struct Trap: Sendable, CustomTestStringConvertible {
        var testDescription: String
        /// The action of the runtime in the bundle before its command.
        var script = ":"
        var configurationIsFIFO = false
        var refusal: String

        static let all = [
            Trap(
                testDescription: "a FIFO as config.json", configurationIsFIFO: true,
                refusal: "config.json: it is a fifo, no file"),
            Trap(
                testDescription: "a FIFO as pid file",
                script: "case \"$*\" in *' create '*) rm -f init.pid; mkfifo init.pid; exit 0;; esac",
                refusal: "init.pid: it is a fifo, no file"),
            Trap(
                testDescription: "a FIFO as log",
                script: "case \"$*\" in *' create '*) rm -f \"$4\"; mkfifo \"$4\"; exit 1;; esac",
                refusal: "the runtime exited with status 1 and said nothing"),
        ]
    }

    @Test(arguments: Trap.all)
    func `a creation does not wait for what has been put in a bundle`(_ trap: Trap) async throws {
        try await withShim("c1", "true") { host, shim in
            let request = try create("c1", host, runtime: trap.script)
            if trap.configurationIsFIFO {
                unlink(host.directory + "/c1/config.json")
                mkfifo(host.directory + "/c1/config.json", 0o600)
            }
            let message = try await shim.refusal("Create", request)?.message ?? "no refusal"
            #expect(message.hasSuffix(trap.refusal), "\(message)")
        }
    }

    @Test(.enabled(if: access("/sys/fs/cgroup/freezer/cgroup.procs", F_OK) == 0, "cgroup v1's freezer is missing"))
    func `a runtime that no signal ends does not hold calls`() async throws {
        let freezer = "/sys/fs/cgroup/freezer/shim-wait-\(getpid())"
        mkdir(freezer, 0o755)
        func thaw() { try? "THAWED".write(toFile: freezer + "/freezer.state", atomically: false, encoding: .utf8) }
        defer { thaw() }
        try await withShim("c1", "sleep 1000") { host, shim in
            symlinkApplets(["sleep"], host)
            let script = "echo $$ >\(freezer)/cgroup.procs; echo FROZEN >\(freezer)/freezer.state"
            let request = try create("c1", host, runtime: "case \"$*\" in *' exec '*) \(script);; esac")
            let _: TaskCreateResponse = try await shim.ask("Create", request)
            let _: TaskStartResponse = try await shim.ask("Start", process("c1"))
            try await shim.tell("Exec", exec("c1", "e1", ["/bin/sh"]))
            async let refused = shim.refusal("Start", process("c1", "e1"))
            try await eventually("the runtime is frozen") {
                (try? String(contentsOfFile: freezer + "/freezer.state", encoding: .utf8)) == "FROZEN\n"
            }
            let _: TaskDeleteResponse = try await shim.ask("Delete", process("c1", "e1"))
            let message = try await refused?.message ?? ""
            #expect(message.hasSuffix("the runtime did not end when it was killed"), "\(message)")
            try await remove("c1", shim)
            thaw()
        }
        try await eventually("the runtime ends") { rmdir(freezer) == 0 }
    }

    /// The behaviour of an exec process, or of its runtime, when the container's init ends.
    enum Survivor: String, CaseIterable, Sendable { case runtime, process }

    @Test(arguments: Survivor.allCases)
    func `an end of a container is told although an exec goes on`(_ survivor: Survivor) async throws {
        try await withShim("c1", "read x </go") { host, shim in
            symlinkApplets(["sleep"], host)
            mkfifo(host.directory + "/c1/rootfs/go", 0o600)
            // Outside a namespace of its own, processes outlive the first.
            try host.change(host.directory + "/c1") { spec in
                var linux = spec["linux"] as? [String: Any] ?? [:]
                linux["namespaces"] = [["type": "mount"]]
                spec["linux"] = linux
                spec["hostname"] = nil
            }
            let words = survivor == .runtime ? "exec" : "kill"
            let deed = survivor == .runtime ? "exec sleep 1000" : "exit 1"
            let request = try create("c1", host, runtime: "case \"$*\" in *' \(words) '*) \(deed);; esac")
            let _: TaskCreateResponse = try await shim.ask("Create", request)
            let _: TaskStartResponse = try await shim.ask("Start", process("c1"))
            try await shim.tell("Exec", exec("c1", "e1", ["/bin/sh", "-c", "exec sleep 1000"]))
            async let started = shim.call("Start", process("c1", "e1"))
            if survivor == .process { _ = try await started }
            let waited = Task { let _: TaskWaitResponse = try await shim.ask("Wait", process("c1")) }
            let go = open(host.directory + "/c1/rootfs/go", O_WRONLY)
            close(go)
            try await waited.value
            _ = try await started
            let _: TaskDeleteResponse = try await shim.ask("Delete", process("c1", "e1"))
            let _: TaskDeleteResponse = try await shim.ask("Delete", process("c1"))
        }
    }

    @Test func `a containerd that takes no event holds neither calls nor the end`() async throws {
        let host = try ShimHost()
        // Connections are taken by the kernel, and nobody reads from them.
        let silent = try host.listenSilently()
        let result = try await host.start("c1", in: host.makeBundle("c1", "true"))
        let shim = try await host.connect(result.address)
        let connected: TaskConnectResponse = try await shim.ask("Connect", container("c1"))
        let _: TaskCreateResponse = try await shim.ask("Create", create("c1", host))
        let _: TaskStartResponse = try await shim.ask("Start", process("c1"))
        let _: TaskWaitResponse = try await shim.ask("Wait", process("c1"))
        let _: TaskDeleteResponse = try await shim.ask("Delete", process("c1"))
        try await shim.tell("Shutdown", TaskShutdownRequest())
        try await eventually("the shim ends") { !ContainerdHost.isAlive(pid_t(connected.shimPid)) }
        close(silent)
        try await host.end()
    }

    @Test func `a FIFO as a pod's network is refused at once`() async throws {
        try await PodBench.with { bench in
            let path = bench.host.directory + "/netns"
            mkfifo(path, 0o600)
            let config = CRIPodSandboxConfig.with { $0.hostname = "pod" }
            try await bench.shim.pods.tell("CreateSandbox", bench.request(config, network: path))
            let message = try await bench.shim.pods.refusal("StartSandbox", bench.pod)?.message ?? "no refusal"
            #expect(message.hasPrefix("join the network namespace \(path)"), "\(message)")
            try await bench.end()
        }
    }

    // MARK: helpers

    /// A helper that containerd runs, and what keeps it.
    enum HelperHold: String, CaseIterable, Sendable {
        case deleteOfManyWithHangingRuntime, featuresKeptOpen, longFeatures, lockedDirectory, openInput

        var ends: (status: Int32, words: String) {
            switch self {
            case .deleteOfManyWithHangingRuntime: (1, "the runtime did not end within")
            case .featuresKeptOpen, .longFeatures: (0, "")
            case .lockedDirectory: (1, "another process has held the lock for 10 seconds")
            case .openInput: (1, "read standard input: no end of it within 10 seconds")
            }
        }
    }

    @Test(arguments: HelperHold.allCases)
    func `a helper of the shim ends`(_ hold: HelperHold) async throws {
        let host = try ShimHost()
        let bundle = try await host.makeBundle("c1", "true")
        let script = host.directory + "/script"
        let common = "-namespace tests -id c1 -address \(host.directory)/grpc"
        var input: [UInt8] = []
        var command = "-info"
        switch hold {
        case .deleteOfManyWithHangingRuntime:
            try write("exec sleep 1000", to: script)
            mkdir(bundle + "/members", 0o700)
            for number in 0..<8 {
                let member = try await host.makeBundle("m\(number)", "true")
                try options(script).value.write(to: URL(fileURLWithPath: member + "/swift-shim.options"))
                symlink(member, bundle + "/members/m\(number)")
            }
            command = "\(common) -bundle \(bundle) delete"
        case .featuresKeptOpen:
            try write("sleep 1000 & echo $! >\(host.directory)/pid; echo '{}'", to: script)
            input = try options(script).serializedBytes()
        case .longFeatures:
            try write("head -c 1000000 /dev/zero | tr '\\0' ' '; echo '{}'", to: script)
            input = try options(script).serializedBytes()
        case .lockedDirectory, .openInput: command = "\(common) start"
        }
        var parameters = BootstrapParams()
        parameters.socketDir = host.directory + "/s"
        parameters.instanceID = "c1"
        parameters.namespace = "tests"
        if hold == .lockedDirectory { input = try parameters.serializedBytes() }
        mkdir(host.directory + "/s", 0o700)
        let lock = open(host.directory + "/s", O_RDONLY)
        if hold == .lockedDirectory { flock(lock, LOCK_EX) }
        mkfifo(host.directory + "/endless", 0o600)
        let redirection = hold == .openInput ? "<>\(host.directory)/endless" : ""
        let binary = ContainerdHost.checkout + "/.build/dist/swift-shim"
        let result = try await Subprocess.run(
            .path("/bin/sh"), arguments: ["-c", "exec timeout -s KILL 30 \(binary) \(command) \(redirection)"],
            workingDirectory: FilePath(bundle), input: .array(input), output: .bytes(limit: 4 << 20),
            error: .string(limit: 1 << 20))
        #expect(result.terminationStatus == .exited(hold.ends.status), "\(result.standardError)")
        #expect(hold.ends.words.isEmpty || result.standardError.contains(hold.ends.words), "\(result.standardError)")
        close(lock)
        let left = (try? String(contentsOfFile: host.directory + "/pid", encoding: .utf8)).flatMap {
            pid_t($0.prefix { !$0.isNewline })
        }
        if let left { Glibc.kill(left, SIGKILL) }
        try await host.end()
    }

    private func write(_ script: String, to path: String) throws {
        try "#!/bin/sh\n\(script)\n".write(toFile: path, atomically: false, encoding: .utf8)
        chmod(path, 0o755)
    }

    private func options(_ runtime: String) throws -> Google_Protobuf_Any {
        var options = Google_Protobuf_Any()
        options.typeURL = "containerd.runc.v1.Options"
        options.value = try RuncOptions.with { $0.binaryName = runtime }.serializedData()
        return options
    }
}

extension ShimHost {
    /// Listens at the address of events, and takes none.
    func listenSilently() throws -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: (directory + "/events").utf8) }
        let isBound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
        try #require(isBound && Glibc.listen(descriptor, 8) == 0)
        return descriptor
    }
}
