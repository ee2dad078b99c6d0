// Containers of an ordinary user: created, entered and ended without rights that users lack.

import Foundation
import OCISpec
import Testing

/// An ordinary user: a uid, a directory, and its files.
private struct OrdinaryUser {
    let sandbox: Sandbox
    let number = "61234"

    init(_ sandbox: Sandbox) async throws {
        self.sandbox = sandbox
        _ = try await shell("mkdir run; chmod 700 run; chown -R \(number):\(number) .", in: sandbox.directory)
    }

    /// The shell line with which the user calls the runtime, with the default state directory.
    func command(_ words: String) -> String {
        "setpriv --reuid \(number) --regid \(number) --clear-groups "
            + "env -i PATH=\"$PATH\" XDG_RUNTIME_DIR='\(sandbox.directory)/run' '\(sandbox.runtime.path)' \(words)"
    }

    func call(_ words: String) async throws -> Outcome { try await shell(command(words), in: sandbox.bundle) }

    /// Writes the bundle of `spec --rootless`, with a program and a change.
    func configure(_ arguments: [String], _ change: (inout Spec) -> Void = { _ in }) async throws {
        _ = try await shell("rm -f config.json", in: sandbox.bundle)
        #expect(try await call("spec --rootless").errors == "")
        let path = sandbox.bundle + "/config.json"
        var spec = try Spec(config: Array(Data(contentsOf: URL(filePath: path))))
        spec.process?.terminal = false
        spec.process?.args = arguments
        change(&spec)
        try sandbox.write(path, String(decoding: spec.json(indent: "\t"), as: UTF8.self))
    }

    func run(_ arguments: [String], _ change: (inout Spec) -> Void = { _ in }) async throws -> Outcome {
        try await configure(arguments, change)
        return try await call("run \(sandbox.id)")
    }
}

