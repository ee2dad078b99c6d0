// The requests to CRIU, and the checks of an image.

import Criu
import Kernel
import OCISpec
import Testing

@testable import Planning

private func plan(
    mounts: [Mount] = [], _ linux: Linux = Linux(namespaces: kinds("mount", "pid", "network")), process: Process? = nil,
    host: HostFacts = .root, annotations: TextMap<String> = [:]
) throws -> ContainerPlan {
    var spec = Spec(ociVersion: "1.2.0")
    spec.process = process ?? Process(args: ["/bin/true"], cwd: "/")
    spec.root = Root(path: "rootfs")
    spec.mounts = mounts
    spec.linux = linux
    spec.annotations = annotations
    return try ContainerPlan(spec: spec, id: "c", bundle: "/b", host: host)
}

private func kinds(_ types: String...) -> [LinuxNamespace] { types.map { LinuxNamespace(type: $0) } }

private func someFacts(_ version: CriuVersion = CriuVersion(4, 1, 1)) -> CheckpointFacts {
    CheckpointFacts(pid: 77, version: version)
}

@Suite struct CheckpointPlanTests {
    @Test func `a container of its own is dumped without its network, and without a lock on it`() throws {
        let options = try CheckpointPlan(try plan(), CheckpointOptions(), someFacts()).options
        #expect(options.pid == 77)
        #expect(options.emptyNamespaces == 0x4000_0000)
        #expect(options.cgroupsMode == .ignore)
        #expect(options.networkLock == .skip)
        #expect(options.external == [])
    }

    @Test func `connections that are kept need the lock, and an old CRIU has no way without`() throws {
        var asked = CheckpointOptions()
        #expect(try CheckpointPlan(try plan(), asked, someFacts(CriuVersion(3, 17, 1))).options.networkLock == nil)
        asked.image.keepsConnections = true
        #expect(try CheckpointPlan(try plan(), asked, someFacts()).options.networkLock == nil)
        asked.image.networkLock = .nftables
        #expect(try CheckpointPlan(try plan(), asked, someFacts()).options.networkLock == .nftables)
    }

    @Test func `a lock is removed where it would outlive the dump to no use`() throws {
        let old = someFacts(CriuVersion(3, 17, 1))
        let joined = try plan(
            Linux(namespaces: [LinuxNamespace(type: "mount"), LinuxNamespace(type: "network", path: "/n")]))
        var asked = CheckpointOptions()
        #expect(try CheckpointPlan(joined, asked, old).leavesLock)
        #expect(try !CheckpointPlan(joined, asked, someFacts()).locksNetwork)
        // The lock of a namespace that ends with the container ends too.
        #expect(try CheckpointPlan(try plan(), asked, old).locksNetwork)
        #expect(try !CheckpointPlan(try plan(), asked, old).leavesLock)
        asked.image.keepsConnections = true
        #expect(try !CheckpointPlan(joined, asked, old).leavesLock)
        asked = CheckpointOptions()
        asked.leavesRunning = true
        #expect(try !CheckpointPlan(joined, asked, old).leavesLock)
    }

    @Test func `no_new_privs of some is refused to a CRIU that forgets it`() throws {
        let (old, new) = (CriuFeatures(CriuVersion(3, 17, 1)), CriuFeatures(CriuVersion(3, 19)))
        try old.check(.onAll)
        try old.check(.absent)
        try new.check(.onSome)
        #expect(throws: InvalidSpec.self) { try old.check(.onSome) }
    }

    @Test func `namespaces of others are named by their numbers`() throws {
        let linux = Linux(namespaces: [
            LinuxNamespace(type: "mount"), LinuxNamespace(type: "network", path: "/n"),
            LinuxNamespace(type: "pid", path: "/p"),
        ])
        var facts = someFacts()
        (facts.networkNamespace, facts.pidNamespace) = (11, 22)
        let options = try CheckpointPlan(try plan(linux), CheckpointOptions(), facts).options
        #expect(options.external == ["net[11]:extRootNetNS", "pid[22]:extRootPidNS"])
        #expect(options.emptyNamespaces == nil)
    }

    @Test func `without a network namespace of its own the host's is left alone`() throws {
        let options = try CheckpointPlan(
            try plan(Linux(namespaces: kinds("mount"))), CheckpointOptions(), someFacts()
        ).options
        #expect(options.emptyNamespaces == nil)
    }

