// The resources of a shim after a thousand processes, and root filesystems with mapped ids.

import Foundation
import Glibc
import ShimAPI
import SwiftProtobuf
import TTRPC
import Testing

extension ShimCallTests {
    /// The resources of a process: descriptors, threads, and anonymous memory in KiB.
    struct Weight: Equatable {
        var descriptors: Int
        var threads: Int
        var memory: Int

        init(_ process: pid_t) throws {
            let files = FileManager.default
            descriptors = try files.contentsOfDirectory(atPath: "/proc/\(process)/fd").count
            threads = try files.contentsOfDirectory(atPath: "/proc/\(process)/task").count
            let status = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
            let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("RssAnon:") })
            memory = try #require(line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) })
        }
    }

    @Test func `a thousand processes leave the shim unchanged`() async throws {
        try await withShim("c1", "sleep 100000") { host, shim in
            let _: TaskCreateResponse = try await shim.ask("Create", create("c1", host))
            let _: TaskStartResponse = try await shim.ask("Start", process("c1"))
            let connected: TaskConnectResponse = try await shim.ask("Connect", container("c1"))
            // SHIM_EXECS raises the number for manual runs.
            let count = ProcessInfo.processInfo.environment["SHIM_EXECS"].flatMap { Int($0) } ?? 1000
            try await execute(0..<50, shim)
            let before = try Weight(pid_t(connected.shimPid))
            try await execute(50..<(50 + count), shim)
            let after = try Weight(pid_t(connected.shimPid))
            print("\(count) processes: \(before) then \(after)")
            #expect(after.descriptors == before.descriptors)
            #expect(after.threads == before.threads)
            #expect(after.memory <= before.memory + 128, "KiB")
            let state: TaskStateResponse = try await shim.ask("State", process("c1"))
            #expect(state.status == .running)
            // An event is sent beside the answer to the call.
            let topics = ["/tasks/exec-added", "/tasks/exec-started", "/tasks/exit"]
            for _ in 0..<200 where host.events.filter(topics.contains).count < 3 * (count + 50) {
                try await Task.sleep(for: .milliseconds(100))
            }
            for topic in topics {
                #expect(host.events.filter { $0 == topic }.count == count + 50, "\(topic)")
            }
            try await shim.tell("Kill", kill("c1", SIGKILL))
            let _: TaskWaitResponse = try await shim.ask("Wait", process("c1"))
            let _: TaskDeleteResponse = try await shim.ask("Delete", process("c1"))
        }
    }

    /// Adds processes to the container, four at a time, and waits for the end of each.
    private func execute(_ numbers: Range<Int>, _ shim: ShimConnection) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for lane in 0..<4 {
                group.addTask {
                    for number in numbers where number % 4 == lane {
                        let id = "e\(number)"
                        try await shim.tell("Exec", exec("c1", id, ["/bin/sh", "-c", "exit \(number % 200)"]))
                        let _: TaskStartResponse = try await shim.ask("Start", process("c1", id))
                        let waited: TaskWaitResponse = try await shim.ask("Wait", process("c1", id))
                        #expect(waited.exitStatus == number % 200)
                        let _: TaskDeleteResponse = try await shim.ask("Delete", process("c1", id))
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    @Test(arguments: ["bind", "overlay"])
    func `a root file system appears under mapped ids`(_ type: String) async throws {
        let command = "stat -c '%u:%g' /bin/sh /own; touch /new && stat -c '%u:%g' /new"
        try await withShim("c1", command) { host, shim in
            let image = host.directory + "/image"
            try FileManager.default.moveItem(atPath: host.directory + "/c1/rootfs", toPath: image)
            for name in ["stat", "touch"] { symlink("sh", image + "/bin/" + name) }
            try "x".write(toFile: image + "/own", atomically: false, encoding: .utf8)
            chown(image + "/own", 5, 6)
            // The upper directory is not mapped: its owner is the caller.
            for name in ["upper", "work"] {
                mkdir(host.directory + "/" + name, 0o755)
                chown(host.directory + "/" + name, 100_000, 200_000)
            }
            let maps = ["uidmap=0:100000:1000,1000:300000:10", "gidmap=0:200000:1000"]
            try mapIDs(of: host.directory + "/c1/config.json")
            var request = create("c1", host)
            request.stdout = host.directory + "/out"
            request.stderr = host.directory + "/out"
            mkfifo(request.stdout, 0o600)
            let output = open(request.stdout, O_RDWR | O_NONBLOCK)
            defer { close(output) }
            request.rootfs = [
                TaskMount.with { mount in
                    mount.type = type
                    mount.source = type == "bind" ? image : "overlay"
                    let directory = host.directory
                    mount.options =
                        type == "bind"
                        ? ["rbind", "rw"]
                        : ["workdir=\(directory)/work", "upperdir=\(directory)/upper", "lowerdir=\(image)"]
                    mount.options += maps
                }
            ]
            let _: TaskCreateResponse = try await shim.ask("Create", request)
            let _: TaskStartResponse = try await shim.ask("Start", process("c1"))
            let waited: TaskWaitResponse = try await shim.ask("Wait", process("c1"))
            #expect(waited.exitStatus == 0)
            let _: TaskDeleteResponse = try await shim.ask("Delete", process("c1"))
            var buffer = [UInt8](repeating: 0, count: 4096)
            let length = read(output, &buffer, buffer.count)
            #expect(String(decoding: buffer.prefix(max(0, length)), as: UTF8.self) == "0:0\n5:6\n0:0\n")
            var status = stat()
            lstat(type == "bind" ? image + "/new" : host.directory + "/upper/new", &status)
            #expect(status.st_uid == (type == "bind" ? 0 : 100_000))
            #expect(!FileManager.default.fileExists(atPath: host.directory + "/c1/rootfs.lower"))
            let mounts = try String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8)
            #expect(!mounts.contains(host.directory))
        }
    }

    @Test func `invalid maps are reported`() async throws {
        try await withShim("c1", "true") { host, shim in
            var request = create("c1", host)
            request.rootfs = [
                TaskMount.with { mount in
                    mount.type = "bind"
                    mount.source = host.directory
                    mount.options = ["rbind", "uidmap=0:1:1"]
                }
            ]
            #expect(
                try await shim.refusal("Create", request)
                    == Status(.unknown, "mount options uidmap and gidmap need one another"))
            request.rootfs[0].options = ["rbind", "uidmap=0:1:2,1:4:1", "gidmap=0:1:1"]
            #expect(
                try await shim.refusal("Create", request)
                    == Status(.unknown, "map ids 0 1 2, 1 4 1, 0 1 1: invalid argument"))
            request.rootfs[0].type = "overlay"
            request.rootfs[0].options = [
                "lowerdir=\(host.directory)/c1:\(host.directory)/nothing", "uidmap=0:1:1", "gidmap=0:1:1",
            ]
            #expect(
                try await shim.refusal("Create", request)
                    == Status(.unknown, "map the ids of \(host.directory)/nothing: no such file or directory"))
            #expect(!FileManager.default.fileExists(atPath: host.directory + "/c1/rootfs.lower"))
            let mounts = try String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8)
            #expect(!mounts.contains(host.directory))
        }
    }

    private func mapIDs(of file: String) throws {
        let object = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: file)))
        var spec = try #require(object as? [String: Any])
        var linux = try #require(spec["linux"] as? [String: Any])
        let namespaces = try #require(linux["namespaces"] as? [[String: Any]])
        linux["namespaces"] = namespaces + [["type": "user"]]
        linux["uidMappings"] = [
            ["containerID": 0, "hostID": 100_000, "size": 1000], ["containerID": 1000, "hostID": 300_000, "size": 10],
        ]
        linux["gidMappings"] = [["containerID": 0, "hostID": 200_000, "size": 1000]]
        spec["linux"] = linux
        var root = try #require(spec["root"] as? [String: Any])
        root["readonly"] = false
        spec["root"] = root
        try JSONSerialization.data(withJSONObject: spec).write(to: URL(fileURLWithPath: file))
    }
}
