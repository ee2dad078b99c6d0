// Pods that the shim keeps: no process, no image, no runtime's call for the pod itself.

import Foundation
import Glibc
import ShimAPI
import SwiftProtobuf
import TTRPC
import Testing

/// A pod's shim, and what the tests ask of it.
struct PodBench: Sendable {
    let host: ShimHost
    let shim: ShimConnection
    /// The shim's process.
    let process: pid_t

    var bundle: String { host.directory + "/pod" }

    static func with(_ body: (PodBench) async throws -> Void) async throws {
        let host = try ShimHost()
        try await host.listen()
        let result = try await host.start("pod", in: host.makePodBundle("pod"))
        #expect(result.version == 3)
        let shim = try await host.connect(result.address)
        let connected: TaskConnectResponse = try await shim.ask("Connect", TaskContainerRequest.with { $0.id = "pod" })
        let bench = PodBench(host: host, shim: shim, process: pid_t(connected.shimPid))
        do {
            try await body(bench)
        } catch {
            Glibc.kill(bench.process, SIGKILL)
            _ = try? await host.delete("pod", in: bench.bundle)
            throw error
        }
        #expect(bench.leftovers == [])
        try await host.end()
    }

    /// Mounts below the pod's and the containers' bundles.
    var leftovers: [String] {
        let mounts = (try? String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8)) ?? ""
        return mounts.split(separator: "\n").filter { $0.contains(host.directory) }.map(String.init)
    }

    /// Has the pod made and started.
    func start(_ config: CRIPodSandboxConfig, network: String = "") async throws -> SandboxStartResponse {
        try await shim.pods.tell("CreateSandbox", request(config, network: network))
        return try await shim.pods.ask("StartSandbox", pod)
    }

    func request(_ config: CRIPodSandboxConfig, network: String = "") -> SandboxCreateRequest {
        .with { request in
            request.sandboxID = "pod"
            request.bundlePath = bundle
            request.netnsPath = network
            request.options.typeURL = "runtime.v1.PodSandboxConfig"
            request.options.value = (try? config.serializedData()) ?? Data()
        }
    }

    var pod: SandboxRequest { .with { $0.sandboxID = "pod" } }

    /// Runs a container of the pod to its end, and returns what it prints.
    func run(
        _ id: String, _ command: String, namespaces: [[String: String]], categories: String? = nil
    ) async throws -> [String] {
        let calls = ShimCallTests()
        try await begin(id, command, namespaces: namespaces, categories: categories)
        let waited: TaskWaitResponse = try await shim.ask("Wait", calls.process(id))
        let printed = try String(contentsOfFile: host.directory + "/" + id + ".out", encoding: .utf8)
        #expect(waited.exitStatus == 0, "\(printed)")
        let _: TaskDeleteResponse = try await shim.ask("Delete", calls.process(id))
        return printed.split(separator: "\n").map(String.init)
    }

    /// Starts a container of the pod, with SELinux confined to some categories.
    func begin(
        _ id: String, _ command: String, namespaces: [[String: String]], categories: String? = nil
    ) async throws {
        let bundle = try await host.makeBundle(id, command, annotations: ["io.kubernetes.cri.sandbox-id": "pod"])
        try "pod".write(toFile: bundle + "/sandbox", atomically: false, encoding: .utf8)
        try host.change(bundle) { spec in
            var linux = spec["linux"] as? [String: Any] ?? [:]
            linux["namespaces"] = [["type": "mount"]] + namespaces
            spec["linux"] = linux
            spec["root"] = ["path": "rootfs"]
            spec["hostname"] = nil
            if let categories { Self.label(&spec, "s0:" + categories) }
        }
        if categories != nil {
            let label = "system_u:object_r:container_file_t:s0"
            _ = try await host.run("/usr/bin/chcon", ["-R", label, bundle + "/rootfs"], in: bundle)
        }
        let calls = ShimCallTests()
        var request = calls.create(id, host)
        request.stdout = "file://" + host.directory + "/" + id + ".out"
        request.stderr = request.stdout
        let _: TaskCreateResponse = try await shim.ask("Create", request)
        let _: TaskStartResponse = try await shim.ask("Start", calls.process(id))
    }

    private static func label(_ spec: inout [String: Any], _ level: String) {
        var (process, linux) = (spec["process"] as? [String: Any], spec["linux"] as? [String: Any])
        process?["selinuxLabel"] = "system_u:system_r:container_t:" + level
        linux?["mountLabel"] = "system_u:object_r:container_file_t:" + level
        (spec["process"], spec["linux"]) = (process, linux)
    }

    /// Ends the pod and its shim.
    func end() async throws {
        try await shim.pods.tell("StopSandbox", SandboxStopRequest.with { $0.sandboxID = "pod" })
        try await shim.pods.tell("ShutdownSandbox", pod)
        try await eventually("the shim ends") { !ContainerdHost.isAlive(process) }
        _ = try await host.delete("pod", in: bundle)
    }

    /// The file that containerd up to 2.4 writes for a pod without a process, or with one.
    static func joining(_ kinds: [String], process: UInt32 = 0) -> [[String: String]] {
        kinds.map { kind in
            let name = kind == "network" ? "net" : kind
            return ["type": kind, "path": "/proc/\(process)/ns/\(name)"]
        }
    }

    static let usual = joining(["network", "ipc", "uts"]) + [["type": "pid"]]
}