    @Test func `streams from outside are declared, but not for a pre-dump`() throws {
        var facts = someFacts()
        facts.streams = [.inside("/dev/null"), .pipe("pipe:[5]"), .outside("file[1f:2a]")]
        var asked = CheckpointOptions()
        let dump = try CheckpointPlan(try plan(), asked, facts)
        #expect(dump.options.external == ["file[1f:2a]"])
        #expect(dump.streams == ["/dev/null", "pipe:[5]", "file[1f:2a]"])
        asked.isPreDump = true
        let older = CheckpointFacts(pid: 1, version: CriuVersion(3, 16))
        let first = try CheckpointPlan(try plan(), asked, facts)
        #expect(first.kind == .singlePreDump)
        #expect(first.options.external == [] && first.options.externalMounts == [] && first.options.tracksMemory)
        #expect(try CheckpointPlan(try plan(), asked, older).kind == .preDump)
    }

    @Test(
        "what would be lost in silence is refused under its key",
        arguments: [
            (
                ["org.swiftrun.landlock": #"{"ruleset":{"handledAccessFS":["execute"]},"rules":{}}"#], nil,
                ["mount"], "annotations[\"org.swiftrun.landlock\"]"
            ),
            ([:], "/run/agent", ["mount"], "linux.seccomp.listenerPath"),
            ([:], nil, [], "linux.namespaces"),
        ] as [(TextMap<String>, String?, [String], String)])
    func refusals(annotations: TextMap<String>, listener: String?, namespaces: [String], key: String) throws {
        var linux = Linux(namespaces: namespaces.map { LinuxNamespace(type: $0) })
        if let listener {
            linux.seccomp = LinuxSeccomp(
                defaultAction: "SCMP_ACT_ALLOW", listenerPath: listener,
                syscalls: [LinuxSyscall(names: ["mknod"], action: "SCMP_ACT_NOTIFY")])
        }
        let refused = try plan(linux, annotations: annotations)
        let error = #expect(throws: InvalidSpec.self) { try CheckpointPlan(refused, CheckpointOptions(), someFacts()) }
        #expect(error?.keyPath == key)
        let again = #expect(throws: InvalidSpec.self) {
            try RestorePlan(
                refused, RestoreOptions(), version: CriuVersion(4, 1), stage: Stage(directory: "/s"), resolved: [],
                record: nil)
        }
        #expect(again?.keyPath == key)
    }

    private func mount(_ destination: String, _ source: String, _ options: [String]) -> Mount {
        Mount(destination: destination, type: "bind", source: source, options: options)
    }

