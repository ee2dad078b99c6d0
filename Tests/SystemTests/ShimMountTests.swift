// Mounts in a root filesystem whose links come from an image, and their removal.

import Foundation
import Glibc
import ShimAPI
import SwiftProtobuf
import TTRPC
import Testing

extension ShimCallTests {
    /// A mount's target, and its resolved place in the root filesystem; nil if it is refused.
    struct TargetCase: Sendable, CustomTestStringConvertible {
        var target: String
        var place: String?
        var testDescription: String { target }

        static let all = [
            TargetCase(target: "data", place: "data"),
            TargetCase(target: "/data/../data/", place: "data"),
            TargetCase(target: "absolute", place: "data"),
            TargetCase(target: "../../data", place: "data"),
            TargetCase(target: "up", place: "data"),
            TargetCase(target: "outside"), TargetCase(target: "outside/deeper"), TargetCase(target: "nothing"),
        ]
    }

    @Test(arguments: TargetCase.all, ["plain", "bind"])
    func `a mount's target is resolved inside the root file system`(_ target: TargetCase, base: String) async throws {
        try await withShim("c1", "true") { host, shim in
            try makeImage(host, base: base)
            var request = create("c1", host)
            if base == "bind" { request.rootfs.append(bind(host.directory + "/image", ["rbind"])) }
            request.rootfs.append(tmpfs(on: target.target))
            let before = mounts(host).filter { $0.contains(host.directory) }
            #expect(before == [])
            if let place = target.place {
                let _: TaskCreateResponse = try await shim.ask("Create", request)
                #expect(mounts(host).contains { $0.contains(" \(host.directory)/c1/rootfs/\(place) ") })
                #expect(!mounts(host).contains { $0.contains("/outside") || $0.contains("/rootfs.mount") })
                let _: TaskStartResponse = try await shim.ask("Start", process("c1"))
                let _: TaskWaitResponse = try await shim.ask("Wait", process("c1"))
                let _: TaskDeleteResponse = try await shim.ask("Delete", process("c1"))
            } else {
                #expect(
                    try await shim.refusal("Create", request)?.message.contains("no such file or directory") == true)
            }
            #expect(mounts(host) == [])
            #expect(access(host.directory + "/c1/rootfs.mount", F_OK) != 0)
        }
    }

    @Test func `mounts are cleaned up after a shim that was killed`() async throws {
        let host = try ShimHost()
        try await host.listen()
        let result = try await host.start("c1", in: host.makeBundle("c1", "sleep 1000"))
        let shim = try await host.connect(result.address)
        try makeImage(host, base: "bind")
        var request = create("c1", host)
        request.rootfs = [bind(host.directory + "/image", ["rbind"]), tmpfs(on: "absolute"), tmpfs(on: "data")]
        let created: TaskCreateResponse = try await shim.ask("Create", request)
        #expect(mounts(host).count == 3)
        let connected: TaskConnectResponse = try await shim.ask("Connect", container("c1"))
        Glibc.kill(pid_t(connected.shimPid), SIGKILL)
        // The state that a shim leaves if it is killed while it mounts.
        mkdir(host.directory + "/c1/rootfs.mount", 0o700)
        #expect(mount("none", host.directory + "/c1/rootfs.mount", "tmpfs", 0, nil) == 0)
        let output = try await host.run(
            ContainerdHost.checkout + "/.build/dist/swift-shim",
            ["-namespace", "tests", "-id", "c1", "-bundle", host.directory + "/c1", "delete"],
            in: host.directory + "/c1")
        #expect(try TaskDeleteResponse(serializedBytes: output).pid == created.pid)
        #expect(mounts(host) == [])
        try await host.end()
    }

    @Test func `mounts go with their bundle, and what lies at its old place stays`() async throws {
        try await withShim("c1", "true") { host, shim in
            try makeImage(host, base: "bind")
            var request = create("c1", host)
            request.rootfs = [bind(host.directory + "/image", ["rbind"])]
            let _: TaskCreateResponse = try await shim.ask("Create", request)
            let _: TaskStartResponse = try await shim.ask("Start", process("c1"))
            let _: TaskWaitResponse = try await shim.ask("Wait", process("c1"))
            let (old, new) = (host.directory + "/c1", host.directory + "/moved")
            #expect(rename(old, new) == 0)
            #expect(mkdir(old, 0o755) == 0 && mkdir(old + "/rootfs", 0o755) == 0)
            #expect(mount("none", old + "/rootfs", "tmpfs", 0, nil) == 0)
            let _: TaskDeleteResponse = try await shim.ask("Delete", process("c1"))
            let left = mounts(host)
            #expect(left.count == 1 && left.first?.contains(" \(old)/rootfs ") == true)
            #expect(umount(old + "/rootfs") == 0)
            #expect(rmdir(old + "/rootfs") == 0 && rmdir(old) == 0 && rename(new, old) == 0)
        }
    }

    @Test func `a root file system that is a link gets no mount`() async throws {
        try await withShim("c1", "true") { host, shim in
            try makeImage(host, base: "bind")
            let rootfs = host.directory + "/c1/rootfs"
            #expect(symlink(host.directory + "/outside", rootfs) == 0)
            var request = create("c1", host)
            request.rootfs = [bind(host.directory + "/image", ["rbind"])]
            #expect(try await shim.refusal("Create", request)?.message.contains("open \(rootfs): ") == true)
            #expect(mounts(host) == [])
            #expect(unlink(rootfs) == 0)
        }
    }

    /// The options of a bind mount, and the resulting flags; nil if it is refused.
    struct BindCase: Sendable, CustomTestStringConvertible {
        var options: [String]
        var flags: [String]?
        var testDescription: String { options.joined(separator: " ") }

        static let all = [
            BindCase(options: ["rbind"], flags: ["rw"]),
            BindCase(options: ["rbind", "ro"], flags: ["ro"]),
            BindCase(options: ["bind", "nosuid", "nodev", "noatime"], flags: ["rw", "nosuid", "nodev", "noatime"]),
            BindCase(options: ["bind", "nosymfollow", "rw"], flags: ["rw", "nosymfollow"]),
            BindCase(options: ["rbind", "ro", "X-containerd.custom=1"], flags: ["ro"]),
            BindCase(options: ["rbind", "ro,nosuid"]), BindCase(options: ["rbind,ro"]),
            BindCase(options: ["rbind", "rro"]), BindCase(options: ["rbind", "read-only"]),
        ]
    }

    @Test(arguments: BindCase.all)
    func `a bind mount has all protecting options, or is refused`(_ options: BindCase) async throws {
        try await withShim("c1", "true") { host, shim in
            try makeImage(host, base: "bind")
            var request = create("c1", host)
            request.rootfs = [bind(host.directory + "/image", options.options)]
            if let flags = options.flags {
                let _: TaskCreateResponse = try await shim.ask("Create", request)
                let words = try #require(mounts(host).first?.split(separator: " ").dropFirst(5).first).split(
                    separator: ","
                )
                .map(String.init)
                #expect(Set(flags).isSubset(of: words), "\(words)")
                let _: TaskDeleteResponse = try await shim.ask("Delete", process("c1"))
            } else {
                #expect(try await shim.refusal("Create", request) != nil)
            }
            #expect(mounts(host) == [])
        }
    }

    @Test func `an overlay whose layers exceed a page is mounted`() async throws {
        try await withShim("c1", "cat /layer-126 && test -e /layer-0 && exit 5") { host, shim in
            let name = String(repeating: "x", count: 70)
            let other = "/var" + host.directory
            defer { try? FileManager.default.removeItem(atPath: other) }
            let layers = (0..<127).map { ($0 % 2 == 0 ? host.directory : other) + "/\(name)/\($0)" }
            for (number, layer) in layers.enumerated() {
                try FileManager.default.createDirectory(atPath: layer, withIntermediateDirectories: true)
                try "\(number)".write(toFile: layer + "/layer-\(number)", atomically: false, encoding: .utf8)
            }
            symlinkApplets(["cat", "test"], host)
            for entry in ["bin", "proc", "sys", "dev"] {
                rename(host.directory + "/c1/rootfs/" + entry, layers[0] + "/" + entry)
            }
            var request = create("c1", host)
            request.rootfs = [
                TaskMount.with {
                    $0.type = "overlay"
                    $0.source = "overlay"
                    $0.options = ["lowerdir=" + layers.joined(separator: ":"), "index=off", "nosuid"]
                }
            ]
            let _: TaskCreateResponse = try await shim.ask("Create", request)
            #expect(mounts(host).first?.contains("nosuid") == true)
            let _: TaskStartResponse = try await shim.ask("Start", process("c1"))
            let waited: TaskWaitResponse = try await shim.ask("Wait", process("c1"))
            #expect(waited.exitStatus == 5)
            let _: TaskDeleteResponse = try await shim.ask("Delete", process("c1"))
            #expect(mounts(host) == [])
        }
    }

    // MARK: bundles

    /// Creates links in the root filesystem that lead out of it, unless they are resolved inside; `bind` moves it to
    /// a source for bind mounts.
    private func makeImage(_ host: ShimHost, base: String) throws {
        let rootfs = host.directory + "/c1/rootfs"
        for name in ["/outside", "/outside/deeper", "/data"] { mkdir(host.directory + name, 0o755) }
        mkdir(rootfs + "/data", 0o755)
        symlink("/data", rootfs + "/absolute")
        symlink("../../data", rootfs + "/up")
        symlink(host.directory + "/outside", rootfs + "/outside")
        symlinkApplets(["sleep", "true"], host)
        if base == "bind" { rename(rootfs, host.directory + "/image") }
    }

    private func bind(_ source: String, _ options: [String]) -> TaskMount {
        .with { mount in
            mount.type = "bind"
            mount.source = source
            mount.options = options
        }
    }

    private func tmpfs(on target: String) -> TaskMount {
        .with { mount in
            mount.type = "tmpfs"
            mount.source = "tmpfs"
            mount.target = target
            mount.options = ["nosuid", "size=64k"]
        }
    }

    /// The host's mounts that concern a test.
    func mounts(_ host: ShimHost) -> [String] {
        // Foundation mistakes a short read for the end of the file.
        let file = open("/proc/self/mountinfo", O_RDONLY)
        defer { close(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = read(file, &buffer, buffer.count), count > 0 { bytes += buffer[..<count] }
        let table = String(decoding: bytes, as: UTF8.self)
        return table.split(separator: "\n").map(String.init).filter { $0.contains(host.directory) }
    }
}

// MARK: files that are mounted as disks

extension ShimCallTests {
    /// A root file system in a file, and whether it can be used.
    struct DiskCase: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var options = ["loop"]
        var hasFilesystem = true
        /// A second mount, which fails.
        var second: TaskMount?
        var problem: String?

        static let all = [
            DiskCase(testDescription: "to be written to"),
            DiskCase(testDescription: "to be read", options: ["ro", "loop", "X-containerd.mkfs.size=8MiB"]),
            DiskCase(testDescription: "without a file system", hasFilesystem: false, problem: "invalid argument"),
            DiskCase(
                testDescription: "before a mount that fails",
                second: .with { ($0.type, $0.source, $0.options) = ("overlay", "overlay", ["lowerdir=/no"]) },
                problem: "no such file or directory"),
            DiskCase(
                testDescription: "with an unknown option", options: ["loop", "nosuch"], problem: "invalid argument"),
        ]
    }

    static let missingForDisks: String? = ["/dev/loop-control", "/usr/sbin/mkfs.ext4"].first { (path: String) in
        access(path, F_OK) != 0
    }

    /// Files of a test behind loop devices, wherever they lie.
    func loops(_ host: ShimHost) -> [String] {
        let devices = (try? FileManager.default.contentsOfDirectory(atPath: "/sys/block")) ?? []
        return devices.compactMap { name in
            try? String(contentsOfFile: "/sys/block/\(name)/loop/backing_file", encoding: .utf8)
        }.filter { $0.contains(host.directory.dropFirst(5)) }
    }

    @Test(
        .enabled(if: missingForDisks == nil, "\(missingForDisks ?? "") is not there"), arguments: DiskCase.all)
    func `a file is mounted by a loop device, which is free in the end`(_ row: DiskCase) async throws {
        try await withShim("c1", "exit 5") { host, shim in
            let disk = host.directory + "/disk"
            _ = try await host.run("/usr/bin/truncate", ["-s", "16M", disk], in: host.directory)
            if row.hasFilesystem {
                _ = try await host.run(
                    "/usr/sbin/mkfs.ext4", ["-q", "-d", host.directory + "/c1/rootfs", disk], in: host.directory)
            }
            var request = create("c1", host)
            request.rootfs = [.with { ($0.type, $0.source, $0.options) = ("ext4", disk, row.options) }]
            if let second = row.second { request.rootfs.append(second) }
            if let problem = row.problem {
                #expect(try await shim.refusal("Create", request)?.message.hasSuffix(problem) == true)
            } else {
                let _: TaskCreateResponse = try await shim.ask("Create", request)
                #expect(loops(host).count == 1)
                let _: TaskStartResponse = try await shim.ask("Start", process("c1"))
                let waited: TaskWaitResponse = try await shim.ask("Wait", process("c1"))
                #expect(waited.exitStatus == 5)
                let _: TaskDeleteResponse = try await shim.ask("Delete", process("c1"))
            }
            #expect(mounts(host) == [])
            try await eventually("the device is free") { loops(host).isEmpty }
        }
    }
}
