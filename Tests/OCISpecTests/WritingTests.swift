// Encoding of values as JSON, compared byte by byte.

import OCISpec
import Testing

private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

struct WritingTests {
    @Test func `an object is written compactly, or a line for each property`() {
        let value = LinuxIDMapping(containerID: 0, hostID: 1000, size: 1)
        #expect(text(value.json()) == #"{"containerID":0,"hostID":1000,"size":1}"#)
        #expect(text(value.json(indent: "  ")) == "{\n  \"containerID\": 0,\n  \"hostID\": 1000,\n  \"size\": 1\n}")
    }

    @Test func `lists and objects nest, and empty ones stay on their line`() {
        let hooks = Hooks(poststop: [Hook(path: "/a", args: ["a", "b"], env: [])])
        #expect(text(hooks.json()) == #"{"poststop":[{"path":"/a","args":["a","b"],"env":[]}]}"#)
        #expect(
            text(hooks.json(indent: "\t")) == """
                {
                \t"poststop": [
                \t\t{
                \t\t\t"path": "/a",
                \t\t\t"args": [
                \t\t\t\t"a",
                \t\t\t\t"b"
                \t\t\t],
                \t\t\t"env": []
                \t\t}
                \t]
                }
                """)
        #expect(text(Hooks().json(indent: "\t")) == "{}")
    }

    @Test func `properties of a map are sorted by name`() {
        #expect(text(["b": "2", "a": "1", "": "0"].json()) == #"{"":"0","a":"1","b":"2"}"#)
    }

    @Test func `text is escaped where JSON asks for it and nowhere else`() {
        let value = "\"\\/\n\r\t\u{8}\u{c}\u{1}\u{1f}\u{7f}é€𝄞<>&"
        #expect(text(value.json()) == #""\"\\/\n\r\t\u0008\u000c\u0001\u001f\u007fé€𝄞<>&""#)
    }

    @Test func `numbers are written to the limits of their types`() {
        #expect(text([Int64.min, -1, 0, .max].json()) == "[-9223372036854775808,-1,0,9223372036854775807]")
        #expect(text([UInt64.max].json()) == "[18446744073709551615]")
    }

    @Test func `every control character is read as it was written`() throws {
        let value = (1..<0x20).map { String(UnicodeScalar(UInt8($0))) }.joined()
        #expect(try String(json: value.json()) == value)
    }
}

struct StateTests {
    private let state = ContainerState(
        ociVersion: "1.3.0", id: "c1", pid: 12345, status: "running", bundle: "/abs/bundle", rootfs: "/abs/rootfs",
        created: "2026-08-19T10:00:00.123456789Z", annotations: ["b": "2", "a": "1"], owner: "")

    @Test func `the state is printed as engines read it`() {
        #expect(
            text(state.json(indent: "  ")) == """
                {
                  "ociVersion": "1.3.0",
                  "id": "c1",
                  "pid": 12345,
                  "status": "running",
                  "bundle": "/abs/bundle",
                  "rootfs": "/abs/rootfs",
                  "created": "2026-08-19T10:00:00.123456789Z",
                  "annotations": {
                    "a": "1",
                    "b": "2"
                  },
                  "owner": ""
                }
                """)
    }

    @Test func `hooks get the state of the specification and no more`() {
        let state = ContainerState(ociVersion: "1.3.0", id: "c1", pid: 7, status: "creating", bundle: "/b")
        #expect(
            text(state.json()) == #"{"ociVersion":"1.3.0","id":"c1","pid":7,"status":"creating","bundle":"/b"}"#)
    }

    @Test func `a stopped container has the process id 0`() {
        let state = ContainerState(ociVersion: "1.3.0", id: "c1", status: "stopped", bundle: "/b")
        #expect(
            text(state.json()) == #"{"ociVersion":"1.3.0","id":"c1","pid":0,"status":"stopped","bundle":"/b"}"#)
    }

    @Test func `a state that was written is read again`() throws {
        #expect(try ContainerState(json: state.json(indent: "  ")) == state)
    }

    @Test func `a state without an id is refused`() {
        #expect(throws: InvalidSpec(keyPath: "id", problem: "is required")) {
            try ContainerState(json: Array(#"{"ociVersion": "1.3.0", "status": "stopped", "bundle": "/b"}"#.utf8))
        }
    }
}
