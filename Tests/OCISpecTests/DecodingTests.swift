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

    @Test(arguments: ["1e3", "5.0", "-2.50e1", "0.5", "1e-3", "9007199254740992.0", "1e300", "-1e19", "1E0", "-0.0"])
    func `a number with a fraction or an exponent is no integer`(json: String) {
        #expect(throws: InvalidSpec(keyPath: "[0]", problem: "expected an integer, found \(json)")) {
            try read("[\(json)]", as: [Int64].self)
        }
    }

    @Test func `zero may have a sign`() throws { #expect(try read("[-0]") == [Int64(0)]) }

    @Test func `a required property is found in another case`() throws {
        #expect(
            try read(#"{"pagesize": "2MB", "limit": 1}"#) == LinuxHugepageLimit(pageSize: "2MB", limit: 1))
        #expect(throws: InvalidSpec(keyPath: "pageSize", problem: "expected a string, found an integer")) {
            try read(#"{"PAGESIZE": 1, "limit": 1}"#, as: LinuxHugepageLimit.self)
        }
    }

    @Test(arguments: [
        (#"{"destination": "/a", "destination": "/b"}"#, "destination"),
        (#"{"a": {"b": [0, {"c": 1, "d": 2, "c": 1}]}}"#, "a.b[1].c"),
        (#"{"a": {"x": 1}, "b": 2, "a": {"x": 1}}"#, "a"),
        (#"{"a": null, "a": null}"#, "a"),
        (#"{"k": "a", "k": "a"}"#, "k"),
        (#"{"linux": 1, "li\u006eux": 2}"#, "linux"),
        (#"{"": 1, "": 2}"#, #"[""]"#),
        (#"[[], {"a.b": ["{", ",", ":"], "a.b": 1}]"#, #"[1]["a.b"]"#),
    ])
    func `two properties of one name are refused at every depth`(json: String, path: String) {
        #expect(throws: InvalidSpec(keyPath: path, problem: "occurs twice")) { try read(json, as: JSONValue.self) }
    }

    @Test func `equal names in different objects are not the same property`() throws {
        let json = #"[{"a": 1, "b": {"a": "a:\"a\":"}}, {"a": 1, "A": 2}, {"\\a": 1, "a\\": 2}]"#
        #expect(try read(json, as: JSONValue.self).elements.count == 3)
    }

    @Test(arguments: [
        "{'a': 1}", "['a']", "[NaN]", "[nan]", "[Infinity]", "[-Infinity]", "[inf]", "[True]", "[NULL]", "[FALSE]",
        "[00]", "[01]", "[-00]", "[-01]", "[00.5]", "[+1]", "[.5]", "[5.]", "[1.e1]", "[1e]", "[1e+]", "[-]", "[0x10]",
        "[1,]", "[,1]", "[,]", #"{"a": 1,}"#, #"{,}"#, #"{a: 1}"#, #"{1: 1}"#, #"{"a" 1}"#, #"{"a": 1 "b": 2}"#,
        "[1] // end", "[/* one */ 1]", "[1]]", "[1][2]", "[\"a\tb\"]", "[\"a\nb\"]", "[\"a\u{1}b\"]", "{\"a\tb\": 1}",
        "[\u{b}1]", "[\u{c}1]", "[\u{a0}1]", "\u{feff}[1]", #"["\x41"]"#, #"["\u12"]"#, #"["\u+123"]"#, #"["\u12G4"]"#,
        #"["\'"]"#, "[undefined]", "[1 2]", "[true false]", "[truefalse]", "[1true]", "[\"a\"\"b\"]", "[`a`]",
    ])
    func `what is not JSON is refused`(text: String) {
        #expect(throws: InvalidSpec.self) { try read(text, as: JSONValue.self) }
    }

    @Test(arguments: [
        "[]", "{}", "[0]", "[-0]", "[0.5]", "[-0.5e-7]", "[1E+2]", "[10]", "[null, true, false]",
        " \t\r\n[ 1 ,\n2 ]\r\n",
        #"["\"\\\/\b\f\n\r\t\u00e9"]"#, #"{"'": "'"}"#, "[\"\u{7f}\u{a0}//\"]", #"["NaN", "00", ","]"#,
    ])
    func `what is JSON is read`(text: String) throws { _ = try read(text, as: JSONValue.self) }

    @Test(arguments: [
        (#"{"a": [1, {"b": 18446744073709551616}]}"#, "a[1].b", 17),
        (#"[-9223372036854775809]"#, "[0]", 2), (#"{"a":{"b":{}},"c":99999999999999999999}"#, "c", 19),
    ])
    func `an integer beyond 64 bits is named`(json: String, path: String, column: Int) {
        let problem = "line 1, column \(column): expected an integer of at most 64 bits"
        #expect(throws: InvalidSpec(keyPath: path, problem: problem)) { try read(json, as: JSONValue.self) }
    }

    @Test func `a hundred thousand properties, the last of them twice, are looked at once each`() {
        let members = (0..<100_000).map { #""k\#($0)": {"v": \#($0)}"# }.joined(separator: ",")
        #expect(throws: InvalidSpec(keyPath: "m.k99999", problem: "occurs twice")) {
            try read(#"{"m": {\#(members),"k99999":0}}"#, as: JSONValue.self)
        }
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
        let map: TextMap<String> = try read("{\(members)}")
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
