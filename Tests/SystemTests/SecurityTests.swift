// Attacks that need more than a config: races with an attacker who controls the image, and attacks on the running
// runtime.

import Foundation
import Kernel
import OCISpec
import Testing

@Suite(.serialized, .enabled(if: geteuid() == 0, "root is needed"))
struct SecurityTests {
    private static let witness = RuntimeUnderTest.checkout + "/.build/dist/witness"

    /// No descriptor that the runtime might have open leads to the host.
    @Test(arguments: RuntimeUnderTest.all)
    func `CVE-2024-21626: no descriptor of the runtime is a working directory`(
        _ runtime: RuntimeUnderTest
    ) async throws {
        try await withSandbox(runtime) { sandbox in
            let marker = String(repeating: "../", count: 20) + sandbox.directory.dropFirst() + "/bundle"
            let look = "test -e \(marker) && echo escaped"
            for number in 3...40 {
                let outcome = try await sandbox.run(program: ["sh", "-c", look]) { spec in
                    spec.process?.cwd = "/proc/self/fd/\(number)"
                }
                #expect(outcome.output == "", "run, descriptor \(number)")
            }
            try sandbox.configure("sleep", "1000")
            #expect(try await sandbox.startDetached().status == 0)
            for number in 3...40 {
                let outcome = try await sandbox.call(
                    "exec", "--cwd", "/proc/self/fd/\(number)", sandbox.id, "sh", "-c", look)
                #expect(outcome.output == "", "exec, descriptor \(number)")
                #expect(outcome.status != 0, "exec, descriptor \(number)")
            }
            _ = try await sandbox.call("delete", "--force", sandbox.id)
        }
    }