@Suite(.serialized)
struct RootlessTests {
    @Test(arguments: RuntimeUnderTest.all)
    func `the default config runs, as root of its own`(_ runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            let user = try await OrdinaryUser(sandbox)
            let outcome = try await user.run([
                "sh", "-c",
                "id -u; cat /proc/self/setgroups /proc/self/uid_map; echo x >/dev/null && grep -c ' /dev/null ' /proc/self/mountinfo",
            ])
            #expect(outcome.errors == "")
            #expect(outcome.lines.prefix(2) == ["0", "deny"])
            #expect(outcome.lines.last == "1")
            let map = try #require(outcome.lines.dropFirst(2).first)
            #expect(map.split(separator: " ") == ["0", Substring(user.number), "1"])
        }
    }

    @Test(arguments: RuntimeUnderTest.ours)
    func `no cgroup of the host can be written from inside`(_ runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            let user = try await OrdinaryUser(sandbox)
            let outcome = try await user.run(["sh", "-c", "ls -A /sys/fs/cgroup | wc -l; touch /sys/fs/cgroup/x 2>&1"])
            #expect(outcome.lines == ["0", "touch: /sys/fs/cgroup/x: Read-only file system"])
        }
    }

    @Test(arguments: RuntimeUnderTest.ours)
    func `all commands work on a container`(_ runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            let user = try await OrdinaryUser(sandbox)
            try await user.configure(["sleep", "1000"])
            let quiet = "</dev/null >/dev/null 2>errors; s=$?; cat errors >&2; exit $s"
            #expect(try await user.call("create \(sandbox.id) \(quiet)").errors == "")
            #expect(
                try await shell("stat -c '%a %u' run/swiftrun", in: sandbox.directory).output == "1700 \(user.number)\n"
            )
            #expect(try await user.call("exec \(sandbox.id) readlink /proc/self/ns/pid").status == 0)
            #expect(try await user.call("start \(sandbox.id)").errors == "")
            let inside = try await user.call(
                "exec \(sandbox.id) sh -c 'id -u; readlink /proc/self/ns/pid; readlink /proc/self/ns/user; cat /proc/1/comm'"
            )
            let same = try await user.call(
                "exec \(sandbox.id) sh -c 'id -u; readlink /proc/1/ns/pid; readlink /proc/1/ns/user; cat /proc/1/comm'")
            #expect(inside.errors == "")
            #expect(inside.lines == same.lines)
            #expect(inside.lines.first == "0")
            #expect(try await user.call("exec \(sandbox.id) sh -c 'exit 7'").status == 7)
            #expect(try await user.call("delete --force \(sandbox.id)").errors == "")
            #expect(try await user.call("list --quiet").output == "")
        }
    }

    @Test(arguments: RuntimeUnderTest.ours)
    func `a container with neither pids nor a cgroup of its own can be killed`(_ runtime: RuntimeUnderTest) async throws
    {
        try await withSandbox(runtime) { sandbox in
            let user = try await OrdinaryUser(sandbox)
            try await user.configure(["sleep", "1000"]) { spec in
                spec.linux?.namespaces.removeAll { $0.type == "pid" }
                // A procfs can be mounted only for a pid namespace that belongs to its user namespace.
                spec.mounts.removeAll { $0.type == "proc" }
                spec.mounts.append(Mount(destination: "/proc", source: "/proc", options: ["rbind"]))
            }
            let started = try await user.call("run --detach \(sandbox.id) </dev/null >/dev/null")
            #expect(started.errors == "")
            #expect(try await user.call("kill \(sandbox.id) KILL").errors == "")
            try await eventually("\(sandbox.id) runs no more") {
                try await !user.call("state \(sandbox.id)").output.contains("running")
            }
            #expect(try await user.call("delete \(sandbox.id)").errors == "")
        }
    }

    @Test(arguments: RuntimeUnderTest.ours)
    func `a request beyond a user's rights is refused with one line`(_ runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            let user = try await OrdinaryUser(sandbox)
            let attempts: [(String, (inout Spec) -> Void)] = [
                (
                    "ranges in /etc/subuid and /etc/subgid",
                    {
                        $0.linux?.uidMappings.append(LinuxIDMapping(containerID: 1, hostID: 100_000, size: 10))
                        $0.linux?.gidMappings.append(LinuxIDMapping(containerID: 1, hostID: 100_000, size: 10))
                    }
                ),
                ("process.user.additionalGids", { $0.process?.user.additionalGids = [0] }),
                (
                    "take a cgroup that is delegated to the user",
                    {
                        $0.linux?.resources = LinuxResources(memory: LinuxMemory(limit: 10_000_000))
                    }
                ),
                (
                    "mounts[7]: error mounting",
                    { spec in
                        spec.mounts.append(Mount(destination: "/tmp", source: "/proc/1/root", options: ["bind"]))
                    }
                ),
            ]
            for (expected, change) in attempts {
                let outcome = try await user.run(["true"], change)
                #expect(outcome.status == 1)
                #expect(outcome.errors.contains(expected))
                #expect(outcome.errors.split(separator: "\n").count == 1, "\(expected)")
            }
        }
    }

    @Test(arguments: RuntimeUnderTest.ours)
    func `clocks, networks and cgroup namespaces are the user's own`(_ runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            let user = try await OrdinaryUser(sandbox)
            let outcome = try await user.run([
                "sh", "-c",
                "grep -c . /proc/self/timens_offsets; grep boottime /proc/self/timens_offsets; ip -o link | wc -l; ip -o addr | grep -c 127.0.0.1",
            ]) { spec in
                spec.linux?.namespaces += ["time", "network", "cgroup"].map { LinuxNamespace(type: $0) }
                spec.linux?.timeOffsets = ["boottime": LinuxTimeOffset(secs: 77)]
            }
            #expect(outcome.errors == "")
            try #require(outcome.lines.count == 4)
            #expect(outcome.lines[1].split(separator: " ") == ["boottime", "77", "0"])
            #expect(outcome.lines.suffix(2) == ["1", "1"])
        }
    }

    @Test(arguments: RuntimeUnderTest.ours)
    func `several ids take the setuid programs and the ranges they allow`(_ runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            let user = try await OrdinaryUser(sandbox)
            try await user.configure(["sh", "-c", "id; cat /proc/self/setgroups"]) { spec in
                spec.process?.user = User(uid: 5, gid: 6, additionalGids: [7])
                let range = LinuxIDMapping(containerID: 1, hostID: 500_000, size: 100)
                spec.linux?.uidMappings.append(range)
                spec.linux?.gidMappings.append(range)
            }
            // The host's files stay unchanged: others cover them, in a mount namespace of the test.
            try sandbox.write(sandbox.directory + "/subid", "tester:500000:100\n")
            let passwd =
                "(cat /etc/passwd; echo tester:x:\(user.number):\(user.number)::/:/bin/sh) >passwd; mount --bind passwd /etc/passwd"
            let ranges = "mount --bind subid /etc/subuid; mount --bind subid /etc/subgid"
            try sandbox.write(
                sandbox.directory + "/script",
                "set -e\n\(passwd)\n\(ranges)\ncd bundle\nexec \(user.command("run \(sandbox.id)"))\n")
            let outcome = try await shell("unshare -m sh script", in: sandbox.directory)
            #expect(outcome.errors == "")
            #expect(outcome.lines == ["uid=5 gid=6 groups=7", "allow"])
        }
    }
}
