// Processes that wait for memory or are refused it, by files of cgroup v1 as the kernel writes them.

import Cgroups
import Glibc
import Testing

struct MemoryWaitTests {
    private struct State: CustomTestStringConvertible {
        let killerIsOff: Bool, isUnder: Bool, failures: String?
        let waits: Bool, refuses: Bool
        var testDescription: String { "off \(killerIsOff), under \(isUnder), failcnt \(failures ?? "absent")" }
    }

    @Test(arguments: [
        State(killerIsOff: false, isUnder: false, failures: "7\n", waits: false, refuses: false),
        State(killerIsOff: false, isUnder: true, failures: "7\n", waits: false, refuses: false),
        State(killerIsOff: true, isUnder: false, failures: "0\n", waits: false, refuses: false),
        State(killerIsOff: true, isUnder: false, failures: "7\n", waits: false, refuses: true),
        State(killerIsOff: true, isUnder: true, failures: "7\n", waits: true, refuses: true),
        State(killerIsOff: true, isUnder: true, failures: "\n", waits: true, refuses: false),
        State(killerIsOff: true, isUnder: true, failures: nil, waits: true, refuses: false),
    ])
    private func `is told by the files of cgroup v1`(_ state: State) throws {
        let folder = try Folder()
        try folder.write(
            "memory.oom_control",
            "oom_kill_disable \(state.killerIsOff ? 1 : 0)\nunder_oom \(state.isUnder ? 1 : 0)\noom_kill 0\n")
        if let failures = state.failures { try folder.write("memory.failcnt", failures) }
        let cgroup = folder.cgroup(controller: "memory", .legacy)
        #expect(cgroup.waitsForMemory == state.waits)
        #expect(cgroup.refusesMemory == state.refuses)
    }

    @Test func `is nobody without the files, and on cgroup v2`() throws {
        let folder = try Folder()
        #expect(!folder.cgroup(controller: "memory", .legacy).waitsForMemory)
        #expect(!folder.cgroup(controller: "memory", .legacy).refusesMemory)
        try folder.write("memory.oom_control", "oom_kill_disable 1\nunder_oom 1\n")
        try folder.write("memory.failcnt", "7\n")
        #expect(!folder.cgroup(controller: "unified", .unified).waitsForMemory)
        #expect(!folder.cgroup(controller: "unified", .unified).refusesMemory)
    }

    private final class Folder {
        let path: String

        init() throws {
            var name = Array("/tmp/lack-of-memory-XXXXXX".utf8CString)
            try #require(mkdtemp(&name) != nil)
            path = String(decoding: name.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        }

        deinit {
            for file in ["memory.oom_control", "memory.failcnt"] { unlink("\(path)/\(file)") }
            rmdir(path)
        }

        func write(_ name: String, _ text: String) throws {
            let file = try #require(fopen("\(path)/\(name)", "w"))
            fputs(text, file)
            fclose(file)
        }

        func cgroup(controller: String, _ hierarchy: CgroupHierarchy) -> Cgroup {
            Cgroup(
                CgroupLocation(
                    driver: .cgroupfs, hierarchy: hierarchy,
                    directories: [CgroupDirectory(controllers: [controller], mount: path, path: "/")], unit: nil))
        }
    }
}