extension ShimCallTests {
    /// Which namespaces a pod's containers have in common, and which are the host's.
    struct PodCase: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var modes: CRINamespaceOption = .with { $0.pid = .container }
        var shared: [String]
        var host: [String] = []

        static let all = [
            PodCase(testDescription: "a pod", shared: ["ipc", "net", "uts"]),
            PodCase(
                testDescription: "host network", modes: .with { ($0.pid, $0.network) = (.container, .node) },
                shared: ["ipc"], host: ["net", "uts"]),
            PodCase(
                testDescription: "host ipc", modes: .with { ($0.pid, $0.ipc) = (.container, .node) },
                shared: ["net", "uts"], host: ["ipc"]),
            PodCase(
                testDescription: "host pid", modes: .with { $0.pid = .node }, shared: ["ipc", "net", "uts"],
                host: ["pid"]),
            PodCase(testDescription: "shared pid", modes: CRINamespaceOption(), shared: ["ipc", "net", "pid", "uts"]),
            PodCase(
                testDescription: "all the host's",
                modes: .with { ($0.pid, $0.network, $0.ipc) = (.node, .node, .node) }, shared: [],
                host: ["ipc", "net", "pid", "uts"]),
        ]

        var config: CRIPodSandboxConfig {
            .with { config in
                config.hostname = "pod-name"
                config.dnsConfig.servers = ["192.0.2.1"]
                config.dnsConfig.searches = ["example.org"]
                config.linux.securityContext.namespaceOptions = modes
            }
        }

