// How far what an image says of mounts and settings of processes is believed.

import Kernel
import OCISpec
import Testing

@testable import Planning

private func plan(_ capabilities: [String] = [], hooks: Bool = false) throws -> ContainerPlan {
    var process = Process(args: ["/bin/true"], cwd: "/")
    process.capabilities = LinuxCapabilities(
        bounding: capabilities, effective: [], inheritable: [], permitted: [], ambient: [])
    process.rlimits = [POSIXRlimit(type: "RLIMIT_NOFILE", hard: 20, soft: 10)]
    process.oomScoreAdj = 100
    process.apparmorProfile = "box"
    var spec = Spec(ociVersion: "1.2.0")
    spec.process = process
    spec.root = Root(path: "rootfs", readonly: true)
    spec.mounts = [
        Mount(destination: "/proc", type: "proc", source: "proc", options: []),
        Mount(destination: "/tmp", type: "tmpfs", source: "tmpfs", options: ["nosuid", "noexec"]),
        Mount(destination: "/data", type: "bind", source: "/srv", options: ["rbind"]),
    ]
    var linux = Linux(namespaces: ["mount", "pid"].map { LinuxNamespace(type: $0) })
    linux.maskedPaths = ["/proc/keys"]
    linux.readonlyPaths = ["/proc/sys"]
    spec.linux = linux
    if hooks { spec.hooks = Hooks(prestart: [Hook(path: "/bin/true")]) }
    return try ContainerPlan(spec: spec, id: "c", bundle: "/b", host: .root)
}

private let stage = Stage(directory: "/s")

/// What agrees with the plan.
private func agreement() -> MountEvidence {
    var evidence = MountEvidence()
    evidence.mounts = [
        MountFact(number: 1, path: "/", type: "ext4", device: "8:1", root: "/b/rootfs", attributes: .readOnly),
        MountFact(number: 2, path: "/proc", type: "proc", device: "0:2"),
        MountFact(number: 3, path: "/tmp", type: "tmpfs", device: "0:3", attributes: [.noSuid, .noExec]),
        MountFact(number: 4, path: "/data", type: "ext4", device: "8:2", root: "/srv"),
        MountFact(number: 5, path: "/data/inner", type: "xfs", device: "8:3"),
        MountFact(number: 6, path: "/proc/keys", type: "tmpfs", device: "0:3", root: "/null"),
        MountFact(number: 7, path: "/proc/sys", type: "proc", device: "0:2", root: "/sys", attributes: .readOnly),
    ]
    evidence.outside = [
        MountFact(number: 20, path: "/", type: "ext4", device: "8:1"),
        MountFact(number: 21, path: "/dev", type: "devtmpfs", device: "0:9"),
        MountFact(number: 22, path: "/s/root", type: "ext4", device: "8:1", root: "/b/rootfs"),
        MountFact(number: 23, path: "/s/mount-2", type: "ext4", device: "8:2", root: "/srv"),
        MountFact(number: 24, path: "/s/mount-2/inner", type: "xfs", device: "8:3"),
    ]
    evidence.cgroups = [MountOrigin(device: "0:30", root: "/c")]
    evidence.places = [2, 3, 4]
    (evidence.masked, evidence.readOnly) = ([.mount(6)], [.mount(7)])
    return evidence
}

@Suite struct MountTrustTests {
    private func change(_ number: UInt64, _ edit: (inout MountFact) -> Void) -> MountEvidence {
        var evidence = agreement()
        for index in evidence.mounts.indices where evidence.mounts[index].number == number {
            edit(&evidence.mounts[index])
        }
        return evidence
    }

    private func adding(_ mount: MountFact) -> MountEvidence {
        var evidence = agreement()
        evidence.mounts.append(mount)
        return evidence
    }

    @Test func `mounts that are the config's are believed`() throws {
        #expect(try plan().difference(from: agreement(), stage) == nil)
        // The destination's link leads elsewhere; what it covers is there still.
        let moved = change(3) { $0.path = "/private/tmp" }
        #expect(try plan().difference(from: moved, stage) == nil)
        // The host may lack what the config masks.
        var evidence = agreement()
        evidence.masked = [.missing]
        evidence.mounts.removeAll { $0.number == 6 }
        #expect(try plan().difference(from: evidence, stage) == nil)
    }

