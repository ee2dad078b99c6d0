// Options of docker and podman for one container in the foreground, on swiftrun and runc.

import Foundation
import Testing

extension EngineTests {
    @Suite(.serialized) struct Running {
        @Test(arguments: EngineStack.all)
        func `streams and exit codes are the container's`(_ stack: EngineStack) async throws {
            try await withEngine(stack) { engine in
                let outcome = try await engine.run(shell: "echo out; echo err >&2; exit 7")
                #expect(outcome.status == 7)
                #expect(outcome.output == "out\n")
                #expect(outcome.errors == "err\n")
                let echoed = try await engine.run("-i", program: ["cat"], input: "one\ntwo\n")
                #expect(echoed.output == "one\ntwo\n")
                let large = try await engine.run(shell: "dd if=/dev/zero bs=1M count=3 2>/dev/null | tr '\\0' x")
                #expect(large.output.utf8.count == 3 << 20)
            }
        }

        @Test(arguments: EngineStack.all)
        func `a program that cannot run has the exit code of the reason`(_ stack: EngineStack) async throws {
            try await withEngine(stack) { engine in
                #expect(try await engine.run("--no-such-option", program: ["true"]).status == 125)
                for (program, status, reason) in [
                    ("nope", 127, "exec: \"nope\": executable file not found in $PATH"),
                    ("/nope", 127, "exec: \"/nope\": stat /nope: no such file or directory"),
                    ("/etc/passwd", 126, "exec: \"/etc/passwd\": permission denied"),
                    ("/etc", 126, "permission denied"),
                ] {
                    let outcome = try await engine.run(program: [program])
                    #expect(outcome.status == status, "\(program)")
                    // runc says it in other words from 1.1.6 on.
                    let isDirectory = outcome.errors.contains("exec: \"/etc\": is a directory")
                    #expect(outcome.errors.contains(reason) || isDirectory, "\(outcome.errors)")
                    // podman prints only the message if the runtime writes its log as JSON.
                    if !stack.isDocker { #expect(!outcome.errors.contains("level="), "\(outcome.errors)") }
                }
            }
        }

        @Test(arguments: EngineStack.all)
        func `a container that exceeds its memory limit is killed, and the engine knows`(_ stack: EngineStack)
            async throws
        {
            try await withEngine(stack) { engine in
                let outcome = try await engine.call(
                    ["run", "--name", "hog", "--memory", "30m"] + engine.choice
                        + [EngineHost.image, "dd", "if=/dev/zero", "of=/dev/null", "bs=100M", "count=1"])
                #expect(outcome.status == 137)
                #expect(try await engine.inspect("hog", ".State.ExitCode") == "137")
                // podman 4.3 does not report this on cgroup v1.
                if stack.isDocker { #expect(try await engine.inspect("hog", ".State.OOMKilled") == "true") }
                try await engine.discard("hog")
                #expect(
                    try await engine.run(
                        "--memory", "30m",
                        shell: "cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes 2>/dev/null || cat memory.max"
                    ).output == "31457280\n")
            }
        }

        @Test(arguments: EngineStack.all)
        func `processes and processor time are limited`(_ stack: EngineStack) async throws {
            try await withEngine(stack) { engine in
                let outcome = try await engine.run(
                    "--pids-limit", "6", "--cpus", "0.5", "--cpuset-cpus", "0", "--cpu-shares", "512",
                    shell: """
                        cd /sys/fs/cgroup
                        if [ -e cpu.max ]; then cut -d' ' -f1 cpu.max; cat cpuset.cpus
                        else cat cpu/cpu.cfs_quota_us cpuset/cpuset.cpus; fi
                        nproc
                        for n in 1 2 3 4 5 6 7 8; do sleep 1 & done
                        """)
                #expect(outcome.output == "50000\n0\n1\n")
                #expect(outcome.errors.contains("can't fork: Resource temporarily unavailable"))
                #expect(outcome.status == 2)
            }
        }

        @Test(arguments: EngineStack.all)
        func `a user has the remaining rights`(_ stack: EngineStack) async throws {
            try await withEngine(stack) { engine in
                let named = try await engine.run(
                    "--user", "user", "--workdir", "/tmp", "--env", "A=b", "--hostname", "box",
                    shell: "id -u; id -g; pwd; echo $A; hostname; grep CapEff /proc/self/status")
                #expect(named.output == "1000\n1000\n/tmp\nb\nbox\nCapEff:\t0000000000000000\n")
                let numbered = try await engine.run(
                    "--user", "5:6", "--group-add", "77", shell: "id -u; id -g; grep Groups /proc/self/status")
                #expect(numbered.output.hasPrefix("5\n6\nGroups:\t"))
                #expect(numbered.output.contains("77"))
                let dropped = try await engine.run(
                    "--cap-drop", "ALL", shell: "grep CapBnd /proc/self/status; chown 1 /tmp")
                #expect(dropped.output == "CapBnd:\t0000000000000000\n")
                #expect(dropped.errors == "chown: /tmp: Operation not permitted\n")
                #expect(dropped.status == 1)
                let added = try await engine.run(
                    "--cap-drop", "ALL", "--cap-add", "CHOWN", "--security-opt", "no-new-privileges",
                    shell: "chown 1 /tmp && stat -c %u /tmp; grep NoNewPrivs /proc/self/status")
                #expect(added.output == "1\nNoNewPrivs:\t1\n")
                let limited = try await engine.run(
                    "--ulimit", "nofile=100:200", "--ulimit", "nproc=500:500", "--oom-score-adj", "500",
                    shell: "ulimit -Sn; ulimit -Hn; cat /proc/self/oom_score_adj")
                #expect(limited.output == "100\n200\n500\n")
            }
        }

        @Test(arguments: EngineStack.all)
        func `system calls are filtered by default, by a profile, or not at all`(_ stack: EngineStack) async throws {
            try await withEngine(stack) { engine in
                let mode = "grep -w Seccomp /proc/self/status"
                #expect(try await engine.run(shell: mode).output == "Seccomp:\t2\n")
                #expect(
                    try await engine.run("--security-opt", "seccomp=unconfined", shell: mode).output
                        == "Seccomp:\t0\n")
                try engine.host.write(
                    "profile.json",
                    """
                    {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
                      {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}]}
                    """)
                let profile = try await engine.run(
                    "--security-opt", "seccomp=\(engine.host.directory)/profile.json", shell: "mkdir /tmp/a")
                #expect(profile.errors.contains("No space left on device"))
                #expect(profile.status == 1)
                // docker requires CAP_SYS_ADMIN for this; podman does not.
                let unshared = try await engine.run(program: ["unshare", "-U", "true"])
                #expect(unshared.status == (stack.isDocker ? 1 : 0))
            }
        }

