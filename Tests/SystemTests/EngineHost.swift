// docker or podman of Debian in namespaces of its own: its changes of mounts, networks, /etc, /run and /var/lib end
// with them.

import Foundation
import Glibc
import SystemPackage
import Testing

/// An engine, its shim, and its runtime.
struct EngineStack: Sendable, Hashable, CustomTestStringConvertible {
    enum Engine: String { case docker, podman }
    let engine: Engine
    let runtime: String
    /// docker only: whether its containerd finds our shim in its own directory.
    var hasOurShim = false

    var testDescription: String { "\(engine)\(hasOurShim ? " and swift-shim" : "") with \(runtime)" }
    var isDocker: Bool { engine == .docker }

    /// Our programs, and only others', which reveal a wrong expectation.
    static let all = docker + podman
    static let docker = [
        EngineStack(engine: .docker, runtime: "swiftrun"), EngineStack(engine: .docker, runtime: "runc"),
        EngineStack(engine: .docker, runtime: "swiftrun", hasOurShim: true),
    ]
    static let podman = [
        EngineStack(engine: .podman, runtime: "swiftrun"), EngineStack(engine: .podman, runtime: "runc"),
    ]
}

/// A private environment with one engine; commands select the runtime.
final class EngineHost: @unchecked Sendable {
    // Every property is set before the host is published, except `keeper`, which only `end` changes.
    static let image = "docker.io/library/bb:latest"

    let engine: EngineStack.Engine
    let directory: String
    /// The cgroup below which the engine creates its containers' cgroups.
    let cgroup: String
    private var keeper: pid_t = 0
    /// The host pid of process 1 of the namespaces.
    private var first: pid_t = 0
    /// The namespaces end when this descriptor is closed, even if the tests are killed.
    private var lifeline: Int32 = -1

    /// The reason why these tests cannot run here; nil if they can.
    static var missing: String? {
        let needed = [
            "/usr/sbin/dockerd", "/usr/bin/docker", "/usr/bin/podman", "/usr/bin/conmon", "/usr/bin/tini",
            "/usr/libexec/podman/catatonit",
        ]
        return ContainerdHost.missing ?? needed.first { access($0, X_OK) != 0 }.map { "\($0) is not there" }
    }

    private init(_ stack: EngineStack) throws {
        engine = stack.engine
        let name = "engine-" + UUID().uuidString.prefix(8).lowercased()
        cgroup = name
        directory = "/tmp/" + name
        try FileManager.default.createDirectory(atPath: directory + "/bin", withIntermediateDirectories: true)
        try FileManager.default.createDirectory(atPath: directory + "/store", withIntermediateDirectories: true)
        let built = RuntimeUnderTest.checkout + "/.build/dist/"
        if stack.hasOurShim {
            try FileManager.default.createSymbolicLink(
                atPath: directory + "/bin/containerd-shim-runc-v2", withDestinationPath: built + "swift-shim")
        }
        try FileManager.default.createSymbolicLink(
            atPath: directory + "/bin/containerd-shim-swiftrun-v2", withDestinationPath: built + "swift-shim")
        try write(
            "daemon.json",
            """
            {"runtimes": {"swiftrun": {"path": "\(built)swiftrun"}}, "default-runtime": "swiftrun",
             "cgroup-parent": "/\(cgroup)", "experimental": true}
            """)
        try write(
            "containers.conf",
            """
            [engine]
            cgroup_manager = "cgroupfs"
            events_logger = "file"
            runtime = "swiftrun"
            runtime_supports_json = ["swiftrun", "runc"]
            [engine.runtimes]
            swiftrun = ["\(built)swiftrun"]
            runc = ["/usr/sbin/runc"]
            """)
        try write("keeper", Self.script(directory, daemon: stack.isDocker ? "dockerd >>log 2>&1 &" : ""))
    }

    private static func script(_ directory: String, daemon: String) -> String {
        """
        set -e
        cd \(directory)
        mount -t tmpfs none store
        mkdir store/etc store/work
        mount -t overlay -o lowerdir=/etc,upperdir=store/etc,workdir=store/work none /etc
        mount -t tmpfs none /run
        mount -t tmpfs none /var/lib
        # podman makes directories here for the controllers that there are not.
        if [ ! -e /sys/fs/cgroup/cgroup.controllers ]; then
            mkdir store/cgroup
            mount --rbind /sys/fs/cgroup store/cgroup
            mount -t tmpfs none /sys/fs/cgroup
            for path in store/cgroup/*; do
                if mountpoint -q "$path"; then
                    mkdir "/sys/fs/cgroup/${path##*/}"
                    mount --bind "$path" "/sys/fs/cgroup/${path##*/}"
                elif [ -L "$path" ]; then
                    cp -P "$path" /sys/fs/cgroup/
                fi
            done
            umount -R store/cgroup
        fi
        # Other engines of the machine have their mounts too.
        cp /proc/mounts mounts-before
        ip link set lo up
        mkdir -p /etc/docker /etc/containers
        cp daemon.json /etc/docker/daemon.json
        cp containers.conf /etc/containers/containers.conf
        \(daemon)
        echo ready >ready
        cat >/dev/null
        """
    }

