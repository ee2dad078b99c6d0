// Bad input: a clear error, the right exit code, and nothing left behind.

import Foundation
import OCISpec
import Testing

@Suite(.serialized)
struct BadInputTests {
    /// The message of `run` for a config with this text; nil writes no config.
    private func complaint(_ sandbox: Sandbox, _ text: String?) async throws -> String {
        let config = sandbox.bundle + "/config.json"
        try? FileManager.default.removeItem(atPath: config)
        if let text { try sandbox.write(config, text) }
        let outcome = try await sandbox.run()
        #expect(outcome.status == 1)
        #expect(outcome.output == "")
        #expect(outcome.errors.split(separator: "\n").count == 1)
        return outcome.errors
    }

    @Test(arguments: RuntimeUnderTest.ours)
    func `a config that cannot be read says where and why`(_ runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            let start = "{\"ociVersion\": \"1.0.2\""
            let expected: [(String?, String)] = [
                (nil, "JSON specification file config.json not found"),
                ("", "config.json: "),
                ("{", "config.json: "),
                ("[]", "expected an object"),
                (String(repeating: "[", count: 10_000), "config.json: "),
                ("{\"ociVersion\": 1}", "ociVersion: expected a string, found"),
                (start + "}", "process"),
                (
                    start + ", \"process\": {\"cwd\": \"/\", \"args\": [\"a\\u0000b\"]}}",
                    "\\u0000 is not allowed in a string"
                ),
            ]
            for (text, complaint) in expected {
                let found = try await self.complaint(sandbox, text)
                #expect(found.contains(complaint))
            }
        }
    }

    private static let impossible: [(String, @Sendable (inout Spec) -> Void)] = [
        ("root.path: open rootfs", { $0.root?.path = "nowhere" }),
        ("mounts[7]: error mounting", { $0.mounts.append(Mount(destination: "/x", type: "nofs", source: "x")) }),
        (
            "Unknown parameter",
            {
                $0.mounts.append(Mount(destination: "/x", type: "tmpfs", source: "x", options: ["wrong=1"]))
            }
        ),
        (
            "open the source: no such file or directory",
            {
                $0.mounts.append(Mount(destination: "/x", source: "/no/such/source", options: ["bind"]))
            }
        ),
        (
            "cannot be mounted because it is inside /proc",
            {
                $0.mounts.append(Mount(destination: "/proc/self/attr", type: "tmpfs", source: "x"))
            }
        ),
        ("executable file not found in $PATH", { $0.process?.args = ["nonesuch"] }),
        ("permission denied", { $0.process?.args = ["/etc/passwd"] }),
        ("exec: \\\"/etc\\\": is a directory: permission denied", { $0.process?.args = ["/etc"] }),
        ("unknown namespace", { $0.linux?.namespaces.append(LinuxNamespace(type: "color")) }),
        (
            "is not a namespace",
            {
                $0.linux?.namespaces.removeAll { $0.type == "uts" }
                $0.linux?.namespaces.append(LinuxNamespace(type: "uts", path: "/etc/passwd"))
            }
        ),
        (
            "error running createRuntime hook #0",
            {
                $0.hooks = Hooks(createRuntime: [Hook(path: "/bin/false")])
            }
        ),
        (
            "stderr: \\\"sorry\\\"",
            {
                $0.hooks = Hooks(createContainer: [
                    Hook(path: "/bin/sh", args: ["sh", "-c", "echo sorry >&2; exit 3"])
                ])
            }
        ),
        (
            "timed out after 1 s",
            {
                $0.hooks = Hooks(prestart: [Hook(path: "/bin/sleep", args: ["sleep", "9"], timeout: 1)])
            }
        ),
        (
            "error running startContainer hook #0",
            {
                $0.hooks = Hooks(startContainer: [Hook(path: "/bin/false")])
            }
        ),
        ("error running poststart hook #0", { $0.hooks = Hooks(poststart: [Hook(path: "/bin/false")]) }),
        ("process.apparmorProfile", { $0.process?.apparmorProfile = "nonesuch" }),
        ("linux.resources.memory", { $0.linux?.resources = LinuxResources(memory: LinuxMemory(limit: -5)) }),
    ]

    @Test(arguments: RuntimeUnderTest.ours)
    func `an impossible request is reported with its key, and undone`(_ runtime: RuntimeUnderTest) async throws {
        for (expected, change) in Self.impossible {
            try await withSandbox(runtime) { sandbox in
                try sandbox.configure { spec in
                    spec.process?.args = ["true"]
                    change(&spec)
                }
                let outcome = try await sandbox.run()
                #expect(outcome.status == 1)
                #expect(outcome.errors.contains(expected), "\(outcome.errors)")
                #expect(outcome.errors.split(separator: "\n").count == 1)
            }
        }
    }

    @Test(arguments: RuntimeUnderTest.all)
    func `a program that is missing is reported by create`(_ runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            try sandbox.configure("nonesuch")
            let outcome = try await sandbox.detached("create", sandbox.id)
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains("executable file not found in $PATH"))
        }
    }

    @Test(arguments: RuntimeUnderTest.ours)
    func `a program the kernel cannot execute is reported by start`(_ runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            try sandbox.write(sandbox.rootfs + "/bin/broken", "\u{7f}ELF is what this is not")
            _ = try await shell("chmod 755 '\(sandbox.rootfs)/bin/broken'")
            try sandbox.configure("/bin/broken")
            #expect(try await sandbox.detached("create", sandbox.id).status == 0)
            let outcome = try await sandbox.call("start", sandbox.id)
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains("exec /bin/broken: exec format error"))
            try await sandbox.wait(for: "stopped")
            _ = try await sandbox.call("delete", sandbox.id)
        }
    }

    @Test(arguments: RuntimeUnderTest.all)
    func `an id that could leave the state directory is refused`(_ runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            try sandbox.configure("true")
            for id in ["a b", "a\nb", "ä", "a:b", ""] {
                let outcome = try await execute(
                    runtime.path, ["--root", sandbox.state, "run", "--bundle", sandbox.bundle, id])
                #expect(outcome.status == 1, "\(id)")
                #expect(outcome.errors.contains("container ID") || outcome.errors.contains("container id"), "\(id)")
            }
        }
    }

    @Test(arguments: RuntimeUnderTest.all)
    func `unknown options are refused`(_ runtime: RuntimeUnderTest) async throws {
        let unknown = try await execute(runtime.path, ["bogus"])
        #expect(unknown.status == 3 || !runtime.isOurs)
        #expect(unknown.errors.contains("No help topic for 'bogus'") || !runtime.isOurs)
        #expect(try await execute(runtime.path, ["state", "--bogus", "x"]).status == 1)
        #expect(try await execute(runtime.path, ["start"]).status == 1)
        #expect(try await execute(runtime.path, ["--log-format", "xml", "list"]).status == 1)
    }

    @Test(arguments: RuntimeUnderTest.all)
    func `the log has one error record, and stderr the plain text`(_ runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            let log = sandbox.directory + "/log"
            let outcome = try await execute(
                runtime.path, ["--root", sandbox.state, "--log", log, "--log-format=json", "state", "nonesuch"])
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains("container does not exist"))
            let text = try String(contentsOfFile: log, encoding: .utf8)
            let record = try #require(
                try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: String])
            #expect(record["level"] == "error")
            #expect(record["msg"]?.contains("container does not exist") == true)
            #expect(record["time"] != nil)
        }
    }
}
