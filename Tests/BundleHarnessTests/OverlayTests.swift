// Changes of a case to its configuration.

import BundleHarness
import Testing

struct OverlayTests {
    let base: JSONValue = [
        "hostname": "box", "root": ["path": "rootfs", "readonly": true],
        "mounts": [["destination": "/proc", "type": "proc"], ["destination": "/dev", "type": "tmpfs"]],
    ]

    @Test func `members are merged, and null removes`() throws {
        let changed = try Overlay(["hostname": nil, "root": ["readonly": false]]).applied(to: base)
        #expect(changed["hostname"] == nil)
        #expect(changed["root"] == ["path": "rootfs", "readonly": false])
        #expect(changed["mounts"] == base["mounts"])
    }

    @Test func `a list in the patch replaces the list`() throws {
        #expect(try Overlay(["mounts": []]).applied(to: base)["mounts"] == [])
    }

    @Test func `append and prepend add to a list`() throws {
        let patch: JSONValue = ["mounts": ["$append": [["destination": "/z"]], "$prepend": [["destination": "/a"]]]]
        let changed = try Overlay(patch).applied(to: base)
        let places = changed["mounts"]?.array?.compactMap { $0["destination"]?.string }
        #expect(places == ["/a", "/proc", "/dev", "/z"])
    }

    @Test func `remove deletes the elements that have all the given members`() throws {
        let changed = try Overlay(["mounts": ["$remove": [["type": "tmpfs"]]]]).applied(to: base)
        #expect(changed["mounts"] == [["destination": "/proc", "type": "proc"]])
    }

    @Test func `append creates a missing list`() throws {
        #expect(try Overlay(["linux": ["devices": ["$append": [1]]]]).applied(to: base)["linux"] == ["devices": [1]])
    }

    @Test(
        arguments: [
            (["mounts": ["$remove": [["type": "nfs"]]]], #"config.mounts.$remove: nothing matches {"type":"nfs"}"#),
            (
                ["mounts": ["$add": []]],
                "config.mounts.$add: only $append, $prepend and $remove may stand beside one another"
            ),
            (["hostname": ["$append": ["x"]]], "config.hostname: there is a string where a list is to be changed"),
            (["mounts": ["$append": "x"]], "config.mounts.$append: expected an array, found a string"),
        ] as [(JSONValue, String)])
    func `a change that cannot be made is refused with its key`(patch: JSONValue, message: String) {
        #expect(throws: CaseError(message)) { try Overlay(patch).applied(to: base) }
    }
}
