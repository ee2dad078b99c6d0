// Features of podman only: pods, user namespaces, and its queries of a runtime.

import Foundation
import Testing

extension EngineTests {
    @Suite(.serialized) struct Podman {
        @Test(arguments: EngineStack.podman)
        func `containers of a pod share what a pod shares`(_ stack: EngineStack) async throws {
            try await withEngine(stack) { engine in
                let made = try await engine.call(
                    ["pod", "create", "--name", "pod"] + engine.choice
                        + ["--infra-image", EngineHost.image, "--infra-command", "/bin/sleep 1000"])
                #expect(made.status == 0, "\(made.errors)")
                let id = made.output.trimmingCharacters(in: .newlines)
                try await engine.detach("first", "--pod", "pod", shell: "echo words >/dev/shm/words; sleep 1000")
                try await engine.detach("second", "--pod", "pod", shell: "sleep 1000")
                for kind in ["net", "ipc", "uts"] {
                    let first = try await engine.exec("first", "readlink /proc/self/ns/\(kind)").output
                    #expect(try await engine.exec("second", "readlink /proc/self/ns/\(kind)").output == first)
                }
                #expect(try await engine.exec("second", "cat /dev/shm/words").output == "words\n")
                #expect(try await engine("pod", "rm", "-f", "-t", "0", "pod").status == 0)
                // podman 4.3 leaves the pod's own cgroup, which is empty after its containers are removed.
                _ = try await shell("find /sys/fs/cgroup -depth -type d -path '*/\(id)*' -exec rmdir {} +")
            }
        }

        @Test(arguments: EngineStack.podman)
        func `ids are mapped, of files too`(_ stack: EngineStack) async throws {
            try await withEngine(stack) { engine in
                let outcome = try await engine.run(
                    "--uidmap", "0:100000:2000", "--gidmap", "0:200000:2000",
                    shell: """
                        awk '{ print $1, $2, $3 }' /proc/self/uid_map /proc/self/gid_map
                        stat -c '%u %g' /bin; id -u
                        """)
                #expect(outcome.output == "0 100000 2000\n0 200000 2000\n0 0\n0\n")
                #expect(outcome.errors == "")
            }
        }

        @Test(arguments: EngineStack.podman)
        func `podman recognises the runtime and its limits`(_ stack: EngineStack) async throws {
            try await withEngine(stack) { engine in
                let format = "{{.Host.OCIRuntime.Name}} {{.Host.OCIRuntime.Version}}"
                let name = try await engine("info", "--format", format)
                #expect(name.output.hasPrefix("\(stack.runtime) \(stack.runtime) version "), "\(name.output)")
                // A sleep of busybox ends when it is restored: the kernel reports an interruption.
                try await engine.detach("first", shell: "while true; do sleep 1; done")
                let checkpoint = try await engine("container", "checkpoint", "first")
                if checkpoint.status == 0 {
                    #expect(try await engine.inspect("first", ".State.Status") == "exited")
                    let restore = try await engine("container", "restore", "first")
                    #expect(restore.status == 0, "\(restore.errors)")
                } else {
                    // Without a criu that can run on this kernel.
                    #expect(checkpoint.errors.contains("heckpoint"), "\(checkpoint.errors)")
                }
                #expect(try await engine.inspect("first", ".State.Status") == "running")
            }
        }
    }
}
