// What Task.Update carries besides limits: mounts, and how memory is lowered.

import Foundation
import Glibc
import ShimAPI
import SwiftProtobuf
import TTRPC
import Testing

extension ShimCallTests {
    /// An update, with annotations that only our runtime understands.
    private func update(_ annotations: [String: String], _ resources: String = "") -> TaskUpdateRequest {
        .with { request in
            request.id = "c1"
            request.annotations = annotations
            if resources.isEmpty { return }
            request.resources.typeURL = "types.containerd.io/opencontainers/runtime-spec/1/LinuxResources"
            request.resources.value = Data(resources.utf8)
        }
    }

    @Test func `mounts come and go by the annotations of an update`() async throws {
        try await withShim("c1", "sleep 1000") { host, shim in
            symlinkApplets(["sleep"], host)
            let source = host.directory + "/source"
            try FileManager.default.createDirectory(atPath: source, withIntermediateDirectories: true)
            mkdir(host.directory + "/c1/rootfs/data", 0o755)
            let created: TaskCreateResponse = try await shim.ask("Create", create("c1", host))
            let _: TaskStartResponse = try await shim.ask("Start", process("c1"))
            func mounted() -> Bool {
                let table = String(decoding: contents("/proc/\(created.pid)/mountinfo"), as: UTF8.self)
                return table.contains(" /data ")
            }
            let add = #"[{"destination": "/data", "type": "bind", "source": "\#(source)", "options": ["bind", "ro"]}]"#
            try await shim.tell("Update", update(["org.swiftrun.mounts.add": add]))
            #expect(mounted())
            let message = try await shim.refusal("Update", update(["org.swiftrun.mounts.add": "[{"]))?.message
            #expect(message?.hasPrefix("OCI runtime mounts failed: ") == true, "\(message ?? "")")
            // The limits come first: where they are refused, no mount is touched.
            let both = update(["org.swiftrun.mounts.remove": #"[{"destination": "/data"}]"#], #"{"pids": 1}"#)
            #expect(try await shim.refusal("Update", both)?.message.hasPrefix("OCI runtime update failed: ") == true)
            #expect(mounted())
            try await shim.tell(
                "Update",
                update(["org.swiftrun.mounts.remove": #"[{"destination": "/data"}]"#], #"{"pids": {"limit": 50}}"#))
            #expect(!mounted())
            #expect(try await shim.refusal("Update", update([:]))?.message == "resources are empty")
            #expect(try await shim.refusal("Update", update(["another": "1"]))?.message == "resources are empty")
            try await remove("c1", shim)
        }
    }

    @Test func `an update's annotation says how long memory may be reclaimed`() async throws {
        try await withShim("c1", "sleep 1000") { host, shim in
            symlinkApplets(["sleep"], host)
            let script = "case \"$*\" in *' update '*) echo \"$*\" >\(host.directory)/words;; esac"
            let _: TaskCreateResponse = try await shim.ask("Create", create("c1", host, runtime: script))
            let resources = #"{"memory": {"limit": 268435456}}"#
            try await shim.tell("Update", update(["org.swiftrun.memory.shrink": "3"], resources))
            let words = try String(contentsOfFile: host.directory + "/words", encoding: .utf8)
            #expect(words.hasSuffix(" update --resources=- --shrink=3 c1\n"), "\(words)")
            let message = try await shim.refusal("Update", update(["org.swiftrun.memory.shrink": "x"], resources))?
                .message
            #expect(message?.hasSuffix("--shrink: expected a number of seconds from 0 to 20, found \"x\"") == true)
            try await remove("c1", shim)
        }
    }

    // Foundation mistakes a short read for the end of the file.
    private func contents(_ path: String) -> [UInt8] {
        let file = open(path, O_RDONLY)
        defer { close(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = read(file, &buffer, buffer.count), count > 0 { bytes += buffer[..<count] }
        return bytes
    }
}
