// Root file systems that are images of erofs, and directories that a mount needs.

import Foundation
import Glibc
import ShimAPI
import SwiftProtobuf
import TTRPC
import Testing

extension ShimCallTests {
    /// Where an image lies, and how it is mounted.
    struct ImageCase: Sendable, CustomTestStringConvertible {
        var testDescription: String
        /// On this file system: a disk's, or memory, whose files the kernel mounts only behind loop devices.
        var directory = "/tmp"
        var options = ["ro", "loop"]
        /// Whether the data lie in a second file.
        var isSplit = false
        var isMapped = false
        var problem: String?

        static let all = [
            ImageCase(testDescription: "one file"), ImageCase(testDescription: "data in a second file", isSplit: true),
            ImageCase(testDescription: "one file without loop", options: ["ro"]),
            ImageCase(testDescription: "one file in memory", directory: "/dev/shm"),
            ImageCase(testDescription: "two files in memory", directory: "/dev/shm", isSplit: true),
            ImageCase(
                testDescription: "two files, read directly", options: ["ro", "loop", "direct-io"], isSplit: true),
            ImageCase(testDescription: "ids mapped", isMapped: true),
            ImageCase(
                testDescription: "an unknown option", options: ["ro", "loop", "nosuch"], problem: "invalid argument"),
            ImageCase(
                testDescription: "a second file that is missing", directory: "/dev/shm",
                options: ["ro", "loop", "device=/nowhere"], problem: "open /nowhere: no such file or directory"),
            ImageCase(
                testDescription: "verification", options: ["ro", "X-containerd.dmverity=/m"],
                problem: "images are not verified here, only by containerd's mount manager"),
        ]
    }

    private static let missingForImages: String? = {
        if access("/usr/bin/mkfs.erofs", F_OK) != 0 { return "/usr/bin/mkfs.erofs" }
        let kinds = (try? String(contentsOfFile: "/proc/filesystems", encoding: .utf8)) ?? ""
        return kinds.contains("erofs") ? missingForDisks : "erofs in this kernel"
    }()

    /// An image of a container's root file system; with a second file for its data it needs an option.
    private func makeImage(_ row: ImageCase, _ host: ShimHost) async throws -> (path: String, options: [String]) {
        let place = row.directory == "/tmp" ? host.directory : row.directory + "/" + host.directory.dropFirst(5)
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        let (image, data) = (place + "/image", place + "/data")
        let split = row.isSplit ? ["--chunksize=4096", "--blobdev=" + data] : []
        if row.isSplit { _ = FileManager.default.createFile(atPath: data, contents: nil) }
        _ = try await host.run(
            "/usr/bin/mkfs.erofs", split + [image, host.directory + "/c1/rootfs"], in: host.directory)
        return (image, row.isSplit ? ["device=" + data] : [])
    }

    @Test(.enabled(if: missingForImages == nil, "\(missingForImages ?? "") is not there"), arguments: ImageCase.all)
    func `an image of erofs is mounted, and no loop device is left`(_ row: ImageCase) async throws {
        try await withShim("c1", "exit 5") { host, shim in
            let (image, more) = try await makeImage(row, host)
            defer {
                if row.directory != "/tmp" {
                    try? FileManager.default.removeItem(atPath: (image as NSString).deletingLastPathComponent)
                }
            }
            let maps = row.isMapped ? ["uidmap=0:100000:65536", "gidmap=0:100000:65536"] : []
            var request = create("c1", host)
            request.rootfs = [.with { ($0.type, $0.source, $0.options) = ("erofs", image, row.options + more + maps) }]
            if let problem = row.problem {
                let message = try await shim.refusal("Create", request)?.message ?? "no refusal"
                #expect(message.hasSuffix(problem), "\(message)")
            } else {
                let _: TaskCreateResponse = try await shim.ask("Create", request)
                #expect(mounts(host).contains { $0.contains(" - erofs ") })
                var status = stat()
                #expect(stat(host.directory + "/c1/rootfs/bin/sh", &status) == 0)
                #expect(status.st_uid == (row.isMapped ? 100_000 : 0))
                if !row.isMapped {
                    let _: TaskStartResponse = try await shim.ask("Start", process("c1"))
                    let waited: TaskWaitResponse = try await shim.ask("Wait", process("c1"))
                    #expect(waited.exitStatus == 5)
                }
                let _: TaskDeleteResponse = try await shim.ask("Delete", process("c1"))
            }
            #expect(mounts(host) == [])
            try await eventually("the devices are free") { loops(host).isEmpty }
        }
    }

