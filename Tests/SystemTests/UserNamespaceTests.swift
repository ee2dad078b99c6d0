// User namespaces, created and joined, alone and with other namespaces.

import Foundation
import OCISpec
import Testing

@Suite(.serialized)
struct UserNamespaceTests {
    private static let uids = [LinuxIDMapping(containerID: 0, hostID: 100_000, size: 65536)]
    private static let gids = [LinuxIDMapping(containerID: 0, hostID: 200_000, size: 65536)]

    private func mapped(_ spec: inout Spec) {
        spec.linux?.namespaces.append(LinuxNamespace(type: "user"))
        spec.linux?.uidMappings = Self.uids
        spec.linux?.gidMappings = Self.gids
    }

    private func join(_ type: String, _ path: String, in spec: inout Spec) {
        spec.linux?.namespaces.removeAll { $0.type == type }
        spec.linux?.namespaces.append(LinuxNamespace(type: type, path: path))
    }

    @Test(arguments: RuntimeUnderTest.all)
    func `root in the container is another user outside`(_ runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            let outcome = try await sandbox.run(
                program: [
                    "sh", "-c",
                    "id -u; cat /proc/self/uid_map /proc/self/gid_map; touch /dev/shm/f; stat -c %u /dev/shm/f",
                ]
            ) { mapped(&$0) }
            #expect(outcome.errors == "")
            let words = outcome.output.split { $0 == " " || $0 == "\n" }
            #expect(words == ["0", "0", "100000", "65536", "0", "200000", "65536", "0"])
        }
    }

    @Test(arguments: RuntimeUnderTest.all)
    func `devices are bound from the host, and work`(_ runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            let outcome = try await sandbox.run(
                program: [
                    "sh", "-c",
                    "for d in null zero full random urandom tty; do stat -c '%n %t:%T' /dev/$d; done; echo x > /dev/null; head -c 2 /dev/zero | wc -c",
                ]
            ) { mapped(&$0) }
            #expect(outcome.errors == "")
            #expect(
                outcome.lines == [
                    "/dev/null 1:3", "/dev/zero 1:5", "/dev/full 1:7", "/dev/random 1:8", "/dev/urandom 1:9",
                    "/dev/tty 5:0",
                    "2",
                ])
        }
    }

    @Test(arguments: RuntimeUnderTest.all)
    func `sources that only the host's root can access are bound`(_ runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            _ = try await shell(
                "for n in 1 2; do mkdir -p locked$n/in; echo $n > locked$n/in/file; chown -R 7:7 locked$n; chmod 700 locked$n; done",
                in: sandbox.directory)
            let outcome = try await sandbox.run(program: ["cat", "/tmp/1/file", "/tmp/2/file"]) { spec in
                mapped(&spec)
                spec.mounts.append(Mount(destination: "/tmp", type: "tmpfs", source: "tmpfs"))
                for number in ["1", "2"] {
                    spec.mounts.append(
                        Mount(
                            destination: "/tmp/" + number, source: "\(sandbox.directory)/locked\(number)/in",
                            options: ["rbind", "ro"]))
                }
            }
            #expect(outcome.errors == "")
            #expect(outcome.lines == ["1", "2"])
        }
    }

    @Test(arguments: RuntimeUnderTest.ours)
    func `a rootfs in a private directory of root works`(_ runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            #expect(chmod(sandbox.directory, 0o700) == 0)
            #expect(try await sandbox.run(program: ["id", "-u"]) { mapped(&$0) }.output == "0\n")
            // Not below another user's directory: a process without rights over files could not pass.
            #expect(chown(sandbox.directory, 7, 7) == 0)
            let refused = try await sandbox.run(program: ["id", "-u"]) { mapped(&$0) }
            #expect(refused.errors.contains("every directory above it must let the container's root user through"))
        }
    }

    @Test(arguments: RuntimeUnderTest.ours)
    func `a namespace is joined with its maps, and exec follows`(_ runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            let holder = try await NamespaceHolder(maps: true, "--user", "--net")
            defer { holder.end() }
            try sandbox.configure { spec in
                spec.process?.args = ["sleep", "1000"]
                join("user", holder.path("user"), in: &spec)
            }
            let started = try await sandbox.startDetached()
            #expect(started.errors == "")
            let outcome = try await sandbox.call(
                "exec", sandbox.id, "sh", "-c",
                "id -u; id -g; readlink /proc/self/ns/user; readlink /proc/1/ns/user; cat /proc/1/uid_map")
            let link = try holder.link("user")
            #expect(outcome.lines.prefix(4) == ["0", "0", link, link])
            #expect(outcome.lines.last?.split(separator: " ") == ["0", "100000", "65536"])
            #expect(try await sandbox.call("delete", "--force", sandbox.id).status == 0)
        }
    }

    @Test(arguments: RuntimeUnderTest.ours)
    func `maps beside a namespace that is joined must be its own`(_ runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            let holder = try await NamespaceHolder(maps: true, "--user")
            defer { holder.end() }
            func outcome(_ uids: [LinuxIDMapping]) async throws -> Outcome {
                try await sandbox.run(program: ["id", "-u"]) { spec in
                    join("user", holder.path("user"), in: &spec)
                    spec.linux?.uidMappings = uids
                    spec.linux?.gidMappings = Self.gids
                }
            }
            #expect(try await outcome(Self.uids).output == "0\n")
            #expect(
                try await outcome(Self.gids).errors.contains(
                    "linux.uidMappings: differ from the maps of the user namespace that is joined"))
        }
    }

    @Test(arguments: RuntimeUnderTest.ours, ["root's", "the user namespace's"])
    func `other namespaces are joined, whoever owns them`(_ runtime: RuntimeUnderTest, owner: String) async throws {
        try await withSandbox(runtime) { sandbox in
            let own = owner == "root's" ? ["--net", "--ipc", "--uts"] : ["--user", "--net", "--ipc", "--uts"]
            let holder = try await NamespaceHolder(maps: owner != "root's", own)
            defer { holder.end() }
            let outcome = try await sandbox.run(
                program: [
                    "sh", "-c",
                    "id -u; for n in net ipc uts; do readlink /proc/self/ns/$n; done; mount | grep -c ^sysfs",
                ]
            ) { spec in
                if owner == "root's" { mapped(&spec) } else { join("user", holder.path("user"), in: &spec) }
                spec.hostname = nil
                for (type, link) in [("network", "net"), ("ipc", "ipc"), ("uts", "uts")] {
                    join(type, holder.path(link), in: &spec)
                }
                // A message queue filesystem can be mounted only for an ipc namespace that belongs to its user
                // namespace.
                spec.mounts.removeAll { $0.type == "mqueue" }
            }
            #expect(outcome.errors == "")
            #expect(
                outcome.lines == [
                    "0", try holder.link("net"), try holder.link("ipc"), try holder.link("uts"),
                    outcome.lines.last ?? "",
                ])
        }
    }

    @Test(arguments: RuntimeUnderTest.ours, [false, true])
    func `clocks are set before the first process reads them`(_ runtime: RuntimeUnderTest, inUserNamespace: Bool)
        async throws
    {
        try await withSandbox(runtime) { sandbox in
            let outcome = try await sandbox.run(program: ["cat", "/proc/self/timens_offsets"]) { spec in
                if inUserNamespace { mapped(&spec) }
                spec.linux?.namespaces.append(LinuxNamespace(type: "time"))
                spec.linux?.timeOffsets = [
                    "boottime": LinuxTimeOffset(secs: 7_000_000, nanosecs: 5), "monotonic": LinuxTimeOffset(secs: 3000),
                ]
            }
            #expect(outcome.errors == "")
            let words = outcome.output.split { $0 == " " || $0 == "\n" }
            #expect(words == ["monotonic", "3000", "0", "boottime", "7000000", "5"])
        }
    }

    @Test(arguments: RuntimeUnderTest.ours)
    func `hooks stay in the runtime's namespaces`(_ runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            let holder = try await NamespaceHolder(maps: false, "--pid", "--kill-child")
            defer { holder.end() }
            let links = "readlink /proc/self/ns/pid; readlink /proc/self/ns/time"
            let outcome = try await sandbox.run(program: ["sh", "-c", links]) { spec in
                join("pid", "/proc/\(holder.pid)/ns/pid_for_children", in: &spec)
                spec.linux?.namespaces.append(LinuxNamespace(type: "time"))
                let script = "(\(links)) >\(sandbox.directory)/hook"
                spec.hooks = Hooks(createRuntime: [Hook(path: "/bin/sh", args: ["sh", "-c", script])])
            }
            #expect(outcome.errors == "")
            let own = try await shell(links)
            try #require(outcome.lines.count == 2 && own.lines.count == 2)
            let hook = try String(contentsOfFile: sandbox.directory + "/hook", encoding: .utf8)
            #expect(hook == own.output)
            #expect(outcome.lines[0] == (try holder.link("pid_for_children")))
            #expect(outcome.lines[1] != own.lines[1])
        }
    }

    @Test(arguments: RuntimeUnderTest.ours)
    func `flags that a parent namespace has locked stay, and clearing them is refused`(_ runtime: RuntimeUnderTest)
        async throws
    {
        try await withSandbox(runtime) { sandbox in
            // In a mount namespace of its own, so that no mount remains.
            func outcome(_ options: String...) async throws -> Outcome {
                try sandbox.configure { spec in
                    mapped(&spec)
                    spec.process?.args = ["grep", " /tmp ", "/proc/self/mountinfo"]
                    spec.mounts.append(
                        Mount(destination: "/tmp", source: sandbox.directory + "/source", options: ["rbind"] + options))
                }
                let command = "\(runtime.path) --root \(sandbox.state) run \(sandbox.id)"
                return try await shell(
                    "mkdir -p ../source; unshare -m sh -c 'mount -t tmpfs -o ro,nosuid,noatime t ../source; exec \(command)'",
                    in: sandbox.bundle)
            }
            for options in [("noexec", "noexec"), ("relatime", "noexec")] {
                let kept = try await outcome(options.0, options.1)
                #expect(kept.errors == "")
                #expect(kept.output.contains(" ro,nosuid,noexec,noatime "))
            }
            #expect(try await outcome("rw").errors.contains("(ro of the source is locked): operation not permitted"))
            #expect(try await outcome("suid", "dev").errors.contains("(nosuid of the source is locked)"))
        }
    }
}

