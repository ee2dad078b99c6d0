// Detection of OOM kills, in a tree of files as the kernel and systemd leave it.

import Cgroups
import Glibc
import Kernel
import Testing

struct OOMKillDetectorTests {
    /// A slice with a scope in it, which systemd may remove.
    private final class Tree {
        let root: String
        var slice: String { root + "/a.slice" }
        var scope: String { slice + "/web.scope" }

        init() throws {
            var name = Array("/tmp/lack-of-memory-XXXXXX".utf8CString)
            try #require(mkdtemp(&name) != nil)
            root = String(decoding: name.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
            try #require(mkdir(slice, 0o755) == 0)
            try #require(mkdir(scope, 0o755) == 0)
        }

        func write(_ path: String, _ text: String) throws {
            let file = try #require(fopen(path, "w"))
            fputs(text, file)
            fclose(file)
        }

        func removeScope() {
            for file in ["memory.events", "memory.max", "memory.peak"] { unlink("\(scope)/\(file)") }
            rmdir(scope)
        }

        deinit {
            removeScope()
            unlink("\(slice)/memory.events")
            rmdir(slice)
            rmdir(root)
        }

        func cgroup(_ driver: CgroupDriver) -> Cgroup {
            Cgroup(
                CgroupLocation(
                    driver: driver, hierarchy: .unified,
                    directories: [CgroupDirectory(controllers: ["unified"], mount: root, path: "/a.slice/web.scope")],
                    unit: driver == .systemd ? "web.scope" : nil))
        }
    }

    @Test(arguments: [CgroupDriver.cgroupfs, .systemd])
    func `is counted by the cgroup itself`(_ driver: CgroupDriver) throws {
        let tree = try Tree()
        try tree.write(tree.scope + "/memory.max", "4096\n")
        try tree.write(tree.scope + "/memory.peak", "4000\n")
        try tree.write(tree.scope + "/memory.events", "max 3\noom 1\noom_kill 0\n")
        let memory = OOMKillDetector(watching: tree.cgroup(driver))
        #expect(memory.use() == nil)
        try tree.write(tree.scope + "/memory.events", "max 3\noom 1\noom_kill 1\n")
        #expect(memory.use() == MemoryUse(limit: 4_096, current: nil, peak: 4_000))
    }

    @Test func `is counted by the slice if systemd has removed the scope`() throws {
        let tree = try Tree()
        try tree.write(tree.scope + "/memory.max", "4096\n")
        try tree.write(tree.slice + "/memory.events", "oom_kill 7\n")
        let memory = OOMKillDetector(watching: tree.cgroup(.systemd))
        tree.removeScope()
        #expect(memory.use() == nil)
        try tree.write(tree.slice + "/memory.events", "oom_kill 8\n")
        #expect(memory.use() == MemoryUse(limit: 4_096, current: nil, peak: nil))
    }

    @Test func `is reported with the limit that was going to be set`() throws {
        let tree = try Tree()
        tree.removeScope()
        let memory = OOMKillDetector(watching: tree.cgroup(.systemd), limit: 8_192)
        try tree.write(tree.slice + "/memory.events", "oom_kill 1\n")
        #expect(memory.use() == MemoryUse(limit: 8_192, current: nil, peak: nil))
    }

    @Test func `of others in the slice is ignored if only swiftrun removes the cgroup`() throws {
        let tree = try Tree()
        try tree.write(tree.slice + "/memory.events", "oom_kill 7\n")
        let memory = OOMKillDetector(watching: tree.cgroup(.cgroupfs))
        tree.removeScope()
        try tree.write(tree.slice + "/memory.events", "oom_kill 8\n")
        #expect(memory.use() == nil)
    }
}