    func write(_ name: String, _ text: String) throws {
        try text.write(toFile: directory + "/" + name, atomically: false, encoding: .utf8)
    }

    func read(_ name: String) -> String {
        (try? String(contentsOfFile: directory + "/" + name, encoding: .utf8)) ?? ""
    }

    // MARK: its life

    /// Creates the namespaces, starts the engine and loads the image.
    static func start(_ stack: EngineStack) async throws -> EngineHost {
        let host = try EngineHost(stack)
        do {
            try host.spawnKeeper()
            try await eventually("\(stack.engine) is ready: \(host.read("log").suffix(400))") {
                host.first = host.children(of: host.keeper).first ?? 0
                return host.first > 0 && host.read("ready") == "ready\n"
            }
            try await eventually("\(stack.engine) answers: \(host.read("log").suffix(400))") {
                try await host.call([stack.engine.rawValue, "info"]).status == 0
            }
            let archive = try await ContainerdImage.shared.archive()
            let loaded = try await host.call([stack.engine.rawValue, "load", "-i", archive])
            try #require(loaded.status == 0, "\(loaded.errors)")
            return host
        } catch {
            await host.end()
            throw error
        }
    }

    private func spawnKeeper() throws {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw Errno(rawValue: errno) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        lifeline = ends[1]
        defer { close(ends[0]) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, ends[0], 0)
        posix_spawn_file_actions_addopen(&actions, 1, directory + "/log", O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        // Process 1 of the namespaces reaps the engine's orphans; the namespaces end with it.
        let arguments = [
            "/usr/bin/unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc", "--kill-child", "/usr/bin/tini",
            "--", "/bin/sh", directory + "/keeper",
        ]
        var words = arguments.map { text in strdup(text) as UnsafeMutablePointer<CChar>? } + [nil]
        var environment = variables.map { text in strdup(text) as UnsafeMutablePointer<CChar>? } + [nil]
        defer { for word in words + environment { free(word) } }
        let code = posix_spawn(&keeper, arguments[0], &actions, nil, &words, &environment)
        if code != 0 { throw Errno(rawValue: code) }
    }

    private var variables: [String] {
        // podman 5 otherwise says with every command that it will not use cgroup v1 for ever.
        [
            "PATH=\(directory)/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=\(directory)",
            "PODMAN_IGNORE_CGROUPSV1_WARNING=1",
        ]
    }

    /// Runs a program in the engine's namespaces.
    func call(_ command: [String], input: String = "") async throws -> Outcome {
        try await execute(
            "/usr/bin/timeout",
            ["180", "/usr/bin/nsenter", "-t", "\(first)", "-m", "-n", "-p", "/usr/bin/env", "-i"] + variables + command,
            input: input)
    }

    /// Kills all processes in the namespaces and removes files outside of them.
    func end() async {
        close(lifeline)
        if first > 0 { kill(first, SIGKILL) }
        if keeper > 0 {
            kill(keeper, SIGKILL)
            var status: Int32 = 0
            waitpid(keeper, &status, 0)
        }
        let script = """
            for try in 1 2 3 4 5 6 7 8 9 10; do
                find /sys/fs/cgroup -depth -type d -path '/sys/fs/cgroup/*/\(cgroup)*' -exec rmdir {} + 2>/dev/null
                [ -n "$(find /sys/fs/cgroup -type d -name '\(cgroup)')" ] || break
                sleep 0.1
            done
            find /sys/fs/cgroup -type d -name '\(cgroup)'
            grep '\(directory)' /proc/mounts
            rm -rf '\(directory)'
            """
        let left = (try? await shell(script))?.output
        if left != "" { Issue.record("\(engine) left on the host: \(left ?? "?")") }
    }

    // MARK: what is there

    private func children(of process: pid_t) -> [pid_t] {
        let text = try? String(contentsOfFile: "/proc/\(process)/task/\(process)/children", encoding: .utf8)
        return (text ?? "").split(separator: " ").compactMap { pid_t($0) }
    }

    /// Traces of containers: processes, mounts, cgroups and the runtimes' records.
    func leftovers() async throws -> [String] {
        let script = """
            for process in /proc/[0-9]*; do
                case $(cat $process/comm 2>/dev/null) in
                *shim*|conmon|sleep|busybox|tini|docker-init|catatonit|swiftrun|runc*|logger)
                    [ $process = /proc/1 ] || echo "process $(tr '\\0' ' ' <$process/cmdline)" ;;
                esac
            done
            grep -E '/merged |/rootfs |/var/run/docker/runtime' /proc/mounts | grep -vxFf '\(directory)/mounts-before'
            find /sys/fs/cgroup -mindepth 3 -type d -path '/sys/fs/cgroup/*/\(cgroup)/*' -not -name conmon
            for root in /run/docker/runtime-runc/moby /run/swiftrun /run/runc; do
                find $root -mindepth 1 -maxdepth 1 -not -name '.*' 2>/dev/null
            done
            find /run/containerd/s -mindepth 1 2>/dev/null
            true
            """
        return try await call(["/bin/sh", "-c", script]).lines
    }
}
