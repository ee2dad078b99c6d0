// exec: another process in a running container.

import Foundation
import OCISpec
import Testing

@Suite(.serialized)
struct ExecTests {
    /// Runs a container for exec.
    private func withRunning(
        _ runtime: RuntimeUnderTest, change: (inout Spec) -> Void = { _ in },
        _ body: (Sandbox) async throws -> Void
    ) async throws {
        try await withSandbox(runtime) { sandbox in
            try sandbox.configure { spec in
                spec.process?.args = ["sleep", "1000"]
                change(&spec)
            }
            let started = try await sandbox.startDetached()
            #expect(started.status == 0, "\(started.errors)")
            try await body(sandbox)
            #expect(try await sandbox.call("delete", "--force", sandbox.id).status == 0)
        }
    }

    @Test(arguments: RuntimeUnderTest.all)
    func `the process is in the container and its status is ours`(_ runtime: RuntimeUnderTest) async throws {
        try await withRunning(runtime) { sandbox in
            let outcome = try await sandbox.call(
                "exec", sandbox.id, "sh", "-c", "hostname; readlink /proc/1/exe; cat; exit 5", input: "from stdin")
            #expect(outcome.status == 5)
            #expect(outcome.lines.dropFirst() == ["/bin/busybox", "from stdin"])
            let killed = try await sandbox.call("exec", sandbox.id, "sh", "-c", "kill -9 $$")
            #expect(killed.status == 137)
        }
    }

    @Test(arguments: RuntimeUnderTest.all)
    func `options override the config`(_ runtime: RuntimeUnderTest) async throws {
        try await withRunning(runtime) { sandbox in
            let outcome = try await sandbox.call(
                "exec", "--cwd", "/tmp", "--env", "A=b c", "--env=X=y", "-u", "1000:1001", "-g", "5", "-g", "6",
                sandbox.id,
                "sh", "-c", "pwd; echo $A-$X; id -u; id -g; id -G; echo $HOME")
            #expect(outcome.lines == ["/tmp", "b c-y", "1000", "1001", "1001 5 6", "/home/user"])
        }
    }

    @Test(arguments: RuntimeUnderTest.all)
    func `a user that is not a number never becomes root`(_ runtime: RuntimeUnderTest) async throws {
        try await withRunning(runtime) { sandbox in
            for user in ["user", ":", "", "0x1", "4294967296", "-1", "1:x"] {
                let outcome = try await sandbox.call("exec", "-u", user, sandbox.id, "id", "-u")
                #expect(!outcome.lines.contains("0") || !runtime.isOurs, "\(user)")
                #expect(outcome.status == 255 || !runtime.isOurs, "\(user)")
            }
            #expect(try await sandbox.call("exec", "-u", "1", sandbox.id, "id", "-u").output == "1\n")
        }
    }

    @Test(arguments: RuntimeUnderTest.all)
    func `a process file replaces all other options`(_ runtime: RuntimeUnderTest) async throws {
        try await withRunning(runtime) { sandbox in
            let process = Process(
                user: User(uid: 7, gid: 8), args: ["sh", "-c", "id -u; id -g; pwd; echo $Z"],
                env: ["PATH=/bin", "Z=z"], cwd: "/etc")
            try sandbox.write(
                sandbox.directory + "/process.json", String(decoding: process.json(), as: UTF8.self))
            let outcome = try await sandbox.call(
                "exec", "--process", sandbox.directory + "/process.json", sandbox.id)
            #expect(outcome.lines == ["7", "8", "/etc", "z"])
        }
    }

