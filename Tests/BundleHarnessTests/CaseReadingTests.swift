// Parsing case.json.

@testable import BundleHarness
import SystemPackage
import Testing

private func read(_ text: String, configuration: String? = nil) throws(CaseError) -> Case {
    try Case(reading: text, name: "group/name", directory: "/cases/group/name", configuration: configuration)
}

struct CaseReadingTests {
    @Test func `the smallest case runs the default bundle`() throws {
        let test = try read(#"{"about": "It runs."}"#)
        #expect(test.about == "It runs.")
        #expect(test.steps.map(\.action) == [.command("run", container: "main", options: [], arguments: [])])
        #expect(test.containers["main"]?.base["process"]?["args"] == ["/witness"])
        #expect(test.containers["main"]?.base["process"]?["terminal"] == false)
    }

    @Test func `a drive names commands, containers, options and arguments`() throws {
        let test = try read(
            """
            {"about": "x", "containers": {"other": {"base": "minimal"}},
             "drive": [{"do": "create", "container": "other"}, {"do": "kill KILL"},
                       {"do": "exec", "options": ["--tty"], "arguments": ["sh"]}, {"raw": ["--version"]},
                       {"host": ["true"], "background": true}, {"wait": "exit"}, {"listen": "/s", "answer": 5}]}
            """)
        #expect(
            test.steps.map(\.action) == [
                .command("create", container: "other", options: [], arguments: []),
                .command("kill", container: "main", options: [], arguments: ["KILL"]),
                .command("exec", container: "main", options: ["--tty"], arguments: ["sh"]), .raw(["--version"]),
                .host(["true"]), .wait("exit", container: "main"), .listen("/s", .answers(5)),
            ])
        #expect(test.steps.map(\.runsInBackground) == [false, false, false, false, true, false, false])
    }

