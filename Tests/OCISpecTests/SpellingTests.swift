// Property names in another case, as Go's encoding/json accepts them.

import Testing

@testable import OCISpec

struct SpellingTests {
    private func process(_ members: String) throws(InvalidSpec) -> Process {
        try JSONDocument(Array(#"{"cwd": "/", "args": ["a"], \#(members)}"#.utf8)).decode()
    }

    @Test(arguments: [
        "noNewPrivileges", "NONEWPRIVILEGES", "nonewprivileges", "NoNewPrivileges", "noNewPrivilege\u{17f}",
        "noNewPrivilegeſ", #"\u006eoNewPrivileges"#,
    ])
    func `is taken`(name: String) throws {
        #expect(try process("\"\(name)\": true").noNewPrivileges)
    }

    @Test(arguments: [
        "noNewPrivilege", "noNewPrivilegesx", "noNewPrivileges ", "no_new_privileges", "ｎoNewPrivileges",
        "noNewPrivilegeß",
    ])
    func `is not found under a misspelt name`(name: String) throws {
        #expect(try !process("\"\(name)\": true").noNewPrivileges)
    }

    @Test func `is a k as the Kelvin sign`() throws {
        let linux: Linux = try JSONDocument(Array(#"{"mas\#u{212a}edPaths": ["/proc/keys"]}"#.utf8)).decode()
        #expect(linux.maskedPaths == ["/proc/keys"])
    }

    @Test(arguments: [
        (#""noNewPrivileges": true, "NONEWPRIVILEGES": false"#, false),
        (#""NONEWPRIVILEGES": false, "noNewPrivileges": true"#, true),
        (#""NoNewPrivileges": null, "noNewPrivileges": true"#, true),
        (#""noNewPrivileges": true, "NoNewPrivileges": null"#, true),
    ])
    func `counts as the last value if it is present in two spellings`(members: String, value: Bool) throws {
        #expect(try process(members).noNewPrivileges == value)
    }

    @Test func `is put together with an object in another spelling, at every level`() throws {
        let linux: Linux = try JSONDocument(
            Array(
                #"{"resources": {"cpu": {"shares": 1, "cpus": "0"}, "pids": {"limit": 1}}, "Resources": {"cpu": {"cpus": "1"}, "CPU": {"mems": "0"}}}"#
                    .utf8)
        ).decode()
        #expect(linux.resources?.cpu?.shares == 1)
        #expect(linux.resources?.cpu?.cpus == "1")
        #expect(linux.resources?.cpu?.mems == "0")
        #expect(linux.resources?.pids?.limit == 1)
    }

    @Test func `is found at every level`() throws {
        let spec: Spec = try JSONDocument(
            Array(
                #"{"OCIVERSION": "1.0.2", "LINUX": {"SECCOMP": {"DEFAULTACTION": "SCMP_ACT_ERRNO"}, "READONLYPATHS": ["/x"], "RESOURCES": {"PIDS": {"LIMIT": 7}}}, "MOUNTS": [{"DESTINATION": "/y", "OPTIONS": ["ro"]}], "ANNOTATIONS": {"Key": "1", "key": "2"}}"#
                    .utf8)
        ).decode()
        #expect(spec.linux?.seccomp?.defaultAction == "SCMP_ACT_ERRNO")
        #expect(spec.linux?.readonlyPaths == ["/x"])
        #expect(spec.linux?.resources?.pids?.limit == 7)
        #expect(spec.mounts.first?.options == ["ro"])
        // The keys of a map are data, so their case counts.
        #expect(spec.annotations == ["Key": "1", "key": "2"])
    }

    @Test(arguments: [
        (#"["\ud800"]"#, "line 1, column 3: half a surrogate pair is not a character"),
        (#"["a\udc00b"]"#, "line 1, column 4: half a surrogate pair is not a character"),
        (#"["\ud800\ud800"]"#, "line 1, column 3: half a surrogate pair is not a character"),
        (#"["\ud800x"]"#, "line 1, column 3: half a surrogate pair is not a character"),
    ])
    func `and a text is Unicode`(text: String, problem: String) {
        #expect(throws: InvalidSpec(keyPath: "", problem: problem)) {
            try JSONDocument(Array(text.utf8)).decode([String].self)
        }
    }

    @Test func `and a pair of surrogates is a character`() throws {
        #expect(try JSONDocument(Array(#"["\ud83d\ude00 \\ud800"]"#.utf8)).decode([String].self) == ["😀 \\ud800"])
    }
}
