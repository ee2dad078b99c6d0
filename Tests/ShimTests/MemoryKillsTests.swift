// Which kills are new, whose limit they were for, and what is read of cgroups.

import Cgroups
import FoundationEssentials
import Glibc
import Testing

@testable import Shim

@Suite struct MemoryKillsTests {
    @Test(arguments: [
        ([true, false, false], MemoryLimitOwner.container), ([true, true, false], .above("/pod")),
        ([true, true, true], .above("/pods")), ([false, false, false], .host), ([false, true, false], .above("/pod")),
    ])
    func `the highest level that reached its limit is the one`(_ reached: [Bool], _ owner: MemoryLimitOwner) {
        #expect(MemoryLimitOwner(paths: ["/pods/pod/c", "/pod", "/pods"], reached: reached) == owner)
    }

    @Test func `kills are counted once, and forgotten when the first process outlives them`() {
        var kills = MemoryKills(counted: 3)
        #expect(kills.count(3) == 0 && !kills.mayHaveEndedFirst)
        #expect(kills.count(5) == 2 && kills.mayHaveEndedFirst)
        #expect(kills.count(5) == 0 && kills.mayHaveEndedFirst)
        kills.settle()
        #expect(!kills.mayHaveEndedFirst)
        // A cgroup below has gone, with its count.
        #expect(kills.count(1) == 0 && kills.count(2) == 1)
    }

    @Test func `version two counts at each level, and only an own limit counts`() throws {
        let mount = "/tmp/memory-levels-\(getpid())"
        defer { try? FileManager.default.removeItem(atPath: mount) }
        let names = ["/pods", "/pods/pod", "/pods/pod/c"]
        func write(_ level: String, _ name: String, _ text: String) throws {
            try text.write(toFile: mount + level + "/" + name, atomically: false, encoding: .utf8)
        }
        for name in names {
            try FileManager.default.createDirectory(atPath: mount + name, withIntermediateDirectories: true)
            try write(name, "memory.events", "low 0\noom 9\noom_kill 4\n")
            try write(name, "memory.events.local", "oom 1\noom_kill 0\n")
            try write(name, "memory.max", name == "/pods" ? "max\n" : "4096\n")
        }
        let place = CgroupDirectory(controllers: ["unified"], mount: mount, path: "/pods/pod/c")
        let levels = MemoryLevel.levels(of: place, isUnified: true)
        #expect(levels.map(\.path) == names.reversed())
        #expect(levels.map(\.kills) == [4, 4, 4])
        #expect(levels.map(\.limit) == [4096, 4096, nil])
        func pending() -> [UInt64] {
            levels.map { level in
                level.look()
                return level.pending
            }
        }
        #expect(pending() == [0, 0, 0])
        try write("/pods/pod", "memory.events.local", "oom 3\noom_kill 0\n")
        #expect(pending() == [0, 2, 0])
        levels[1].settle(1)
        #expect(pending() == [0, 1, 0])
        levels[1].settle(5)
        #expect(pending() == [0, 0, 0])
    }
}
