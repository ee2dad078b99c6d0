// Decoding of JSON: absence, numbers, text, repeated names, and size.

import OCISpec
import Testing

/// Decodes a value from the text of a document.
private func read<Value: JSONDecodable>(_ json: String, as _: Value.Type = Value.self) throws(InvalidSpec) -> Value {
    try Value(json: Array(json.utf8))
}

struct DecodingTests {
    @Test func `what is absent or null takes its default`() throws {
        let absent = try read(#"{"cwd": "/"}"#, as: Process.self)
        let null = try read(
            #"{"cwd": "/", "user": null, "args": null, "env": null, "terminal": null, "capabilities": null}"#,
            as: Process.self)
        #expect(absent == Process(cwd: "/"))
        #expect(null == absent)
        #expect(absent.user == User(uid: 0, gid: 0, umask: nil, additionalGids: []))
    }

    @Test func `an empty string is absent where the specification says so`() throws {
        let mount = try read(#"{"destination": "", "type": "", "source": ""}"#, as: Mount.self)
        #expect(mount == Mount(destination: "", type: nil, source: nil))
        #expect(try read(#"{"type": "pid", "path": ""}"#) == LinuxNamespace(type: "pid", path: nil))
    }

    @Test func `an empty list differs from an absent one where that matters`() throws {
        let json = #"{"defaultAction": "SCMP_ACT_ALLOW", "flags": []}"#
        #expect(try read(json, as: LinuxSeccomp.self).flags == [])
        #expect(try read(#"{"defaultAction": "SCMP_ACT_ALLOW"}"#, as: LinuxSeccomp.self).flags == nil)
        #expect(try read(#"{"path": "/a", "env": []}"#, as: Hook.self).env == [])
        #expect(try read(#"{"path": "/a"}"#, as: Hook.self).env == nil)
        #expect(try read(#"{"bounding": []}"#, as: LinuxCapabilities.self) == LinuxCapabilities(bounding: []))
    }

    @Test func `the limits of each number type are kept exactly`() throws {
        #expect(try read("[-9223372036854775808, 9223372036854775807]") == [Int64.min, .max])
        #expect(try read("[0, 18446744073709551615]") == [UInt64.min, .max])
        #expect(try read("[-2147483648, 2147483647]") == [Int32.min, .max])
        #expect(try read("[0, 4294967295]") == [UInt32.min, .max])
        #expect(try read("[0, 65535]") == [UInt16.min, .max])
        #expect(try read("[-9223372036854775808, 9223372036854775807]") == [Int.min, .max])
        #expect(try read("[0, 18446744073709551615]") == [UInt.min, .max])
    }

    @Test(arguments: [("1e3", 1000), ("5.0", 5), ("-2.50e1", -25), ("-0", 0), ("9007199254740991.0", (1 << 53) - 1)])
    func `a real number that is whole is an integer`(json: String, value: Int64) throws {
        #expect(try read("[\(json)]") == [value])
    }

    @Test(arguments: ["0.5", "1e-3", "9007199254740992.0", "1e300", "-1e19"])
    func `a real number that may have been rounded is refused`(json: String) {
        #expect(throws: InvalidSpec(keyPath: "[0]", problem: "expected an integer, found \(json)")) {
            try read("[\(json)]", as: [Int64].self)
        }
    }

    @Test func `a required property is found in another case`() throws {
        #expect(
            try read(#"{"pagesize": "2MB", "limit": 1}"#) == LinuxHugepageLimit(pageSize: "2MB", limit: 1))
        #expect(throws: InvalidSpec(keyPath: "pageSize", problem: "expected a string, found an integer")) {
            try read(#"{"PAGESIZE": 1, "limit": 1}"#, as: LinuxHugepageLimit.self)
        }
    }

    @Test func `the last of two properties with the same name wins`() throws {
        #expect(try read(#"{"destination": "/a", "destination": "/b"}"#) == Mount(destination: "/b"))
        #expect(try read(#"{"k": "a", "k": "b"}"#) == ["k": "b"])
    }

    @Test func `text may contain every character but NUL`() throws {
        let json = #"["\"\\\/\b\f\n\r\t\u001f\u007f", "é€𝄞", "\u00e9\u20AC\ud834\udd1e", "\\u0000", ""]"#
        let expected = ["\"\\/\u{8}\u{c}\n\r\t\u{1f}\u{7f}", "é€𝄞", "é€𝄞", "\\u0000", ""]
        #expect(try read(json) == expected)
    }

    @Test func `a hundred thousand mounts are read`() throws {
        let mount = #"{"destination": "/a", "options": ["ro"]}"#
        let json =
            #"{"ociVersion": "1.3.0", "mounts": [\#(Array(repeating: mount, count: 100_000).joined(separator: ","))]}"#
        let spec = try Spec(config: Array(json.utf8))
        #expect(spec.mounts.count == 100_000)
        #expect(spec.mounts.last == Mount(destination: "/a", options: ["ro"]))
    }

    @Test func `an environment of a megabyte is read`() throws {
        let text = String(repeating: "x", count: 1 << 20)
        #expect(try read(#"{"cwd": "/", "env": ["A=\#(text)"]}"#, as: Process.self).env == ["A=" + text])
    }

    @Test func `a hundred thousand annotations are read`() throws {
        let members = (0..<100_000).map { #""key\#($0)": "\#($0)""# }.joined(separator: ",")
        let map: [String: String] = try read("{\(members)}")
        #expect(map.count == 100_000)
        #expect(map["key99999"] == "99999")
    }

    @Test func `ten thousand levels are refused, not followed`() {
        let json = String(repeating: "[", count: 10_000) + String(repeating: "]", count: 10_000)
        #expect(throws: InvalidSpec(keyPath: "", problem: "line 1, column 65: nested deeper than 64 levels")) {
            try read(json, as: Spec.self)
        }
    }

    @Test func `every truncated document is refused`() throws {
        let json = Process.everything.json()
        for count in 0..<json.count {
            let problem =
                count == 0 ? "the document is empty" : "line 1, column \(count + 1): the document ends too early"
            #expect(throws: InvalidSpec(keyPath: "", problem: problem)) {
                try Process(process: Array(json.prefix(count)))
            }
        }
    }

    @Test func `the documents of exec and update are read by themselves`() throws {
        #expect(try Process(process: Process.everything.json()) == .everything)
        #expect(try LinuxResources(bytes: LinuxResources.everything.json()) == .everything)
        #expect(throws: InvalidSpec(keyPath: "memory.limit", problem: "expected an integer, found a boolean")) {
            try LinuxResources(bytes: Array(#"{"memory": {"limit": true}}"#.utf8))
        }
    }
}
