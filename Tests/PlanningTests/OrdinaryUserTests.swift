// The user namespace that an ordinary user's container gets.

import OCISpec
import Planning
import Testing

struct OrdinaryUserTests {
    @Test(
        "the ranges of subuid(5)",
        arguments: [
            ("tester:100000:65536\n", [[1, 100_000, 65_536]]),
            ("2000:100000:10\n", [[1, 100_000, 10]]),
            ("other:100000:10\n", []),
            ("test:1:1\ntester2:1:1\n", []),
            ("tester:100000:10\nother:5:5\ntester:200000:5", [[1, 100_000, 10], [11, 200_000, 5]]),
            ("tester:100000:10\ntester:100005:10\n", [[1, 100_000, 10]]),
            ("tester:100000:0\n", []),
            ("tester:x:10\ntester:10\n:::\n\n#\n", []),
            ("tester:4294967295:2\n", []),
            ("tester:100000:4294967295\ntester:5:1\n", [[1, 5, 1]]),
        ] as [(String, [[UInt32]])])
    func ranges(_ text: String, _ expected: [[UInt32]]) {
        let found = SubordinateIDs.ranges(in: text, uid: 2000, name: "tester", outer: nil)
        #expect(found.map { [$0.containerID, $0.hostID, $0.size] } == expected)
    }

    @Test func `ranges beyond the user namespace in which they are read are left out`() {
        let outer = [LinuxIDMapping(containerID: 0, hostID: 5000, size: 70_000)]
        func count(_ text: String) -> Int { SubordinateIDs.ranges(in: text, uid: 1, name: nil, outer: outer).count }
        #expect(count("1:60000:10000") == 1)
        #expect(count("1:60000:10001") == 0)
    }

    @Test func `no more ranges than the kernel takes`() {
        let text = (0..<400).map { "1:\(1000 + $0 * 10):5\n" }.joined()
        #expect(SubordinateIDs.ranges(in: text, uid: 1, name: nil, outer: nil).count == 339)
    }

    @Test func `the user is root, and the subordinate ids follow`() throws {
        let ids = SubordinateIDs(
            uids: [LinuxIDMapping(containerID: 1, hostID: 100_000, size: 10)],
            gids: [LinuxIDMapping(containerID: 1, hostID: 1000, size: 10)])
        let linux = try #require(Spec.container().withUserNamespace(uid: 1000, gid: 1001, ids).linux)
        #expect(linux.namespaces.filter { $0.type == "user" }.count == 1)
        #expect(linux.uidMappings == [LinuxIDMapping(containerID: 0, hostID: 1000, size: 1), ids.uids[0]])
        // The range holds the user's own group.
        #expect(linux.gidMappings == [LinuxIDMapping(containerID: 0, hostID: 1001, size: 1)])
    }

    @Test func `a config that says something of the user namespace is left alone`() {
        #expect(Spec.container().leavesUserNamespaceOpen)
        var joined = Spec.container()
        joined.linux?.namespaces.append(LinuxNamespace(type: "user", path: "/proc/1/ns/user"))
        #expect(!joined.leavesUserNamespaceOpen)
        var new = Spec.container()
        new.linux?.namespaces.append(LinuxNamespace(type: "user"))
        #expect(new.leavesUserNamespaceOpen)
        new.linux?.gidMappings = [LinuxIDMapping(containerID: 0, hostID: 1, size: 1)]
        #expect(!new.leavesUserNamespaceOpen)
    }
}