    @Test(arguments: RuntimeUnderTest.all)
    func `a detached process writes its pid and outlives the command`(_ runtime: RuntimeUnderTest) async throws {
        try await withRunning(runtime) { sandbox in
            let file = sandbox.directory + "/pid"
            #expect(
                try await sandbox.detached("exec", "--detach", "--pid-file", file, sandbox.id, "sleep", "77").status
                    == 0)
            let pid = try String(contentsOfFile: file, encoding: .utf8)
            // execve closes descriptors before it sets up the arguments, so a command may end a moment earlier.
            try await eventually("sleep in /proc/\(pid)/cmdline") {
                try String(contentsOfFile: "/proc/\(pid)/cmdline", encoding: .utf8) == "sleep\0" + "77\0"
            }
        }
    }

    @Test(arguments: RuntimeUnderTest.all)
    func `a failure of the runtime has status 255 and a message`(_ runtime: RuntimeUnderTest) async throws {
        try await withRunning(runtime) { sandbox in
            let missing = try await sandbox.call("exec", sandbox.id, "nonesuch")
            #expect(missing.status == 255)
            #expect(missing.errors.contains("exec failed: "))
            #expect(missing.errors.contains("executable file not found in $PATH"))
            let denied = try await sandbox.call("exec", sandbox.id, "/etc/passwd")
            #expect(denied.status == 255)
            #expect(denied.errors.lowercased().contains("permission denied"))
            let nobody = try await sandbox.call("exec", "nobody-has-this-id", "true")
            #expect(nobody.status == (runtime.isOurs ? 255 : 1) || nobody.status == 255)
            #expect(nobody.errors.contains("does not exist"))
        }
    }

    @Test(arguments: RuntimeUnderTest.all)
    func `capabilities that are added are never inheritable or ambient`(_ runtime: RuntimeUnderTest) async throws {
        try await withRunning(runtime) { sandbox in
            let outcome = try await sandbox.call(
                "exec", "--cap", "CAP_SYS_ADMIN", sandbox.id, "grep", "^Cap", "/proc/self/status")
            #expect(
                outcome.lines == [
                    "CapInh:\t0000000000000000", "CapPrm:\t0000000020200420", "CapEff:\t0000000020200420",
                    "CapBnd:\t0000000020200420", "CapAmb:\t0000000000000000",
                ])
        }
    }

    @Test(arguments: RuntimeUnderTest.all)
    func `a process of exec is limited by the container's cgroup and filter`(_ runtime: RuntimeUnderTest) async throws {
        try await withRunning(
            runtime,
            change: { spec in
                spec.linux?.seccomp = LinuxSeccomp(
                    defaultAction: "SCMP_ACT_ALLOW",
                    syscalls: [LinuxSyscall(names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 95)])
            }
        ) { sandbox in
            let outcome = try await sandbox.call(
                "exec", sandbox.id, "sh", "-c", "mkdir /tmp/x; cat /proc/self/cgroup")
            #expect(outcome.errors.contains("Operation not supported") || outcome.errors.contains("Not supported"))
            #expect(outcome.output.contains(sandbox.cgroup))
        }
    }

    @Test(arguments: RuntimeUnderTest.all)
    func `exec in a stopped container is refused`(_ runtime: RuntimeUnderTest) async throws {
        try await withRunning(runtime) { sandbox in
            _ = try await sandbox.call("kill", sandbox.id, "KILL")
            try await sandbox.wait(for: "stopped")
            let outcome = try await sandbox.call("exec", sandbox.id, "true")
            #expect(outcome.status == 255)
            #expect(outcome.errors.contains("cannot exec in a stopped container"))
        }
    }

    // Only for ours: runc's own processes and threads are in the cgroup too, and exceed this limit.
    @Test(arguments: RuntimeUnderTest.ours)
    func `no process of the runtime counts towards the limit once the program runs`(
        _ runtime: RuntimeUnderTest
    ) async throws {
        let limit: Int64 = 3  // the container's init, the program, and the one process that it starts
        try await withRunning(
            runtime, change: { spec in spec.linux?.resources = LinuxResources(pids: LinuxPids(limit: limit)) }
        ) { sandbox in
            // More processes than CPUs: each process that has ended waits to be reaped.
            let outcome = try await shell(
                """
                for i in $(seq $(($(nproc) * 2))); do while :; do :; done & hogs="$hogs $!"; done
                for i in $(seq 20); do
                    '\(runtime.path)' --root '\(sandbox.state)' exec '\(sandbox.id)' sh -c '/bin/busybox true; echo $?'
                done
                kill $hogs
                """, in: sandbox.bundle)
            #expect(outcome.output == String(repeating: "0\n", count: 20), "\(outcome.errors)")
        }
    }
}
