// Hooks, tested with the real binary: the library cannot clone in a test process, which has several threads.

import Foundation
import OCISpec
import Testing

@Suite(.serialized)
struct HookTests {
    private static let kinds = ["prestart", "createRuntime", "createContainer", "poststart", "poststop"]

    private func hooks(_ kind: String, _ hook: Hook) -> Hooks {
        var hooks = Hooks()
        switch kind {
        case "prestart": hooks.prestart = [hook]
        case "createRuntime": hooks.createRuntime = [hook]
        case "createContainer": hooks.createContainer = [hook]
        case "startContainer": hooks.startContainer = [hook]
        case "poststart": hooks.poststart = [hook]
        default: hooks.poststop = [hook]
        }
        return hooks
    }

    private func script(_ text: String, timeout: Int? = nil) -> Hook {
        Hook(path: "/bin/sh", args: ["sh", "-c", text], env: ["PATH=/bin:/usr/bin"], timeout: timeout)
    }

    @Test(arguments: RuntimeUnderTest.all)
    func `the hooks run in their order, each with the state on its stdin`(runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            let journal = sandbox.directory + "/journal"
            func note(_ kind: String) -> Hook {
                script("printf '\(kind) ' >> \(journal); cat >> \(journal); echo >> \(journal)")
            }
            let outcome = try await sandbox.run(program: ["true"]) { spec in
                spec.hooks = Hooks(
                    prestart: [note("prestart")], createRuntime: [note("createRuntime")],
                    createContainer: [note("createContainer")], poststart: [note("poststart")],
                    poststop: [note("poststop")])
            }
            #expect(outcome.status == 0)
            let lines = try String(contentsOfFile: journal, encoding: .utf8).split(separator: "\n")
            #expect(lines.map { $0.split(separator: " ").first.map(String.init) ?? "" } == Self.kinds)
            for line in lines {
                let json = line.drop { $0 != "{" }
                let state = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any]
                #expect(state?["id"] as? String == sandbox.id)
                #expect(state?["bundle"] as? String == sandbox.bundle)
            }
        }
    }

    @Test(arguments: ["prestart", "createRuntime", "createContainer"])
    func `a hook that fails is reported with its output, and nothing is left`(kind: String) async throws {
        try await withSandbox(.swiftrun) { sandbox in
            try sandbox.configure("true") { $0.hooks = hooks(kind, script("echo out; echo err >&2; exit 3")) }
            let outcome = try await sandbox.call("create", sandbox.id)
            #expect(outcome.status == 1)
            #expect(
                outcome.errors.contains(
                    "error running \(kind) hook #0: /bin/sh: exit status 3, stdout: \\\"out\\\", stderr: \\\"err\\\""))
            #expect(try await sandbox.call("state", sandbox.id).status == 1)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `a hook that takes too long is killed`() async throws {
        try await withSandbox(.swiftrun) { sandbox in
            try sandbox.configure("true") {
                $0.hooks = hooks("createRuntime", script("echo begun; sleep 100", timeout: 1))
            }
            let outcome = try await sandbox.call("create", sandbox.id)
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains("timed out after 1 s and was killed, stdout: \\\"begun\\\""))
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `a hook that reads nothing, and one that leaves a daemon behind, delay no command`() async throws {
        try await withSandbox(.swiftrun) { sandbox in
            let pidFile = sandbox.directory + "/daemon"
            let outcome = try await sandbox.run(program: ["true"]) { spec in
                spec.annotations = ["large": String(repeating: "x", count: 1 << 20)]
                spec.hooks = Hooks(
                    createRuntime: [script("exec true"), script("sleep 30 & echo $! > \(pidFile)")])
            }
            #expect(outcome.status == 0)
            let pid = try String(contentsOfFile: pidFile, encoding: .utf8).trimmingCharacters(
                in: .whitespacesAndNewlines)
            #expect(try await shell("kill \(pid)").status == 0)
        }
    }

    @Test func `a missing hook is named`() async throws {
        try await withSandbox(.swiftrun) { sandbox in
            try sandbox.configure("true") { $0.hooks = hooks("createRuntime", Hook(path: "/no/such/hook")) }
            let outcome = try await sandbox.call("create", sandbox.id)
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains("execute /no/such/hook: no such file or directory"))
        }
    }

    @Test func `a hook has its arguments and environment, and no more`() async throws {
        try await withSandbox(.swiftrun) { sandbox in
            let journal = sandbox.directory + "/journal"
            let hook = Hook(
                path: "/bin/sh",
                args: ["name", "-c", "echo \"$0 $1 $X\" > \(journal); env | sort >> \(journal)", "zero", "one"],
                env: ["X=y", "PATH=/bin:/usr/bin"])
            _ = try await sandbox.run(program: ["true"]) { $0.hooks = hooks("createRuntime", hook) }
            let lines = try String(contentsOfFile: journal, encoding: .utf8).split(separator: "\n").map(String.init)
            #expect(lines.first == "zero one y")
            #expect(
                lines.filter { !$0.hasPrefix("PWD=") && !$0.hasPrefix("_=") && !$0.hasPrefix("SHLVL=") }.dropFirst()
                    == ["PATH=/bin:/usr/bin", "X=y"])
        }
    }

    @Test func `a startContainer hook runs under a filter without clone3`() async throws {
        try await withSandbox(.swiftrun) { sandbox in
            let outcome = try await sandbox.run(program: ["cat", "/tmp/mark"]) { spec in
                spec.root?.readonly = false
                spec.hooks = hooks(
                    "startContainer", Hook(path: "/bin/sh", args: ["sh", "-c", "echo here > /tmp/mark"]))
                spec.linux?.seccomp = LinuxSeccomp(
                    defaultAction: "SCMP_ACT_ALLOW",
                    syscalls: [LinuxSyscall(names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: 38)])
            }
            #expect(outcome.output == "here\n")
            #expect(outcome.status == 0)
        }
    }
}

@Suite(.serialized)
struct DryRunTests {
    @Test(arguments: ["create", "run"])
    func `a dry run prints the steps and changes nothing`(command: String) async throws {
        try await withSandbox(.swiftrun) { sandbox in
            try sandbox.configure("true")
            let outcome = try await sandbox.call(command, "--dry-run", sandbox.id)
            #expect(outcome.status == 0)
            #expect(outcome.errors == "")
            #expect(outcome.lines.contains("mount proc on /proc"))
            #expect(outcome.lines.contains("mount mqueue on /dev/mqueue (nosuid,noexec,nodev)"))
            #expect(outcome.lines.contains("wait for start") == (command == "create"))
            #expect(!FileManager.default.fileExists(atPath: sandbox.state))
            let json = try await sandbox.call(command, "--dry-run", "--format", "json", sandbox.id)
            let document = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any]
            #expect(document?["steps"] as? [String] == outcome.lines)
            #expect((document?["plan"] as? [String: Any])?["id"] as? String == sandbox.id)
        }
    }

    @Test func `a dry run has create's errors, and refuses an unknown format`() async throws {
        try await withSandbox(.swiftrun) { sandbox in
            try sandbox.configure("true") { $0.process?.cwd = "srv" }
            let refused = try await sandbox.call("create", "--dry-run", sandbox.id)
            #expect(refused.status == 1)
            #expect(refused.errors.contains("process.cwd: Cwd must be an absolute path"))
            let format = try await sandbox.call("create", "--dry-run", "--format", "xml", sandbox.id)
            #expect(format.status == 1)
            #expect(format.errors.contains("invalid format: xml (text and json are known)"))
        }
    }
}