    /// With CAP_SYS_PTRACE the container's root may inspect every process in its pid namespace.
    @Test(arguments: RuntimeUnderTest.all)
    func `CVE-2016-9962: an exec process never has access to the host`(
        _ runtime: RuntimeUnderTest
    ) async throws {
        try await withSandbox(runtime) { sandbox in
            let marker = String(sandbox.directory.dropFirst()) + "/bundle"
            try sandbox.configure("sh", "-c", "witness spy 8 \(marker) > /tmp/seen; echo > /tmp/done; sleep 1000") {
                spec in
                let granted = (spec.process?.capabilities?.bounding ?? []) + ["CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH"]
                spec.process?.capabilities?.bounding = granted
                spec.process?.capabilities?.effective = granted
                spec.process?.capabilities?.permitted = granted
                spec.root?.readonly = false
            }
            #expect(try await sandbox.startDetached().status == 0)
            let script = """
                end=$(($(date +%s) + 60))
                while ! test -e '\(sandbox.rootfs)/tmp/done' && test $(date +%s) -lt $end; do
                    '\(runtime.path)' --root '\(sandbox.state)' exec \(sandbox.id) true
                done
                cat '\(sandbox.rootfs)/tmp/seen'
                """
            let outcome = try await shell(script)
            let seen = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any]
            #expect(try #require(seen?["seen"] as? Int) > 20, "\(outcome.errors)")
            #expect(seen?["got"] as? [String] == [])
            _ = try await sandbox.call("delete", "--force", sandbox.id)
        }
    }

    /// The container has the runtime's file executed, keeps it open, and writes to it when it is no longer busy.
    ///
    /// Not for runc, whose file cannot be made to wait in this way.
    @Test(arguments: RuntimeUnderTest.ours)
    func `CVE-2019-5736: a container that opens the runtime's file cannot write it`(
        _ runtime: RuntimeUnderTest
    ) async throws {
        try await withSandbox(runtime) { sandbox in
            let before = try await shell("sha256sum < '\(runtime.path)'").output
            let trap = """
                cd /tmp; mkfifo block; echo ready > ready
                while :; do
                    for p in /proc/[0-9]*; do
                        case $(readlink $p/exe) in /bin/busybox|/bin/sh|'') continue;; esac
                        exec 3<$p/exe || continue
                        timeout 1 sh -c 'echo > block'
                        while test -e $p/exe; do sleep 0.01; done
                        (echo overwritten > /proc/self/fd/3) 2> refused && echo written > result || echo refused > result
                        sleep 1000
                    done
                done
                """
            try sandbox.configure("sh", "-c", trap) { $0.root?.readonly = false }
            _ = try await shell("for a in mkfifo timeout; do ln -s busybox '\(sandbox.rootfs)/bin/'$a; done")
            #expect(try await sandbox.startDetached().status == 0)
            try await waitForFile(sandbox.rootfs + "/tmp/ready")
            // The runtime's file, executed again in the container, waits for a document from a FIFO.
            _ = try await shell(
                """
                timeout 10 '\(runtime.path)' --root '\(sandbox.state)' exec \(sandbox.id) \
                    /proc/self/exe update --resources /tmp/block nothing </dev/null >/dev/null 2>&1
                """)
            try await waitForFile(sandbox.rootfs + "/tmp/result")
            #expect(try String(contentsOfFile: sandbox.rootfs + "/tmp/result", encoding: .utf8) == "refused\n")
            #expect(try await shell("sha256sum < '\(runtime.path)'").output == before)
            _ = try await sandbox.call("delete", "--force", sandbox.id)
        }
    }

    private func waitForFile(_ path: String) async throws {
        try await eventually("\(path) is there") { FileManager.default.fileExists(atPath: path) }
    }

    /// Swaps two names in the image while containers are created from it.
    private func race(
        _ sandbox: Sandbox, _ first: String, _ second: String, seconds: Int, checking: String
    ) async throws -> (tries: Int, output: String) {
        let runtime = "'\(sandbox.runtime.path)' --root '\(sandbox.state)'"
        let outcome = try await shell(
            """
            '\(Self.witness)' exchange '\(first)' '\(second)' & attacker=$!
            end=$(($(date +%s) + \(seconds))); n=0
            while test $(date +%s) -lt $end; do
                timeout 10 \(runtime) run \(sandbox.id) </dev/null 2>/dev/null
                n=$((n + 1))
                \(checking)
            done
            kill $attacker
            echo $n tries
            """, in: sandbox.bundle)
        let lines = outcome.lines
        return (lines.last.flatMap { Int($0.prefix { $0 != " " }) } ?? 0, lines.dropLast().joined(separator: "\n"))
    }

    /// Two containers share a volume; one swaps a directory there with a link while the other has a mount made on it.
    @Test(arguments: RuntimeUnderTest.all)
    func `CVE-2021-30465: a mount lands inside, whatever its destination is swapped with`(
        _ runtime: RuntimeUnderTest
    ) async throws {
        try await withSandbox(runtime) { sandbox in
            let volume = sandbox.directory + "/volume"
            try await shell("mkdir -p '\(volume)/dir'").expectQuiet()
            let up = String(repeating: "../", count: 20)
            try await shell("ln -s '\(up)..' '\(volume)/link'").expectQuiet()
            let marker = sandbox.directory + "/bundle"
            // A mount outside the rootfs is not visible inside.
            let look = """
                test -e \(marker) && echo escaped
                test $(grep -c ' inner ' /proc/self/mountinfo) = 2 || echo mounted elsewhere
                """
            try sandbox.configure("sh", "-c", look) {
                $0.mounts.append(Mount(destination: "/volume", type: "bind", source: volume, options: ["rbind"]))
                $0.mounts.append(Mount(destination: "/volume/dir", type: "tmpfs", source: "inner"))
                $0.mounts.append(Mount(destination: "/volume/dir/under", type: "tmpfs", source: "inner"))
            }
            let count = "grep -c '\(sandbox.directory)' /proc/self/mountinfo"
            let before = try await shell(count).output
            let (tries, output) = try await race(
                sandbox, volume + "/dir", volume + "/link", seconds: 8,
                checking: "grep '\(sandbox.id)\\| inner ' /proc/self/mountinfo")
            #expect(output == "")
            #expect(tries > 20)
            #expect(try await shell(count).output == before)
        }
    }

    /// The same for a destination that must be created first.
    @Test(arguments: RuntimeUnderTest.all)
    func `CVE-2024-45310: no mount point is created outside`(_ runtime: RuntimeUnderTest) async throws {
        try await withSandbox(runtime) { sandbox in
            let volume = sandbox.directory + "/volume"
            let outside = sandbox.directory + "/outside"
            // The link leads from the container's root back to the host's directory if the root is ever left.
            let up = String(repeating: "../", count: 20)
            try await shell(
                "mkdir -p '\(volume)/dir' '\(outside)'; ln -s '\(up)\(outside.dropFirst())' '\(volume)/link'"
            )
            .expectQuiet()
            try sandbox.configure("true") {
                $0.mounts.append(Mount(destination: "/volume", type: "bind", source: volume, options: ["rbind"]))
                for number in 0..<5 {
                    $0.mounts.append(Mount(destination: "/volume/dir/made\(number)/x", type: "tmpfs", source: "inner"))
                }
            }
            let (tries, output) = try await race(
                sandbox, volume + "/dir", volume + "/link", seconds: 8, checking: "ls -A '\(outside)'")
            // runc before 1.1.14 sometimes loses the race.
            if runtime.isOurs { #expect(output == "") }
            #expect(tries > 20)
        }
    }

    /// The null device that masks paths is swapped with a link to a valuable file.
    @Test(arguments: RuntimeUnderTest.ours)
    func `CVE-2025-31133: a file swapped with the null device is not mounted`(_ runtime: RuntimeUnderTest) async throws
    {
        try await withSandbox(runtime) { sandbox in
            let devices = sandbox.directory + "/dev"
            try await shell(
                """
                mkdir -p '\(devices)/pts' '\(devices)/shm' '\(devices)/mqueue'
                mknod -m 666 '\(devices)/null' c 1 3; ln -s /proc/sys/kernel/core_pattern '\(devices)/link'
                """
            ).expectQuiet()
            try sandbox.configure("sh", "-c", "mount | grep -v ' /dev' | grep core_pattern; cat /proc/timer_list") {
                $0.mounts.removeAll { $0.destination.hasPrefix("/dev") }
                $0.mounts.append(Mount(destination: "/dev", type: "bind", source: devices, options: ["rbind"]))
            }
            let (tries, output) = try await race(
                sandbox, devices + "/null", devices + "/link", seconds: 8, checking: ":")
            #expect(output == "")
            #expect(tries > 20)
        }
    }

    /// The pid of a container's init belongs to another process now.
    @Test(arguments: RuntimeUnderTest.all)
    func `a process with the reused pid of an init is left alone`(
        _ runtime: RuntimeUnderTest
    ) async throws {
        try await withSandbox(runtime) { sandbox in
            try sandbox.configure("true")
            #expect(try await sandbox.startDetached().status == 0)
            try await sandbox.wait(for: "stopped")
            // In a later tick of the clock than the init, because the kernel does not reuse a pid within one tick.
            let started = try await shell("sleep 0.05; sleep 100 >/dev/null 2>&1 & echo $!")
            let bystander = try #require(started.lines.first)
            let path = sandbox.state + "/" + sandbox.id + "/state.json"
            let record = try String(contentsOfFile: path, encoding: .utf8)
            let key = runtime.isOurs ? "pid" : "init_process_pid"
            let changed = try record.replacing(Regex("\"\(key)\":[0-9]+"), with: "\"\(key)\":\(bystander)")
            #expect(changed != record)
            try sandbox.write(path, changed)
            let killed = try await sandbox.call("kill", sandbox.id, "KILL")
            #expect(killed.status == 1)
            #expect(killed.errors.contains("container not running"))
            #expect(try await sandbox.call("exec", sandbox.id, "true").status == 255)
            #expect(try await sandbox.call("delete", "--force", sandbox.id).status == 0)
            #expect(try await shell("kill \(bystander)").status == 0)
        }
    }

    @Test(arguments: RuntimeUnderTest.ours)
    func `a hundred thousand mounts of which the last is wrong are refused at once`(
        _ runtime: RuntimeUnderTest
    ) async throws {
        try await withSandbox(runtime) { sandbox in
            try sandbox.configure("true")
            let path = sandbox.bundle + "/config.json"
            let mount = #"{"destination":"/m","type":"tmpfs","source":"m"}"#
            let mounts = Array(repeating: mount, count: 100_000).joined(separator: ",")
            let config = try String(contentsOfFile: path, encoding: .utf8)
            try sandbox.write(
                path, config.replacing(/"mounts": \[/, with: "\"mounts\": [\(mounts),{\"destination\":\"/proc/x\"},"))
            let start = ContinuousClock.now
            let outcome = try await sandbox.run()
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains("mounts[100000]"))
            #expect(ContinuousClock.now - start < .seconds(5))
        }
    }
}

extension Outcome {
    fileprivate func expectQuiet() { #expect(status == 0, "\(errors)") }
}