/// A process that holds namespaces for others to join.
final class NamespaceHolder: Sendable {
    let pid: Int32

    convenience init(maps: Bool, _ options: String...) async throws { try await self.init(maps: maps, options) }

    /// - Parameter maps: whether its user namespace gets the tests' usual maps.
    init(maps: Bool, _ options: [String]) async throws {
        let words = options.joined(separator: " ")
        let outcome = try await shell(
            """
            unshare \(words) sleep 1000 </dev/null >/dev/null 2>&1 & echo $!
            until [ "$(cat /proc/$!/comm)" = sleep ] || [ -n "$(cat /proc/$!/task/$!/children)" ]; do sleep 0.01; done
            """
        )
        pid = Int32(outcome.lines.first ?? "") ?? 0
        guard maps else { return }
        try "0 100000 65536".write(toFile: "/proc/\(pid)/uid_map", atomically: false, encoding: .utf8)
        try "0 200000 65536".write(toFile: "/proc/\(pid)/gid_map", atomically: false, encoding: .utf8)
    }

    func path(_ link: String) -> String { "/proc/\(pid)/ns/\(link)" }
    func link(_ name: String) throws -> String { try FileManager.default.destinationOfSymbolicLink(atPath: path(name)) }
    func end() { kill(pid, SIGKILL) }
}