        /// As containerd fills in a container's configuration.
        func namespaces(process: UInt32) -> [[String: String]] {
            let pid =
                modes.pid == .container
                ? [["type": "pid"]] : PodBench.joining(["pid"], process: process)
            return PodBench.joining(["network", "ipc", "uts"], process: process) + pid
        }
    }

    private var look: String {
        "for n in ipc net pid uts; do readlink /proc/self/ns/$n; done; hostname; cat /etc/hostname /etc/resolv.conf;"
            + "head -n 1 /etc/hosts; stat -f -c %T /dev/shm; ls /dev/shm"
    }

    @Test(arguments: PodCase.all)
    func `containers of a pod share what it has`(_ row: PodCase) async throws {
        try await PodBench.with { bench in
            let started = try await bench.start(row.config)
            #expect((started.pid > 0) == row.shared.contains("pid"))
            let namespaces = row.namespaces(process: started.pid)
            let first = try await bench.run("c1", look + "; echo first > /dev/shm/swiftrun-pod", namespaces: namespaces)
            let second = try await bench.run("c2", look + "; rm /dev/shm/swiftrun-pod", namespaces: namespaces)
            for (index, kind) in ["ipc", "net", "pid", "uts"].enumerated() {
                let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/" + kind)
                // An ended namespace's number may come again.
                if (row.shared + row.host).contains(kind) { #expect(first[index] == second[index], "\(kind)") }
                #expect((first[index] == own) == row.host.contains(kind), "\(kind)")
            }
            let hostName = ProcessInfo.processInfo.hostName
            #expect(first[4] == (row.host.contains("uts") ? hostName : "pod-name"))
            #expect(first[5...7] == ["pod-name", "search example.org", "nameserver 192.0.2.1"])
            let hosts = try String(contentsOfFile: "/etc/hosts", encoding: .utf8)
            #expect(hosts.hasPrefix(first[8]))
            #expect(first[9] == "tmpfs")
            #expect(!first.contains("swiftrun-pod") && second.contains("swiftrun-pod"))
            try await bench.end()
        }
    }

    /// containerd gives each of them categories of its own, if the pod's specification names none.
    @Test(.enabled(if: access("/sys/fs/selinux/enforce", F_OK) == 0, "SELinux is not enabled"))
    func `containers that SELinux keeps apart share what their pod has`() async throws {
        try await PodBench.with { bench in
            _ = try await bench.start(PodCase.all[0].config)
            let first = try await bench.run(
                "c1", "cat /etc/hostname /etc/resolv.conf; echo words >/dev/shm/file && cat /dev/shm/file",
                namespaces: PodBench.usual, categories: "c1,c2")
            #expect(first == ["pod-name", "search example.org", "nameserver 192.0.2.1", "words"])
            let second = try await bench.run(
                "c2", "echo more >>/dev/shm/file; cat /dev/shm/file /proc/self/attr/current",
                namespaces: PodBench.usual, categories: "c3,c4")
            #expect(second.prefix(2) == ["words", "more"])
            #expect(second.last?.hasPrefix("system_u:system_r:container_t:s0:c3,c4") == true)
            try await bench.end()
        }
    }

    @Test func `a pod answers every call, and says what it is`() async throws {
        try await PodBench.with { bench in
            let pods = bench.shim.pods
            let unknown = Status(.notFound, "sandbox pod does not exist")
            for method in ["StartSandbox", "Platform", "WaitSandbox", "PingSandbox", "ShutdownSandbox"] {
                #expect(try await pods.refusal(method, bench.pod) == unknown)
            }
            let config = PodCase.all[0].config
            let started = try await bench.start(config)
            #expect(started.pid == 0 && started.hasCreatedAt)
            #expect(try await pods.refusal("CreateSandbox", bench.request(config))?.code == .alreadyExists)
            #expect(try await pods.refusal("StartSandbox", bench.pod)?.code == .failedPrecondition)
            let platform: SandboxPlatformResponse = try await pods.ask("Platform", bench.pod)
            #expect(platform.platform.os == "linux")
            try await pods.tell("PingSandbox", bench.pod)
            let question = SandboxStatusRequest.with { ($0.sandboxID, $0.verbose) = ("pod", true) }
            let status: SandboxStatusResponse = try await pods.ask("SandboxStatus", question)
            #expect(status.state == "SANDBOX_READY" && status.pid == 0)
            #expect(status.info["info"]?.contains("\"pid\":0") == true)
            #expect(try await pods.refusal("SandboxMetrics", bench.pod)?.code == .notFound)
            async let waited: SandboxWaitResponse = pods.ask("WaitSandbox", bench.pod)
            // Shutdown comes after every task of a pod; the pod's shim stays.
            try await bench.shim.tell("Shutdown", TaskShutdownRequest())
            _ = try await bench.run("c1", "true", namespaces: PodBench.usual)
            try await bench.shim.tell("Shutdown", TaskShutdownRequest())
            try await pods.tell("StopSandbox", SandboxStopRequest.with { $0.sandboxID = "pod" })
            #expect(try await waited.exitStatus == 0)
            let stopped: SandboxStatusResponse = try await pods.ask("SandboxStatus", question)
            #expect(stopped.state == "SANDBOX_NOTREADY" && stopped.hasExitedAt)
            try await bench.end()
            #expect(access(bench.bundle + "/pod", F_OK) != 0)
        }
    }

    /// Parameters that would change the host, and names that are too long.
    @Test(arguments: [
        ("kernel.core_pattern", "is not in a separate kernel namespace"),
        ("net.ipv4.ip_forward", "the pod is in the host's network namespace"),
        ("net./.core_pattern", "is not a valid name of a sysctl"),
    ])
    func `a parameter that is not the pod's own is refused`(_ name: String, _ problem: String) async throws {
        try await PodBench.with { bench in
            var config = PodCase.all[1].config
            config.linux.sysctls = [name: "1"]
            #expect(
                try await bench.shim.pods.refusal("CreateSandbox", bench.request(config))
                    == Status(.invalidArgument, "sysctls: \(name): \(problem)"))
            config.linux.sysctls = ["kernel.msgmax": "9001", "fs.mqueue.msg_max": "11"]
            _ = try await bench.start(config)
            let seen = try await bench.run(
                "c1", "cat /proc/sys/kernel/msgmax", namespaces: PodCase.all[1].namespaces(process: 0))
            #expect(seen == ["9001"])
            try await bench.end()
        }
    }

    @Test func `what fails while a pod is started leaves nothing, and says what`() async throws {
        try await PodBench.with { bench in
            var config = PodCase.all[0].config
            config.linux.sysctls = ["net.ipv4.no_such": "1"]
            try await bench.shim.pods.tell("CreateSandbox", bench.request(config))
            #expect(
                try await bench.shim.pods.refusal("StartSandbox", bench.pod)
                    == Status(
                        .unknown,
                        "sysctls: write 1 to /proc/sys/net/ipv4/no_such: no such file or directory"))
            #expect(access(bench.bundle + "/pod", F_OK) != 0)
            try await bench.shim.pods.tell("ShutdownSandbox", bench.pod)
        }
    }
}