    @Test func `requirements and known differences are read`() throws {
        let test = try read(
            """
            {"about": "x", "requires": ["root", "kernel>=5.12", "cgroup:hugetlb", "cpus>=2", "systemd-driver", "criu"],
             "known": {"runc<1.2": "old", "crun": "other", "runc>=1.4": "new"}}
            """)
        #expect(
            test.requirements == [
                .root, .kernel([5, 12]), .controller("hugetlb"), .processors(2), .systemdDriver, .criu,
            ])
        func differs(_ name: String, _ version: [Int]) -> String? {
            test.knownDifferences.first { $0.applies(to: RuntimeIdentity(name: name, version: version)) }?.reason
        }
        #expect(differs("runc", [1, 1, 5]) == "old")
        #expect(differs("runc", [1, 2, 0]) == nil)
        #expect(differs("runc", [1, 4]) == "new")
        #expect(differs("crun", [1, 8, 1]) == "other")
        #expect(differs("youki", [0, 1]) == nil)
    }

    @Test func `the drivers of cgroups are requirements that the runtime's flags meet`() {
        func runtime(_ flags: [String]) -> TestedRuntime {
            TestedRuntime(
                label: "runc", executable: "/usr/bin/runc", flags: flags,
                identity: RuntimeIdentity(name: "runc", version: [1, 1, 5]))
        }
        let bySystemd = runtime(["--debug", "--systemd-cgroup"])
        #expect(Requirement.systemdDriver.whatIsMissing(of: bySystemd) == nil)
        #expect(Requirement.cgroupfsDriver.whatIsMissing(of: runtime(["--debug"])) == nil)
        #expect(
            Requirement.cgroupfsDriver.whatIsMissing(of: bySystemd)
                == "only where the runtime makes the cgroups itself")
        #expect(
            Requirement.systemdDriver.whatIsMissing(of: runtime([]))
                == "only where systemd makes the cgroups (--systemd-cgroup)")
    }

    @Test func `a config.json beside the case is the base`() throws {
        let test = try read(#"{"about": "x", "config": {"b": 2}}"#, configuration: #"{"a": 1}"#)
        #expect(try test.containers["main"].map { try $0.overlay.applied(to: $0.base) } == ["a": 1, "b": 2])
    }

    @Test func `engine is the default configuration with an engine's changes`() throws {
        let base = try read(#"{"about": "x", "base": "engine"}"#).containers["main"]?.base
        #expect(base?["process"]?["capabilities"]?["bounding"]?.array?.count == 14)
        #expect(base?["linux"]?["resources"]?["devices"]?.array?.first == ["allow": false, "access": "rwm"])
        #expect(base?["linux"]?["seccomp"]?["defaultAction"] == "SCMP_ACT_ALLOW")
    }

    @Test(
        arguments: [
            ("{", "line 1: expected a key in double quotes"),
            ("[]", "case: expected an object, found an array"),
            ("{}", "about: missing; one sentence on what the case shows"),
            (#"{"about": 5}"#, "about: expected a string, found an integer"),
            (#"{"about": "x", "colour": 1}"#, "colour: unknown key"),
            (#"{"about": "x", "base": "docker"}"#, "base: docker is not among: default, minimal, engine"),
            (#"{"about": "x", "spec": ["linux.magic"]}"#, "spec: linux.magic is no property of config.json"),
            (#"{"about": "x", "spec": [1]}"#, "spec[0]: expected a string, found an integer"),
            (
                #"{"about": "x", "requires": ["moon"]}"#,
                "requires[0]: unknown requirement moon; there are 32-bit, apparmor, cgroup-v1, cgroup-v2, cgroupfs-driver, "
                    + "criu, landlock, no-apparmor, no-landlock, no-selinux, numa, rdt, root, selinux, "
                    + "selinux-enforcing, swap-limit, systemd, systemd-driver, cgroup:…, cap:…, command:…, file:…, arch:…, kernel>=…, cpus>=…"
            ),
            (#"{"about": "x", "requires": ["kernel>=new"]}"#, "requires[0]: kernel>=new: not a version"),
            (#"{"about": "x", "known": {"runc": ""}}"#, "known.runc: a known difference needs its reason"),
            (
                #"{"about": "x", "known": {"runc=1": "r"}}"#,
                "known.runc=1: expected NAME, NAME<VERSION or NAME>=VERSION"
            ),
            (#"{"about": "x", "isolate": ["time"]}"#, "isolate: time is not among: network"),
            (#"{"about": "x", "drive": []}"#, "drive: has no step"),
            (
                #"{"about": "x", "drive": [{"do": "run"}], "expect": {}}"#,
                "expect: belongs to the steps when there is a drive"
            ),
            (#"{"about": "x", "drive": [{}]}"#, "drive[0]: expected one of do, raw, host, wait, listen"),
            (
                #"{"about": "x", "drive": [{"do": "run", "raw": []}]}"#,
                "drive[0]: expected one of do, raw, host, wait, listen"
            ),
            (#"{"about": "x", "drive": [{"do": "run", "container": "b"}]}"#, "drive[0].container: no container b"),
            (
                #"{"about": "x", "drive": [{"do": "run", "expct": {}}]}"#,
                "drive[0].expct: unknown key (did you mean expect?)"
            ),
            (
                #"{"about": "x", "drive": [{"wait": "dawn"}]}"#,
                "drive[0].wait: dawn is not among: exit, created, running, stopped, paused"
            ),
            (#"{"about": "x", "drive": [{"host": []}]}"#, "drive[0].host: empty"),
            (#"{"about": "x", "expect": {"stdin": ""}}"#, "expect.stdin: unknown key"),
            (
                #"{"about": "x", "expect": {"stdout": {"containz": "y"}}}"#,
                "expect.stdout.containz: unknown word (did you mean contains?)"
            ),
            (
                #"{"about": "x", "expect": {"stdout": {"has": "y"}}}"#,
                "expect.stdout.has: unknown word; there are absent, atLeast, atMost, contains, count, differsFrom, "
                    + "equals, lacks, matches, not, oneOf, sameAs"
            ),
            (#"{"about": "x", "expect": {"observe": {"a[b": 1}}}"#, "expect.observe: a[b: a bracket is not closed"),
            (
                #"{"about": "x", "config": {"hostname": "${name}"}}"#,
                "config: unknown placeholder ${name}; there are bundle, cgroup, id, pid, root, runtime, scratch"
            ),
            (#"{"about": "x", "rootfs": {"/a": {"mode": "rwx"}}}"#, "rootfs./a.mode: not octal digits"),
            (#"{"about": "x", "rootfs": {"/a/../b": ""}}"#, "rootfs./a/../b: must not contain .."),
            (#"{"about": "x", "rootfs": {"/a": {"owner": "root"}}}"#, "rootfs./a.owner: expected UID:GID"),
            (#"{"about": "x", "rootfs": {"/a": {"node": "c 1"}}}"#, "rootfs./a.node: expected a text like c 1 3"),
            (#"{"about": "x", "host": {"a": {"size": 1}}}"#, "host.a.size: unknown key"),
            (
                #"{"about": "x", "config": {"mounts": {"$remove": [{"type": "x"}]}}}"#,
                #"config.mounts.$remove: nothing matches {"type":"x"}"#
            ),
        ])
    func `a malformed case is refused with its key`(text: String, message: String) {
        #expect(throws: CaseError(message)) { try read(text) }
    }

    @Test(
        arguments: [
            (#""config": {"hostnam": "x"}"#, "config.hostnam", "hostname"),
            (#""config": {"mount": []}"#, "config.mount", "mounts"),
            (#""config": {"linux": {"resource": {}}}"#, "config.linux.resource", "resources"),
            (#""config": {"linux": {"resource": null}}"#, "config.linux.resource", "resources"),
            (#""config": {"process": {"user": {"Uuid": 1}}}"#, "config.process.user.Uuid", "uid"),
            (
                #""config": {"mounts": {"$append": [{"destination": "/a", "opions": []}]}}"#,
                "config.mounts.$append[0].opions", "options"
            ),
            (#""config": {"mounts": [{}, {"sorce": ""}]}"#, "config.mounts[1].sorce", "source"),
            (#""config": {"hooks": {"prestrat": []}}"#, "config.hooks.prestrat", "prestart"),
            (#""config": {"hooks": {"poststop": [{"arg": []}]}}"#, "config.hooks.poststop[0].arg", "args"),
            (
                #""config": {"linux": {"timeOffsets": {"monotonic": {"sec": 1}}}}"#,
                "config.linux.timeOffsets.monotonic.sec", "secs"
            ),
            (
                #""config": {"linux": {"netDevices": {"eth0": {"nam": ""}}}}"#, "config.linux.netDevices.eth0.nam",
                "name"
            ),
            (
                #""config": {"linux": {"resources": {"blockIO": {"throttleReadBpsDevice": [{"rat": 1}]}}}}"#,
                "config.linux.resources.blockIO.throttleReadBpsDevice[0].rat", "rate"
            ),
            (
                #""config": {"linux": {"seccomp": {"syscalls": [{"name": "read"}]}}}"#,
                "config.linux.seccomp.syscalls[0].name", "names"
            ),
            // It belongs to another object.
            (#""config": {"process": {"hostname": "x"}}"#, "config.process.hostname", "hostname"),
            (
                #""config": {"linux": {"noNewPrivileges": true}}"#, "config.linux.noNewPrivileges",
                "process.noNewPrivileges"
            ),
            (#""containers": {"other": {"config": {"hostnam": "x"}}}"#, "containers.other.config.hostnam", "hostname"),
            // Messages about something else are no reason to let it pass.
            (
                #""config": {"hostnam": "x"}, "expect": {"error": {"contains": "hostname"}}"#, "config.hostnam",
                "hostname"
            ),
        ])
    func `a misspelt property of a configuration is refused with what may have been meant`(
        text: String, place: String, meant: String
    ) {
        #expect(throws: CaseError("\(place): no property of config.json (did you mean \(meant)?)")) {
            try read(#"{"about": "x", "# + text + "}")
        }
    }

    @Test(
        arguments: [
            #""config": {"annotations": {"hostnam": "x"}, "windows": {"anything": {}}}"#,
            #""config": {"linux": {"sysctl": {"hostnam": "x"}, "resources": {"unified": {"memory.hig": "1"}}}}"#,
            #""config": {"linux": {"resources": {"rdma": {"mlx5": {"hcaHandles": 1}}}}}"#,
            #""config": {"root": {"ReadOnly": true}, "linux": {"MaskedPathſ": []}}"#,
            #""config": {"process": {"args": ["hostnam"], "env": {"$append": ["opions=1"]}}}"#,
            #""config": {"process": {"noNewPrivileges": null}, "linux": {"intelRdt": {"enableCMT": true}}}"#,
            #""config": {"hostnam": "x"}, "unknownProperties": true"#,
            #""config": {"hostnam": "x"}, "expect": {"error": {"matches": "hostnam: .*hostname"}}"#,
        ])
    func `free keys, other letters of case and what is there on purpose are no misspellings`(text: String) throws {
        #expect(try read(#"{"about": "x", "# + text + "}").warnings == [])
    }

    @Test func `what resembles nothing, or is a bundle's own, is a warning`() throws {
        let far = try read(#"{"about": "x", "config": {"org.example.extension": {"deep": [1]}}}"#)
        #expect(far.warnings == ["config.org.example.extension: no property of config.json"])
        let bundle = try read(#"{"about": "x"}"#, configuration: #"{"hostnam": "x"}"#)
        #expect(bundle.warnings == ["config.json.hostnam: no property of config.json (did you mean hostname?)"])
    }

    @Test func `a recipe describes files, directories, links, nodes and removals`() throws {
        let test = try read(
            """
            {"about": "x", "rootfs": {"/dir/": {}, "/file": "text", "/gone": null, "/link": {"link": "/file"},
             "/node": {"node": "c 1 3", "mode": "0600", "owner": "5:6"}, "/pipe": {"fifo": true},
             "/tool": {"program": "witness", "mode": "4755"}}}
            """)
        let entries = try #require(test.containers["main"]).rootfs.entries
        #expect(
            entries == [
                .init(path: "/dir/", content: .directory), .init(path: "/file", content: .file("text")),
                .init(path: "/gone", content: .nothing), .init(path: "/link", content: .link("/file")),
                .init(path: "/node", content: .node("c", 1, 3), mode: 0o600, uid: 5, gid: 6),
                .init(path: "/pipe", content: .fifo), .init(path: "/tool", content: .program("witness"), mode: 0o4755),
            ])
    }
}

struct RuntimeIdentityTests {
    @Test(
        arguments: [
            ("runc version 1.1.5+ds1\ncommit: x\n", RuntimeIdentity(name: "runc", version: [1, 1, 5])),
            ("crun version 1.8.1\n", RuntimeIdentity(name: "crun", version: [1, 8, 1])),
            ("something else", RuntimeIdentity(name: "fallback", version: [])),
            ("", RuntimeIdentity(name: "fallback", version: [])),
        ])
    func `the version line gives the runtime's name and version`(text: String, identity: RuntimeIdentity) {
        #expect(RuntimeIdentity(versionText: text, fallback: "fallback") == identity)
    }
}