        @Test(arguments: EngineStack.all)
        func `files come from volumes, tmpfs and devices, or stay unchanged`(_ stack: EngineStack) async throws {
            try await withEngine(stack) { engine in
                try engine.host.write("words", "from the host\n")
                let shared = engine.host.directory
                let bound = try await engine.run(
                    "-v", "\(shared):/rw", "-v", "\(shared):/ro:ro", "--tmpfs", "/memory:size=1m,mode=1777",
                    "--device", "/dev/null:/dev/nothing", "--shm-size", "2m",
                    shell: """
                        cat /ro/words; echo changed >/rw/changed; touch /ro/x
                        df -k /memory /dev/shm | awk 'NR > 1 { print $2 }'; stat -c %a /memory
                        echo gone >/dev/nothing; stat -c %F /dev/nothing
                        """)
                #expect(bound.output == "from the host\n1024\n2048\n1777\ncharacter special file\n")
                #expect(bound.errors == "touch: /ro/x: Read-only file system\n")
                #expect(engine.host.read("changed") == "changed\n")
                let kept = "volume-" + stack.runtime
                _ = try await engine.run("-v", kept + ":/kept", shell: "echo kept >/kept/file")
                #expect(try await engine.run("-v", kept + ":/kept", shell: "cat /kept/file").output == "kept\n")
                #expect(try await engine("volume", "rm", kept).status == 0)
                let locked = try await engine.run(
                    "--read-only", "--tmpfs", "/memory", shell: "touch /memory/x && touch /x")
                #expect(locked.errors == "touch: /x: Read-only file system\n")
            }
        }

        @Test(arguments: EngineStack.all)
        func `networks and other namespaces are shared as asked`(_ stack: EngineStack) async throws {
            try await withEngine(stack) { engine in
                let links = "ls /sys/class/net | sort | tr '\\n' ' '; readlink /proc/self/ns/net"
                let ours = try await engine.host.call(["readlink", "/proc/self/ns/net"]).output
                let none = try await engine.run("--network", "none", shell: links).output
                #expect(none.hasPrefix("lo net:["))
                #expect(!none.hasSuffix(ours))
                #expect(try await engine.run("--network", "host", shell: links).output.hasSuffix(ours))
                try await engine.detach("first", "--ipc", "shareable", shell: "sleep 1000")
                let process = try await engine.inspect("first", ".State.Pid")
                func namespace(_ kind: String) async throws -> String {
                    try await engine.host.call(["readlink", "/proc/\(process)/ns/\(kind)"]).output
                }
                let joined = try await engine.run(
                    "--network", "container:first", "--pid", "container:first", "--ipc", "container:first",
                    shell: """
                        for kind in net pid ipc; do readlink /proc/self/ns/$kind; done
                        ps -o args | grep '^[s]leep 1000'
                        """)
                let expected = try await namespace("net") + namespace("pid") + namespace("ipc")
                #expect(joined.output == expected + "sleep 1000\n")
                #expect(try await engine.exec("first", "ls /sys/class/net").output.contains("eth0"))
                try await engine.discard("first")
            }
        }

        @Test(arguments: EngineStack.all)
        func `a small init reaps, forwards signals and passes the exit code on`(_ stack: EngineStack) async throws {
            try await withEngine(stack) { engine in
                let outcome = try await engine.run(
                    "--init",
                    shell: """
                        cat /proc/1/comm; sh -c 'sleep 0.1 & exec true'; sleep 0.4
                        ps -o stat | grep -c Z; exit 9
                        """)
                #expect(outcome.output == (stack.isDocker ? "docker-init\n0\n" : "podman-init\n0\n"))
                #expect(outcome.status == 9)
                try await engine.detach("first", "--init", shell: "trap 'exit 44' TERM; while :; do sleep 0.05; done")
                try await Task.sleep(for: .milliseconds(200))
                try await engine("stop", "first")
                #expect(try await engine.inspect("first", ".State.ExitCode") == "44")
            }
        }
    }
}