// MARK: what ends a pod

extension ShimCallTests {
    /// Containers run when the shim is killed: containerd then runs `delete` for the pod's bundle alone, and removes the
    /// containers' bundles at the same time.
    @Test(arguments: [true, false], [true, false])
    func `a shim that was killed leaves nothing of its pod`(isShared: Bool, hasBundles: Bool) async throws {
        try await PodBench.with { bench in
            let started = try await bench.start(isShared ? PodCase.all[4].config : PodCase.all[0].config)
            let namespaces = isShared ? PodCase.all[4].namespaces(process: started.pid) : PodBench.usual
            for id in ["c1", "c2"] { try await bench.begin(id, "sleep 1000", namespaces: namespaces) }
            let processes = try await withStates(bench)
            Glibc.kill(bench.process, SIGKILL)
            try await eventually("the shim ends") { !ContainerdHost.isAlive(bench.process) }
            if isShared {
                try await eventually("the holder ends") { !ContainerdHost.isAlive(pid_t(started.pid)) }
            }
            if !hasBundles {
                for id in ["c1", "c2"] {
                    let bundle = bench.host.directory + "/" + id
                    #expect(rename(bundle, bench.host.directory + "/." + id) == 0)
                    for name in ["config.json", "sandbox", "swift-shim.options"] {
                        #expect(unlink(bench.host.directory + "/." + id + "/" + name) == 0)
                    }
                }
            }
            let answer = try await bench.host.delete("pod", in: bench.bundle)
            #expect(answer.exitStatus == 137)
            for process in processes {
                try await eventually("container \(process) ends") { !ContainerdHost.isAlive(process) }
            }
            #expect(access(bench.bundle + "/pod", F_OK) != 0)
            let states = try FileManager.default.contentsOfDirectory(atPath: bench.host.directory + "/runtime/tests")
            #expect(states.filter { !$0.hasPrefix(".") } == [])
            // It does no harm twice.
            _ = try await bench.host.delete("pod", in: bench.bundle)
        }
    }

