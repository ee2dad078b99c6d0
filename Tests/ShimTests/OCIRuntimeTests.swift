// The command lines of runtimes, and parsing of their logs.

import ShimAPI
import Testing

@testable import Shim

@Suite struct OCIRuntimeTests {
    private let global = ["--root", "/run/containerd/runc/ns", "--log", "/l", "--log-format", "json"]

    @Test func `without options the runtime is swiftrun, with a root of its own`() {
        let runtime = OCIRuntime(RuncOptions(), namespace: "k8s.io")
        #expect(runtime.binary == "swiftrun")
        #expect(runtime.root == "/run/containerd/swiftrun/k8s.io")
    }

    @Test func `a requested root is used, with the namespace below it`() {
        var options = RuncOptions()
        options.binaryName = "/opt/bin/crun"
        options.root = "/var/run/docker/runtime-runc"
        #expect(OCIRuntime(options, namespace: "moby").root == "/var/run/docker/runtime-runc/moby")
        options.root = ""
        #expect(OCIRuntime(options, namespace: "moby").root == "/run/containerd/crun/moby")
    }

    @Test func `create passes all options`() {
        let operation = RuntimeOperation.create(bundle: "/b", pidFile: "/b/init.pid", consoleSocket: "/s")
        #expect(
            arguments(operation) {
                $0.systemdCgroup = true; $0.noPivotRoot = true; $0.noNewKeyring = true
            }
                == ["runc"] + global + [
                    "--systemd-cgroup", "create", "--bundle", "/b", "--pid-file", "/b/init.pid", "--console-socket",
                    "/s", "--no-pivot", "--no-new-keyring", "web",
                ])
    }

    @Test(
        arguments: [
            (.start, ["start", "web"]),
            (.kill(signal: 15, all: false), ["kill", "web", "15"]),
            (.kill(signal: 9, all: true), ["kill", "--all", "web", "9"]),
            (.delete(force: false), ["delete", "web"]),
            (.delete(force: true), ["delete", "--force", "web"]),
            (.pause, ["pause", "web"]),
            (.resume, ["resume", "web"]),
            (.update(shrink: nil), ["update", "--resources=-", "web"]),
            (.update(shrink: "5"), ["update", "--resources=-", "--shrink=5", "web"]),
            (.mounts(verb: "add"), ["mounts", "add", "web", "-"]),
            (
                .exec(processFile: "/p", pidFile: "/f", consoleSocket: nil),
                ["exec", "--process", "/p", "--detach", "--pid-file", "/f", "web"]
            ),
            (
                .restore(bundle: "/b", pidFile: "/f", consoleSocket: nil, RestoreArguments(image: "/i", work: "/w")),
                [
                    "restore", "--image-path", "/i", "--work-path", "/w", "--detach", "--bundle", "/b", "--pid-file",
                    "/f", "web",
                ]
            ),
        ] as [(RuntimeOperation, [String])])
    func `an operation has these arguments`(operation: RuntimeOperation, words: [String]) {
        #expect(arguments(operation) { _ in } == ["runc"] + global + words)
    }

    @Test func `a checkpoint leaves the container running unless it is to exit`() {
        var options = RuncCheckpointOptions()
        options.openTcp = true
        options.externalUnixSockets = true
        options.terminal = true
        options.fileLocks = true
        options.emptyNamespaces = ["network"]
        options.cgroupsMode = "soft"
        options.parentPath = "../p"
        let words = [
            "checkpoint", "--image-path", "/i", "--work-path", "/w", "--parent-path", "../p", "--tcp-established",
            "--ext-unix-sk", "--shell-job", "--file-locks", "--manage-cgroups-mode", "soft", "--empty-ns", "network",
        ]
        #expect(
            arguments(.checkpoint(options, image: "/i", work: "/w")) { _ in }
                == ["runc"] + global + words + ["--leave-running", "web"])
        options.exit = true
        #expect(
            arguments(.checkpoint(options, image: "/i", work: "/w")) { _ in } == ["runc"] + global + words + ["web"])
    }

    private func arguments(_ operation: RuntimeOperation, _ change: (inout RuncOptions) -> Void) -> [String] {
        var options = RuncOptions()
        options.binaryName = "runc"
        change(&options)
        return OCIRuntime(options, namespace: "ns").arguments(operation, container: "web", log: "/l")
    }

    // MARK: logs

    @Test func `the last error record is the failure`() {
        let log = """
            {"level":"warning","msg":"careful","time":"2026-11-21T01:32:54Z"}
            {"level":"error","msg":"first","time":"2026-11-21T01:32:54Z"}
            {"msg":"exec \\"/x\\": no such file","level":"error","time":"2026-11-21T01:32:55Z"}
            {"level":"info","msg":"bye"}

            """
        #expect(RuntimeLog.failure(in: log) == "exec \"/x\": no such file")
    }

    @Test func `without an error record the last lines are the failure`() {
        #expect(RuntimeLog.failure(in: "{\"level\":\"info\",\"msg\":\"x\"}\nSegmentation\nfault\n") == "fault")
        #expect(RuntimeLog.failure(in: "") == nil)
        #expect(RuntimeLog.failure(in: "{\"level\":\"info\",\"msg\":\"x\"}\n") == nil)
    }

    @Test(
        arguments: [
            ("os: process already finished", true), ("container not running", true),
            ("container does not exist", true), ("Container Not Running", true),
            ("unable to signal init: No such process", true), ("permission denied", false),
        ])
    func `some failures mean that the container no longer exists`(message: String, isGone: Bool) {
        #expect(RuntimeLog.meansGone(message) == isGone)
    }
}