    @Test func `a process that does not descend from the init is named`() throws {
        var facts = someFacts()
        facts.strangers = [ProcessFact(pid: 99, name: "sh")]
        let error = #expect(throws: InvalidSpec.self) {
            try CheckpointPlan(try plan(), CheckpointOptions(), facts)
        }
        #expect(error?.problem.hasPrefix("process 99 (sh) does not descend from") == true)
        var asked = CheckpointOptions()
        asked.leavesRunning = true
        #expect(try CheckpointPlan(try plan(), asked, facts).warnings.count == 1)
        (asked.leavesRunning, asked.isPreDump) = (false, true)
        #expect(try CheckpointPlan(try plan(), asked, facts).warnings == [])
    }

    @Test func `mounts from outside are those of binds, by where init sees them`() throws {
        let plan = try plan(mounts: [
            mount("/link", "/src", ["bind"]), mount("/tree", "/src", ["rbind"]),
            Mount(destination: "/t", type: "tmpfs", source: "tmpfs", options: []), mount("/gone", "/src", ["bind"]),
        ])
        var facts = someFacts()
        facts.mounts = [
            MountFact(number: 1, path: "/", type: "ext4", device: "8:1"),
            MountFact(number: 2, path: "/real", type: "ext4", device: "8:2"),
            MountFact(number: 3, path: "/tree", type: "ext4", device: "8:2"),
            MountFact(number: 4, path: "/tree/sub", type: "xfs", device: "8:3"),
            MountFact(number: 5, path: "/tree/own", type: "tmpfs", device: "0:9"),
            MountFact(number: 6, path: "/t", type: "tmpfs", device: "0:9"),
            MountFact(number: 7, path: "/tree/masked", type: "tmpfs", device: "0:8"),
            MountFact(number: 8, path: "/dev/null", type: "devtmpfs", device: "0:5"),
        ]
        facts.places = [2, 3, 6, nil]
        facts.protected = [7]
        let record = try CheckpointPlan(plan, CheckpointOptions(), facts).record
        #expect(
            record.externals == [
                .init(path: "/real", destination: "/link"), .init(path: "/tree", destination: "/tree"),
                .init(path: "/tree/sub", destination: "/tree", below: "/sub"),
                .init(path: "/dev/null", destination: "/dev/null"),
            ])
        #expect(try ImageRecord(json: record.json()) == record)
    }

    @Test func `a mount of the host that the config does not have is named`() throws {
        let plan = try plan(mounts: [mount("/data", "/src", ["bind"])])
        func problem(_ mount: MountFact) -> String? {
            var facts = someFacts()
            facts.mounts = [
                MountFact(number: 1, path: "/", type: "ext4", device: "8:1", root: "/b/rootfs"),
                MountFact(number: 2, path: "/data", type: "ext4", device: "8:2", root: "/src"), mount,
            ]
            (facts.places, facts.devicesOfHost) = ([2], ["8:1", "8:2", "0:70", "0:5"])
            do throws(InvalidSpec) { _ = try CheckpointPlan(plan, CheckpointOptions(), facts) } catch {
                return error.problem
            }
            return nil
        }
        func added(_ type: String, _ device: String, _ root: String = "/") -> MountFact {
            MountFact(number: 9, path: "/x", type: type, device: device, root: root)
        }
        for mount in [
            added("tmpfs", "0:70"), added("ext4", "8:2", "/other"), added("ext4", "8:2"), added("ext4", "8:1", "/b"),
        ] {
            #expect(problem(mount)?.hasPrefix("the mount at /x is of the host") == true)
        }
        // What the container has made itself, of what it has.
        for mount in [
            added("tmpfs", "0:71"), added("ext4", "8:1", "/b/rootfs/etc"), added("ext4", "8:2", "/src/below"),
            added("sysfs", "0:5"),
        ] {
            #expect(problem(mount) == nil)
        }
    }

    @Test func `a restore finds them again at the sources that the config has now`() throws {
        let plan = try plan(mounts: [mount("/link", "/src", ["bind"]), mount("/tree", "/src", ["rbind"])])
        var record = ImageRecord()
        record.noNewPrivileges = .onSome
        #expect(try ImageRecord(json: record.json()) == record)
        record.externals = [
            .init(path: "/real", destination: "/link"), .init(path: "/tree/sub", destination: "/tree", below: "/sub"),
            .init(path: "/etc", destination: "/not-in-the-config"),
            .init(path: "/x", destination: "/tree", below: "/../../etc"),
        ]
        let restore = try RestorePlan(
            plan, RestoreOptions(), version: CriuVersion(4, 1), stage: Stage(directory: "/s"),
            resolved: ["/other", "/tree"], record: record)
        let found = Dictionary(uniqueKeysWithValues: restore.options.externalMounts.map { ($0.key, $0.value) })
        #expect(found["/real"] == "/s/mount-0")
        #expect(found["/other"] == "/s/mount-0" && found["/link"] == "/s/mount-0")
        #expect(found["/tree/sub"] == "/s/mount-1/sub")
        #expect(found["/etc"] == nil && found["/x"] == nil)
        #expect(restore.options.root == "/s/root")
    }

    @Test func `cgroups of version 1 are mounts from outside`() throws {
        var host = HostFacts.root
        host.cgroup = .legacy([.init(name: "memory", directory: "/sys/fs/cgroup/memory/c")])
        let plan = try plan(
            mounts: [Mount(destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: [])], host: host)
        let restore = try RestorePlan(
            plan, RestoreOptions(), version: CriuVersion(4, 1), stage: Stage(directory: "/s"), resolved: [], record: nil
        )
        #expect(
            restore.options.externalMounts.contains(
                KeyedPath(key: "/sys/fs/cgroup/memory", value: "/sys/fs/cgroup/memory/c")))
    }

    @Test func `only texts of known shape become descriptors`() {
        let texts = ["pipe:[12]", "file[1f:2a]", "tty[8801:1c]", "pipe:[9]"]
        #expect(
            restoredStreams(texts) == [
                KeyedDescriptor(key: "pipe:[12]", number: 0), KeyedDescriptor(key: "file[1f:2a]", number: 1),
                KeyedDescriptor(key: "tty[8801:1c]", number: 2),
            ])
        #expect(restoredStreams(["pipe:[x]", "file[1:2:3]", "extRootNetNS"]) == [])
        #expect(restoredStreams(["/dev/null", "file[1]", "pipe:[1"]) == [])
    }
}

@Suite struct ImageOptionsTests {
    @Test(
        "flags that do not go together, or mean nothing, are refused by name",
        arguments: [
            ("absolute", "--parent-path"), ("lazy", "--lazy-pages"), ("status", "--status-fd"),
            ("both", "--lazy-pages"),
        ])
    func combinations(which: String, flag: String) {
        var options = CheckpointOptions()
        switch which {
        case "absolute": options.parentPath = "/x"
        case "lazy": options.image.hasLazyPages = true
        case "status": options.statusDescriptor = 5
        default:
            (options.image.hasLazyPages, options.isPreDump, options.pageServer) = (
                true, true, .init(address: nil, port: 1)
            )
        }
        let error = #expect(throws: InvalidSpec.self) { try options.check() }
        #expect(error?.keyPath == flag)
    }