    private func withStates(_ bench: PodBench) async throws -> [pid_t] {
        var processes: [pid_t] = []
        for id in ["c1", "c2"] {
            let state: TaskStateResponse = try await bench.shim.ask("State", process(id))
            processes.append(pid_t(state.pid))
        }
        return processes
    }

    @Test func `stopping a pod ends its containers, and each exit is told`() async throws {
        try await PodBench.with { bench in
            _ = try await bench.start(PodCase.all[0].config)
            for id in ["c1", "c2"] { try await bench.begin(id, "sleep 1000", namespaces: PodBench.usual) }
            try await bench.shim.pods.tell("StopSandbox", SandboxStopRequest.with { $0.sandboxID = "pod" })
            for id in ["c1", "c2"] {
                let waited: TaskWaitResponse = try await bench.shim.ask("Wait", process(id))
                #expect(waited.exitStatus == 137)
            }
            let late = try await bench.host.makeBundle("c3", "true")
            #expect(access(late, F_OK) == 0)
            #expect(try await bench.shim.refusal("Create", create("c3", bench.host))?.message == "pod pod is not ready")
            for id in ["c1", "c2"] { let _: TaskDeleteResponse = try await bench.shim.ask("Delete", process(id)) }
            #expect(bench.host.events.filter { $0 == "/tasks/exit" }.count == 2)
            try await bench.end()
        }
    }

    @Test func `a pod whose first process ends is not ready any more`() async throws {
        try await PodBench.with { bench in
            let started = try await bench.start(PodCase.all[4].config)
            let namespaces = PodCase.all[4].namespaces(process: started.pid)
            try await bench.begin("c1", "sleep 1000", namespaces: namespaces)
            async let waited: SandboxWaitResponse = bench.shim.pods.ask("WaitSandbox", bench.pod)
            Glibc.kill(pid_t(started.pid), SIGKILL)
            #expect(try await waited.exitStatus == 137)
            let exit: TaskWaitResponse = try await bench.shim.ask("Wait", process("c1"))
            #expect(exit.exitStatus == 137)
            let question = SandboxStatusRequest.with { $0.sandboxID = "pod" }
            let status: SandboxStatusResponse = try await bench.shim.pods.ask("SandboxStatus", question)
            #expect(status.state == "SANDBOX_NOTREADY")
            let _: TaskDeleteResponse = try await bench.shim.ask("Delete", process("c1"))
            try await bench.end()
        }
    }

    /// The holder is in the containers' reach: it has nothing that they do not have.
    @Test func `the first process of a pod has no rights and nothing of the host, and reaps`() async throws {
        try await PodBench.with { bench in
            let started = try await bench.start(PodCase.all[4].config)
            let namespaces = PodCase.all[4].namespaces(process: started.pid)
            let proc = "/proc/\(started.pid)"
            let status = try String(contentsOfFile: proc + "/status", encoding: .utf8)
            for line in [
                "Uid:\t65535\t65535\t65535\t65535", "CapEff:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2",
            ] {
                #expect(status.contains(line))
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: proc + "/fd") == [])
            #expect(try FileManager.default.contentsOfDirectory(atPath: proc + "/root/") == [])
            #expect(try String(contentsOfFile: proc + "/mountinfo", encoding: .utf8).split(separator: "\n").count == 1)
            let seen = try await bench.run(
                "c1",
                "cat /proc/1/comm; ls /proc/1/root/ 2>/dev/null; ls /proc/1/fd 2>/dev/null; kill -9 1; kill -TERM 1;"
                    + "for i in 1 2 3 4 5; do (sleep 0.1 &); done; sleep 1; grep -l '^State:.Z' /proc/[0-9]*/status; :",
                namespaces: namespaces)
            #expect(seen == ["pod"])
            #expect(ContainerdHost.isAlive(pid_t(started.pid)))
            try await bench.end()
        }
    }
}
