// Words of a case that are not known: refused before anything runs, with the nearest known one.

@testable import BundleHarness
import SystemPackage
import Testing

private func refusal(_ text: String) -> String {
    do throws(CaseError) {
        _ = try Case(reading: #"{"about": "x", "# + text + "}", name: "group/name", directory: "/cases/group/name")
        return "it is taken"
    } catch {
        return error.description
    }
}

struct MisspellingTests {
    @Test(
        arguments: [
            (#""expct": {}"#, "expct", "expect"), (#""confg": {}"#, "confg", "config"),
            (#""driv": []"#, "driv", "drive"), (#""knwon": {}"#, "knwon", "known"),
            (#""containers": {"other": {"bas": ""}}"#, "containers.other.bas", "base"),
            (#""drive": [{"do": "run", "optoins": []}]"#, "drive[0].optoins", "options"),
            (#""drive": [{"do": "run", "consol": true}]"#, "drive[0].consol", "console"),
            (#""drive": [{"hots": ["true"]}]"#, "drive[0].hots", "host"),
            (#""drive": [{"listn": "/s"}]"#, "drive[0].listn", "listen"),
            (#""drive": [{"listen": "/s", "anser": 1}]"#, "drive[0].anser", "answer"),
            (#""expect": {"stdot": ""}"#, "expect.stdot", "stdout"),
            (#""rootfs": {"/x.txt": {"txt": ""}}"#, "rootfs./x.txt.txt", "text"),
            (#""host": {"/x": {"onwer": "0:0"}}"#, "host./x.onwer", "owner"),
        ])
    func `a key`(text: String, place: String, meant: String) {
        #expect(refusal(text) == "\(place): unknown key (did you mean \(meant)?)")
    }

    @Test func `the only key that must be there`() {
        #expect(throws: CaseError("abuot: unknown key (did you mean about?)")) {
            try Case(reading: #"{"abuot": "x"}"#, name: "n", directory: "/c")
        }
    }

    @Test(
        arguments: [
            (#""base": "defualt""#, "base: defualt is not among: ", "default"),
            (#""isolate": ["netwrok"]"#, "isolate: netwrok is not among: ", "network"),
            (#""spec": ["hostnam"]"#, "spec: hostnam is no property of config.json", "hostname"),
            (#""requires": ["rooot"]"#, "requires[0]: unknown requirement rooot", "root"),
            (#""requires": ["cgroup-v3"]"#, "requires[0]: unknown requirement cgroup-v3", "cgroup-v1"),
            (#""requires": ["kernal>=5.1"]"#, "requires[0]: unknown requirement kernal>=5.1", "kernel"),
            (#""requires": ["kernel>5.1"]"#, "requires[0]: unknown requirement kernel>5.1", "kernel"),
            (#""requires": ["comand:ip"]"#, "requires[0]: unknown requirement comand:ip", "command"),
            (#""requires": ["cap:SYS_RESOURCES"]"#, "requires[0]: cap:SYS_RESOURCES: no capability", "SYS_RESOURCE"),
            (#""requires": ["cap:CAP_SYS_ADMIN"]"#, "requires[0]: cap:CAP_SYS_ADMIN: no capability", "SYS_ADMIN"),
            (#""requires": ["arch:x86-64"]"#, "requires[0]: arch:x86-64: no machine", "x86_64"),
            (#""requires": ["cgroup:memroy"]"#, "requires[0]: cgroup:memroy: no controller of cgroups", "memory"),
            (#""drive": [{"do": "creat"}]"#, "drive[0].do: no runtime command creat", "create"),
            (#""drive": [{"do": "kil KILL"}]"#, "drive[0].do: no runtime command kil", "kill"),
            (#""drive": [{"wait": "exited"}]"#, "drive[0].wait: exited is not among: ", "exit"),
            (#""drive": [{"listen": "/s", "agent": "silet"}]"#, "drive[0].agent: silet is not among: ", "silent"),
            (
                #""containers": {"other": {}}, "drive": [{"do": "run", "container": "othr"}]"#,
                "drive[0].container: no container othr", "other"
            ),
            (#""rootfs": {"/x": {"program": "witnes"}}"#, "rootfs./x.program: witnes is not among: ", "witness"),
            (#""config": {"mounts": {"$apend": []}}"#, "config.mounts.$apend: only ", "$append"),
            (#""config": {"hostname": "${scrach}"}"#, "config: unknown placeholder ${scrach}; there are ", "scratch"),
            (#""expect": {"stdout": {"contians": "a"}}"#, "expect.stdout.contians: unknown word", "contains"),
            (
                #""expect": {"observe": {"a": {"contians": "a"}}}"#, "expect.observe.a.contians: unknown word",
                "contains"
            ),
            (
                #""expect": {"stdout": {"not": {"mathces": "a"}}}"#, "expect.stdout.not.mathces: unknown word",
                "matches"
            ),
            (
                #""expect": {"stdout": {"contains": "a", "lakcs": "b"}}"#,
                "expect.stdout.lakcs: unknown word beside contains", "lacks"
            ),
            (
                #""expect": {"observe": {"net": {"sameAs": "hots"}}}"#, "expect.observe.net: hots is not among: host",
                "host"
            ),
            (
                #""drive": [{"do": "run", "as": "first"}, "#
                    + #"{"do": "run", "expect": {"json": {"a": {"differsFrom": "frist:b"}}}}]"#,
                "drive[1].expect.json.a: frist is not among: host, first", "first"
            ),
        ])
    func `a word`(text: String, beginning: String, meant: String) {
        let message = refusal(text)
        #expect(message.hasPrefix(beginning) && message.hasSuffix(" (did you mean \(meant)?)"), "\(message)")
    }

    @Test(
        arguments: [
            (#""timeLimit": -1"#, "timeLimit: expected 1 or more, found -1"),
            (#""timeLimit": 0"#, "timeLimit: expected 1 or more, found 0"),
            (#""requires": ["cap:FOO"]"#, "requires[0]: cap:FOO: no capability"),
            (#""requires": ["arch:frob"]"#, "requires[0]: arch:frob: no machine"),
            (#""requires": ["cgroup:frob"]"#, "requires[0]: cgroup:frob: no controller of cgroups"),
            (#""requires": ["command:"]"#, "requires[0]: command:: nothing stands after command:"),
            (#""requires": ["file:etc/passwd"]"#, "requires[0]: file:etc/passwd: not an absolute path"),
            (#""requires": ["cpus>=many"]"#, "requires[0]: cpus>=many: not a number"),
            (#""drive": [{"do": "frobnicate"}]"#, "drive[0].do: no runtime command frobnicate; raw calls any other"),
            (#""drive": [{"do": "run", "user": -1}]"#, "drive[0].user: expected 0 to 4294967294, found -1"),
            (#""drive": [{"listen": "/s", "answer": -1}]"#, "drive[0].answer: expected 0 to 4095, found -1"),
            (#""expect": {"exit": "0"}"#, "expect.exit: expected a number, found a string"),
            (#""expect": {"exit": {"oneOf": [0, "1"]}}"#, "expect.exit: expected a number, found a string"),
            (#""expect": {"exit": {"not": "0"}}"#, "expect.exit.not: expected a number, found a string"),
            (#""expect": {"exit": {"contains": 1}}"#, "expect.exit: a number contains nothing"),
            (#""expect": {"stdout": 5}"#, "expect.stdout: expected a string, found an integer"),
            (#""expect": {"stdout": {"contains": ["a", 5]}}"#, "expect.stdout: expected a string, found an integer"),
            (
                #""expect": {"stdout": {"atLeast": 5}}"#,
                "expect.stdout: a text is no number; matches compares it with a pattern"
            ),
            (
                #""expect": {"stdout": {"sameAs": "host"}}"#,
                "expect.stdout: sameAs and differsFrom compare what observe and json name"
            ),
            (
                #""expect": {"observe": {"a": {"count": -1}}}"#,
                "expect.observe.a.count: expected an integer of 0 or more, found an integer"
            ),
            (#""rootfs": {"/a": {"mode": "-7"}}"#, "rootfs./a.mode: not octal digits"),
            (#""rootfs": {"/a": {"owner": "-1:0"}}"#, "rootfs./a.owner: expected UID:GID"),
            (#""rootfs": {"/a": {"node": "c -1 3"}}"#, "rootfs./a.node: expected a text like c 1 3"),
        ])
    func `a value that no machine and no runtime could meet`(text: String, message: String) {
        #expect(refusal(text) == message)
    }

    @Test(
        arguments: [
            #""expect": {"exit": {"not": 0}, "seconds": {"atMost": 1.5}, "error": {"matches": "a", "lacks": "b"}}"#,
            #""drive": [{"do": "run", "as": "me", "expect": {"observe": {"a": {"sameAs": "me:b[c]"}}}}]"#,
            #""expect": {"observe": {"a": {"net": 1, "ambient": [], "content": "", "mount": {}}}}"#,
            #""requires": ["cap:CHECKPOINT_RESTORE", "arch:aarch64", "cgroup:net_cls", "file:/dev/fuse"]"#,
        ])
    func `what only looks like it is taken`(text: String) {
        #expect(refusal(text) == "it is taken")
    }
}