    @Test func `a difference names the key`() throws {
        var unmasked = agreement()
        unmasked.masked = [.plain]
        unmasked.mounts.removeAll { $0.number == 6 }
        var absent = agreement()
        absent.places[1] = nil
        let rows: [(String, MountEvidence, String)] = [
            ("root", change(1) { $0.root = "/" }, "root.path is /b/rootfs"),
            ("device of the root", change(1) { $0.device = "8:7" }, "root.path is /b/rootfs"),
            ("writable root", change(1) { $0.attributes = [] }, "root.readonly"),
            ("type", change(3) { $0.type = "proc" }, "mounts[1].type is tmpfs"),
            ("source", change(4) { $0.root = "/etc" }, "mounts[2].source is /srv"),
            ("option", change(3) { $0.attributes = [.noSuid] }, "mounts[1].options have noexec"),
            ("no mount", absent, "mounts[1] is at /tmp"),
            ("unmasked", unmasked, "linux.maskedPaths[0] is /proc/keys"),
            ("masked by itself", change(6) { $0.type = "proc" }, "linux.maskedPaths[0] is /proc/keys"),
            ("writable", change(7) { $0.attributes = [] }, "linux.readonlyPaths[0] is /proc/sys"),
        ]
        for (name, evidence, words) in rows {
            let text = try plan().difference(from: evidence, stage)
            #expect(text?.hasPrefix(words) == true, "\(name): \(text ?? "believed")")
        }
        // Who may mount may have done all that, but not have changed what the root is of.
        for (name, evidence, _) in rows.dropFirst(2) where !["source"].contains(name) {
            #expect(try plan(["CAP_SYS_ADMIN"]).difference(from: evidence, stage) == nil, "\(name)")
        }
    }

    @Test(
        "further mounts",
        arguments: [
            ("tmpfs", "0:50", "/", "config.json does not account", nil),
            ("proc", "0:51", "/", "config.json does not account", nil),
            ("ext4", "8:1", "/b/rootfs/etc", "config.json does not account", nil),
            ("cgroup2", "0:30", "/c/below", "config.json does not account", nil),
            ("ext4", "8:1", "/", "has files of the host", "has files of the host"),
            ("ext4", "8:9", "/", "has files of the host", "has files of the host"),
            ("devtmpfs", "0:9", "/", "has files of the host", "has files of the host"),
            ("overlay", "0:60", "/", "has files of the host", "has files of the host"),
            ("cgroup2", "0:30", "/", "has cgroups of others", "has cgroups of others"),
            ("cgroup", "0:31", "/c", "has cgroups of others", "has cgroups of others"),
        ] as [(String, String, String, String?, String?)])
    func further(type: String, device: String, root: String, words: String?, wordsOfMounter: String?) throws {
        let evidence = adding(MountFact(number: 40, path: "/x", type: type, device: device, root: root))
        for (plan, words) in [
            (try plan(), words), (try plan(hooks: true), wordsOfMounter), (try plan(["CAP_SYS_ADMIN"]), wordsOfMounter),
        ] {
            let text = plan.difference(from: evidence, stage)
            if let words {
                #expect(text?.firstRange(of: words) != nil, "\(text ?? "believed")")
            } else {
                #expect(text == nil)
            }
        }
    }
}

@Suite struct ProcessSettingsTests {
    private func settings() -> ProcessSettings {
        var settings = ProcessSettings()
        (settings.hardLimits, settings.oomScoreAdjustment, settings.schedulingPolicy) = ([20], 100, 0)
        settings.label = "box (enforce)"
        return settings
    }

    private func difference(
        _ capabilities: [String] = [], _ edit: (inout ProcessSettings) -> Void = { _ in }, ignoringLabel: Bool = false
    ) throws -> String? {
        var settings = settings()
        edit(&settings)
        return try plan(capabilities).process.difference(from: settings, isInit: true, ignoringLabel: ignoringLabel)
    }

    @Test func `more than the config grants is named, unless a capability allows it`() throws {
        #expect(try difference() == nil)
        #expect(try difference([]) { $0.hardLimits = [21] }?.hasPrefix("its limit RLIMIT_NOFILE is 21") == true)
        #expect(try difference(["CAP_SYS_RESOURCE"]) { $0.hardLimits = [21] } == nil)
        #expect(try difference([]) { $0.oomScoreAdjustment = 99 }?.hasPrefix("its oom_score_adj is 99") == true)
        #expect(try difference(["CAP_SYS_RESOURCE"]) { $0.oomScoreAdjustment = 99 } == nil)
        #expect(try difference([]) { $0.schedulingPolicy = 1 }?.hasPrefix("it has scheduling policy 1") == true)
        #expect(try difference(["CAP_SYS_NICE"]) { $0.schedulingPolicy = 1 } == nil)
        #expect(try difference([]) { ($0.hardLimits, $0.oomScoreAdjustment) = ([5], 500) } == nil)
    }

    @Test func `labels are those of the config, or below them`() throws {
        for label in ["unconfined", "other (enforce)", "boxes (enforce)", ""] {
            #expect(try difference([]) { $0.label = label }?.hasPrefix("its AppArmor profile is") == true)
            #expect(try difference([], { $0.label = label }, ignoringLabel: true) == nil)
        }
        #expect(try difference([]) { $0.label = "box//inner (enforce)" } == nil)
        #expect(try difference([]) { $0.label = "box" } == nil)
    }
}