    /// Milliseconds after the call of Create, and nil for after its answer.
    @Test(
        .enabled(if: missingForImages == nil, "\(missingForImages ?? "") is not there"),
        arguments: [nil, 0, 1, 2, 4, 8, 16] as [Int?])
    func `loop devices are free after a shim that was killed`(_ moment: Int?) async throws {
        let host = try ShimHost()
        try await host.listen()
        let bundle = try await host.makeBundle("c1", "sleep 1000")
        symlinkApplets(["sleep"], host)
        let row = ImageCase(testDescription: "two files", options: ["ro", "loop", "direct-io"], isSplit: true)
        let (image, more) = try await makeImage(row, host)
        let result = try await host.start("c1", in: bundle)
        let shim = try await host.connect(result.address)
        let connected: TaskConnectResponse = try await shim.ask("Connect", container("c1"))
        var request = create("c1", host)
        request.rootfs = [.with { ($0.type, $0.source, $0.options) = ("erofs", image, row.options + more) }]
        async let created = shim.call("Create", request)
        if let moment {
            try await Task.sleep(for: .milliseconds(moment))
        } else {
            #expect(try await created.get() != [])
            #expect(loops(host).count == 2)
        }
        Glibc.kill(pid_t(connected.shimPid), SIGKILL)
        _ = try await created
        try await eventually("the shim is gone") { !ContainerdHost.isAlive(pid_t(connected.shimPid)) }
        _ = try await host.delete("c1", in: bundle)
        #expect(mounts(host) == [])
        try await eventually("the devices are free") { loops(host).isEmpty }
        try await host.end()
    }

    @Test func `directories for a mount are made before it`() async throws {
        try await withShim("c1", "echo >/written && exit 5") { host, shim in
            let (upper, work, other) = (
                host.directory + "/new/upper", host.directory + "/new/work", host.directory + "/new/other"
            )
            rename(host.directory + "/c1/rootfs", host.directory + "/image")
            mkdir(host.directory + "/new", 0o755)
            mkdir(work, 0o755)
            var request = create("c1", host)
            request.rootfs = [
                .with { mount in
                    (mount.type, mount.source) = ("mkdir/overlay", "overlay")
                    mount.options = [
                        "X-containerd.mkdir.path=\(upper):0755", "X-containerd.mkdir.path=\(work)",
                        "X-containerd.mkdir.path=\(other):0751:1:2",
                        "lowerdir=\(host.directory)/image", "upperdir=\(upper)", "workdir=\(work)",
                    ]
                }
            ]
            try host.change(host.directory + "/c1") { $0["root"] = ["path": "rootfs"] }
            let _: TaskCreateResponse = try await shim.ask("Create", request)
            var status = stat()
            #expect(
                stat(other, &status) == 0 && status.st_uid == 1 && status.st_gid == 2
                    && status.st_mode & 0o7777 == 0o751)
            let _: TaskStartResponse = try await shim.ask("Start", process("c1"))
            let waited: TaskWaitResponse = try await shim.ask("Wait", process("c1"))
            #expect(waited.exitStatus == 5)
            let _: TaskDeleteResponse = try await shim.ask("Delete", process("c1"))
            #expect(access(upper + "/written", F_OK) == 0)
            #expect(mounts(host) == [])
        }
    }
}