    @Test func words() throws {
        #expect(try ImageOptions.cgroupsMode(named: "ignore") == .ignore)
        #expect(try ImageOptions.cgroupsMode(named: "") == nil)
        #expect(throws: InvalidSpec.self) { try ImageOptions.cgroupsMode(named: "none") }
        #expect(try ImageOptions.networkLock(named: "skip") == .skip)
        #expect(throws: InvalidSpec.self) { try ImageOptions.networkLock(named: "") }
        #expect(try ImageOptions.pageServer("10.0.0.1:27") == PageServer(address: "10.0.0.1", port: 27))
        #expect(try ImageOptions.pageServer("[::1]:27") == PageServer(address: "::1", port: 27))
        #expect(try ImageOptions.pageServer(":27") == PageServer(address: nil, port: 27))
        for text in ["", "host", "host:", "host:0", "host:70000", "host:x"] {
            #expect(throws: InvalidSpec.self) { try ImageOptions.pageServer(text) }
        }
        #expect(try ImageOptions.securityProfile("apparmor:p") == "apparmor:p")
        for text in ["", "apparmor", "apparmor:", "x:y"] {
            #expect(throws: InvalidSpec.self) { try ImageOptions.securityProfile(text) }
        }
    }

    @Test func `what a version lacks is told with the flag`() throws {
        var asked = CheckpointOptions()
        asked.image.networkLock = .skip
        let error = #expect(throws: InvalidSpec.self) {
            try CheckpointPlan(try plan(), asked, someFacts(CriuVersion(3, 17, 1)))
        }
        #expect(error?.description == "--network-lock skip: needs criu 3.19, and there is 3.17.1")
        #expect(throws: InvalidSpec.self) {
            try CheckpointPlan(try plan(), CheckpointOptions(), someFacts(CriuVersion(3, 14)))
        }
    }
}

@Suite struct ImageTrustTests {
    private func process(_ capabilities: [String], uid: UInt32 = 5, noNewPrivileges: Bool = true) throws
        -> ContainerPlan
    {
        var process = Process(args: ["/bin/true"], cwd: "/")
        process.user = User(uid: uid, gid: uid)
        process.noNewPrivileges = noNewPrivileges
        process.capabilities = LinuxCapabilities(
            bounding: capabilities, effective: capabilities, inheritable: [], permitted: capabilities, ambient: [])
        return try plan(process: process)
    }

    private func status(_ uid: UInt32 = 5) -> ProcessStatus {
        var status = ProcessStatus()
        (status.hasNoNewPrivileges, status.isFiltered) = (true, true)
        (status.uids, status.gids) = ([uid, uid, uid, uid], [5, 5, 5, 5])
        return status
    }

    private func difference(_ plan: ContainerPlan, _ status: ProcessStatus) -> String? {
        plan.process.difference(from: status, hasFilter: true, plan.namespaces)
    }

    @Test func `a process with what the config grants, or less, is believed`() throws {
        var status = status()
        #expect(difference(try process(["CAP_KILL"]), status) == nil)
        status.effective = CapabilitySet(name: "CAP_KILL") ?? []
        #expect(difference(try process(["CAP_KILL"]), status) == nil)
    }

    @Test func `more is named`() throws {
        let plan = try process(["CAP_KILL"])
        for set in [\ProcessStatus.effective, \.permitted, \.inheritable, \.bounding, \.ambient] {
            var found = status()
            found[keyPath: set] = CapabilitySet(name: "CAP_SYS_ADMIN") ?? []
            #expect(difference(plan, found)?.contains("CAP_SYS_ADMIN") == true)
        }
        var found = status()
        found.hasNoNewPrivileges = false
        #expect(difference(plan, found)?.hasPrefix("process.noNewPrivileges") == true)
        found = status()
        found.isFiltered = false
        #expect(difference(plan, found)?.hasPrefix("linux.seccomp") == true)
    }

    @Test func `another user is one only where nobody could become one`() throws {
        #expect(difference(try process([]), status(6)) == "it is user 6, and process.user.uid is 5")
        #expect(difference(try process(["CAP_SETUID"]), status(6)) == nil)
        var found = status()
        found.groups = [5, 7]
        #expect(
            difference(try process([]), found) == "it is of group 7, which process.user.additionalGids does not have")
        #expect(difference(try process(["CAP_SETGID"]), found) == nil)
        #expect(difference(try process([], noNewPrivileges: false), status(6)) == nil)
    }
}
