// create, start, state, kill, delete, run and exec: the calls of engines, on the real binaries.

import Foundation
import Kernel
import OCISpec
import Testing

@Suite(.serialized)
struct LifecycleTests {
    @Test(arguments: RuntimeUnderTest.all)
    func `run has the program's output and status`(_ runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            let outcome = try await sandbox.run(program: ["sh", "-c", "echo out; echo err >&2; exit 7"])
            #expect(outcome.status == 7)
            #expect(outcome.output == "out\n")
            #expect(outcome.errors == "err\n")
        }
    }

    @Test(arguments: RuntimeUnderTest.all)
    func `run hands stdin to the program`(_ runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            try sandbox.configure("cat")
            #expect(try await sandbox.run(input: "a line\n").output == "a line\n")
        }
    }

    @Test(arguments: RuntimeUnderTest.all)
    func `run exits with 128 plus the signal that ended the program`(_ runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            try sandbox.configure("sleep", "100")
            async let outcome = sandbox.run()
            try await sandbox.wait(for: "running")
            try await sandbox.call("kill", sandbox.id, "KILL")
            #expect(try await outcome.status == 137)
        }
    }

    @Test(arguments: RuntimeUnderTest.all)
    func `a container is created, started, killed and deleted`(_ runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            try sandbox.configure("sleep", "100")
            #expect(try await sandbox.detached("create", sandbox.id).status == 0)
            #expect(try await sandbox.status() == "created")
            #expect(try await sandbox.call("start", sandbox.id).status == 0)
            #expect(try await sandbox.status() == "running")
            let pid = try #require(try await sandbox.field("pid") as? Int)
            #expect(try String(contentsOfFile: "/proc/\(pid)/comm", encoding: .utf8) == "sleep\n")
            let refused = try await sandbox.call("delete", sandbox.id)
            #expect(refused.status == 1)
            #expect(
                refused.errors.contains("that is not stopped: running") || refused.errors.contains("is not stopped"))
            #expect(try await sandbox.call("kill", sandbox.id, "9").status == 0)
            try await sandbox.wait(for: "stopped")
            #expect(try await sandbox.field("pid") as? Int == 0)
            #expect(try await sandbox.call("delete", sandbox.id).status == 0)
        }
    }

    @Test(arguments: RuntimeUnderTest.all)
    func `the state has the properties that engines read`(_ runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            try sandbox.configure { spec in
                spec.process?.args = ["sleep", "100"]
                spec.annotations = ["a": "b"]
            }
            _ = try await sandbox.detached("create", sandbox.id)
            #expect(try await sandbox.field("id") as? String == sandbox.id)
            #expect(try await sandbox.field("bundle") as? String == sandbox.bundle)
            #expect(try await sandbox.field("rootfs") as? String == sandbox.rootfs)
            #expect(try await sandbox.field("annotations") as? [String: String] == ["a": "b"])
            #expect(try await sandbox.field("created") is String)
            _ = try await sandbox.call("delete", sandbox.id)
        }
    }

    @Test(arguments: RuntimeUnderTest.all)
    func `starting twice and starting a stopped container is refused`(_ runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            try sandbox.configure("sleep", "100")
            _ = try await sandbox.detached("create", sandbox.id)
            _ = try await sandbox.call("start", sandbox.id)
            let again = try await sandbox.call("start", sandbox.id)
            #expect(again.status == 1)
            #expect(again.errors.contains("cannot start an already running container"))
            _ = try await sandbox.call("kill", sandbox.id, "KILL")
            try await sandbox.wait(for: "stopped")
            let late = try await sandbox.call("start", sandbox.id)
            #expect(late.status == 1)
            #expect(late.errors.contains("cannot start a container that has stopped"))
            _ = try await sandbox.call("delete", sandbox.id)
        }
    }

    @Test(arguments: RuntimeUnderTest.all)
    func `a created container can be deleted, and a running one by force`(_ runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            try sandbox.configure("sleep", "100")
            _ = try await sandbox.detached("create", sandbox.id)
            #expect(try await sandbox.call("delete", sandbox.id).status == 0)
            #expect(try await sandbox.startDetached().status == 0)
            #expect(try await sandbox.call("delete", "--force", sandbox.id).status == 0)
            #expect(try await sandbox.call("delete", "--force", sandbox.id).status == 0)
            let missing = try await sandbox.call("delete", sandbox.id)
            #expect(missing.status == 1)
            #expect(missing.errors.contains("container does not exist"))
        }
    }

    @Test(arguments: RuntimeUnderTest.all)
    func `an id that is in use is refused`(_ runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            try sandbox.configure("sleep", "100")
            _ = try await sandbox.detached("create", sandbox.id)
            let second = try await sandbox.detached("create", sandbox.id)
            #expect(second.status == 1)
            #expect(second.errors.contains("container with") && second.errors.contains("exists"))
            #expect(try await sandbox.status() == "created")
            _ = try await sandbox.call("delete", "-f", sandbox.id)
        }
    }

    @Test(arguments: RuntimeUnderTest.all)
    func `kill takes numbers and names in any case, and refuses others`(_ runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            try sandbox.configure("sh", "-c", "trap 'exit 3' TERM; while :; do sleep 0.1; done")
            _ = try await sandbox.startDetached()
            for name in ["0", "CONT", "sigcont", "18"] where runtime.isOurs || name != "0" {
                #expect(try await sandbox.call("kill", sandbox.id, name).status == 0, "\(name)")
            }
            let refused = try await sandbox.call("kill", sandbox.id, "NOSUCH")
            #expect(refused.status == 1)
            #expect(refused.errors.contains("unknown signal"))
            #expect(try await sandbox.call("kill", sandbox.id).status == 0)
            try await sandbox.wait(for: "stopped")
            let late = try await sandbox.call("kill", sandbox.id, "KILL")
            #expect(late.status == 1)
            #expect(late.errors.contains("container not running"))
            _ = try await sandbox.call("delete", sandbox.id)
        }
    }

    @Test(arguments: RuntimeUnderTest.all)
    func `pause freezes, resume thaws, and exec refuses in between`(_ runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            try sandbox.configure("sleep", "100")
            _ = try await sandbox.startDetached()
            #expect(try await sandbox.call("pause", sandbox.id).status == 0)
            #expect(try await sandbox.status() == "paused")
            let refused = try await sandbox.call("exec", sandbox.id, "true")
            #expect(refused.status == 255)
            #expect(refused.errors.contains("cannot exec in a paused container"))
            #expect(try await sandbox.call("resume", sandbox.id).status == 0)
            #expect(try await sandbox.status() == "running")
            #expect(try await sandbox.call("resume", sandbox.id).status == 1)
            _ = try await sandbox.call("pause", sandbox.id)
            #expect(try await sandbox.call("delete", "--force", sandbox.id).status == 0)
        }
    }

    @Test(arguments: RuntimeUnderTest.all)
    func `a container in the foreground can be paused, resumed and deleted by others`(
        _ runtime: RuntimeUnderTest
    ) async throws {
        try await withSandbox(runtime) { sandbox in
            try sandbox.configure("sleep", "100")
            async let outcome = sandbox.run()
            try await sandbox.wait(for: "running")
            #expect(try await sandbox.call("pause", sandbox.id).status == 0)
            #expect(try await sandbox.call("resume", sandbox.id).status == 0)
            #expect(try await sandbox.call("delete", "--force", sandbox.id).status == 0)
            #expect(try await outcome.status == 137 || !runtime.isOurs)
        }
    }

    @Test(arguments: RuntimeUnderTest.all)
    func `ps and list show the container`(_ runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            try sandbox.configure("sleep", "100")
            _ = try await sandbox.startDetached()
            let pid = try #require(try await sandbox.field("pid") as? Int)
            let json = try await sandbox.call("ps", "--format", "json", sandbox.id)
            #expect(json.output.trimmingCharacters(in: .whitespacesAndNewlines) == "[\(pid)]")
            let table = try await sandbox.call("ps", sandbox.id).lines
            #expect(table.first?.contains("PID") == true)
            #expect(table.contains { $0.contains("\(pid)") && $0.contains("sleep 100") })
            #expect(try await sandbox.call("list", "-q").output == sandbox.id + "\n")
            let list = try await sandbox.call("list").lines
            #expect(list.first?.split(separator: " ").joined(separator: " ") == "ID PID STATUS BUNDLE CREATED OWNER")
            #expect(list.last?.hasPrefix("\(sandbox.id)") == true)
            let entries =
                try JSONSerialization.jsonObject(
                    with: Data(try await sandbox.call("list", "--format=json").output.utf8)) as? [[String: Any]]
            #expect(entries?.first?["status"] as? String == "running")
            _ = try await sandbox.call("delete", "-f", sandbox.id)
            #expect(try await sandbox.call("list", "--format", "json").output.hasPrefix("null"))
        }
    }

    // systemd removes the scope of a stopped container; runc then fails with the error of openat2.
    @Test(arguments: RuntimeUnderTest.ours)
    func `ps of a stopped container whose cgroup is gone lists no process`(_ runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            try sandbox.configure("true")
            _ = try await sandbox.startDetached()
            try await sandbox.wait(for: "stopped")
            _ = try await shell("find /sys/fs/cgroup -depth -type d -name '\(sandbox.id)' -exec rmdir {} +")
            #expect(try await sandbox.call("ps", sandbox.id).lines.count == 1)
            #expect(try await sandbox.call("ps", "--format", "json", sandbox.id).output == "[]\n")
            #expect(try await sandbox.call("delete", sandbox.id).status == 0)
        }
    }

    @Test(arguments: RuntimeUnderTest.all)
    func `the pid file holds the pid alone`(_ runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            try sandbox.configure("sleep", "100")
            _ = try await sandbox.detached("create", "--pid-file", "../pid", sandbox.id)
            let pid = try #require(try await sandbox.field("pid") as? Int)
            #expect(try String(contentsOfFile: sandbox.directory + "/pid", encoding: .utf8) == "\(pid)")
            _ = try await sandbox.call("delete", "-f", sandbox.id)
        }
    }

    @Test(arguments: RuntimeUnderTest.ours)
    func `the path of a bundle names its container`(_ runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            try sandbox.configure("sleep", "100")
            let above = sandbox.directory
            func call(_ words: String) async throws -> Outcome {
                try await shell("'\(runtime.path)' --root '\(sandbox.state)' \(words) </dev/null", in: above)
            }
            #expect(try await call("create ./bundle >/dev/null 2>&1").status == 0)
            #expect(try await call("state ./bundle").output.contains("\"id\": \"bundle\""))
            #expect(try await call("start bundle/").status == 0)
            #expect(try await call("exec ./bundle echo inside").output == "inside\n")
            #expect(try await call("kill ./bundle KILL").status == 0)
            try await eventually("it is stopped") {
                try await call("state ./bundle").output.contains("stopped")
            }
            #expect(try await call("delete ./bundle").status == 0)
            try sandbox.configure("echo", "ran")
            #expect(try await call("run ./bundle").output == "ran\n")
            #expect(
                try await shell("cd bundle && '\(runtime.path)' --root '\(sandbox.state)' run .", in: above).output
                    == "ran\n")
        }
    }

    @Test(arguments: RuntimeUnderTest.ours)
    func `a thousand containers one after another leave nothing behind`(_ runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            try sandbox.configure("true")
            let script =
                "for i in $(seq 1000); do '\(runtime.path)' --root '\(sandbox.state)' run \(sandbox.id) || exit 1; done"
            #expect(try await shell(script, in: sandbox.bundle).status == 0)
        }
    }

    @Test(arguments: RuntimeUnderTest.ours)
    func `fifty lifecycles at once leave nothing behind`(_ runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            try sandbox.configure("sleep", "100") { $0.linux?.cgroupsPath = nil }
            let script = """
                run() { '\(runtime.path)' --root '\(sandbox.state)' "$@" </dev/null >/dev/null || echo "$@"; }
                life() { run create $1; run start $1; run exec $1 true; run kill $1 KILL; run delete -f $1; }
                for i in $(seq 50); do life "\(sandbox.id)-$i" & done
                wait
                find /sys/fs/cgroup -name '\(sandbox.id)-*'
                ls '\(sandbox.state)'
                """
            let outcome = try await shell(script, in: sandbox.bundle)
            #expect(outcome.output == "")
            #expect(outcome.errors == "")
        }
    }

    @Test(arguments: RuntimeUnderTest.ours)
    func `of fifty concurrent creations of one id one succeeds`(_ runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            try sandbox.configure("sleep", "100")
            let script = """
                for i in $(seq 50); do
                    ( '\(runtime.path)' --root '\(sandbox.state)' create \(sandbox.id) </dev/null >/dev/null 2>'\(sandbox.directory)/e'$i && echo won ) &
                done
                wait
                grep -L 'already exists' '\(sandbox.directory)'/e* | wc -l
                """
            #expect(try await shell(script, in: sandbox.bundle).output == "won\n1\n")
            #expect(try await sandbox.status() == "created")
            _ = try await sandbox.call("delete", "-f", sandbox.id)
        }
    }
}
