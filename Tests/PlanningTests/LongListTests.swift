// Lists of any length are read and planned in linear time.

import Foundation
import OCISpec
import Testing

@testable import Planning

/// The CPU time of a closure, in seconds.
private func time(_ body: () throws -> Void) rethrows -> Double {
    let start = clock()
    try body()
    return Double(clock() - start) / Double(CLOCKS_PER_SEC)
}

/// One list of config.json, and the expected result for a config with many entries in it.
private struct LongList: Sendable, CustomTestStringConvertible {
    let name: String
    let fill: @Sendable (inout Spec, Range<Int>) -> Void
    /// The end of the message that refuses a hundred thousand entries; nil if they are planned.
    let refusal: String?

    init(_ name: String, refusal: String? = nil, _ fill: @escaping @Sendable (inout Spec, Range<Int>) -> Void) {
        self.name = name
        self.fill = fill
        self.refusal = refusal
    }

    var testDescription: String { name }

    static let ofSpec = [
        LongList("annotations") { $0.annotations = .init(uniqueKeysWithValues: $1.map { ("a\($0)", "b") }) },
        LongList("mounts") {
            $0.mounts = $1.map { Mount(destination: "/m\($0)", type: "tmpfs", source: "x", options: ["ro"]) }
        },
        LongList("mounts[0].options") {
            $0.mounts = [Mount(destination: "/m", type: "ext4", source: "x", options: $1.map { "o\($0)=1" })]
        },
        LongList("mounts[0].options in one") {
            let text = $1.map { "o\($0)=1" }.joined(separator: ",")
            $0.mounts = [Mount(destination: "/m", type: "ext4", source: "x", options: [text])]
        },
        LongList("hooks.prestart") { $0.hooks = Hooks(prestart: $1.map { Hook(path: "/h\($0)") }) },
        LongList("hooks.poststop[0].args") { $0.hooks = Hooks(poststop: [Hook(path: "/h", args: $1.map { "\($0)" })]) },
        LongList("hooks.poststop[0].env") {
            $0.hooks = Hooks(poststop: [Hook(path: "/h", env: $1.map { "V\($0)=1" })])
        },
    ]

    static let ofProcess = [
        LongList("process.args") { $0.process?.args = $1.map { "\($0)" } },
        LongList("process.env") { $0.process?.env = $1.map { "V\($0)=1" } },
        LongList("process.env of one name") { $0.process?.env = $1.map { "V=\($0)" } },
        LongList("PATH") { $0.process?.env = ["PATH=" + $1.map { "/d\($0)" }.joined(separator: ":")] },
        LongList("process.capabilities") {
            $0.process?.capabilities = LinuxCapabilities(bounding: $1.map { "CAP_\($0)" })
        },
        LongList("process.rlimits", refusal: "process.rlimits[1]: duplicate resource \"RLIMIT_NOFILE\"") {
            $0.process?.rlimits = $1.map { _ in POSIXRlimit(type: "RLIMIT_NOFILE", hard: 1, soft: 1) }
        },
        LongList("process.user.additionalGids") { $0.process?.user.additionalGids = $1.map { UInt32($0) } },
        LongList("process.execCPUAffinity", refusal: "process.execCPUAffinity.initial: 65536 is more than 65535") {
            $0.process?.execCPUAffinity = CPUAffinity(initial: $1.map { "\($0)" }.joined(separator: ","))
        },
    ]

    static let ofLinux = [
        LongList("linux.sysctl") { $0.linux?.sysctl = .init(uniqueKeysWithValues: $1.map { ("net.a.b\($0)", "1") }) },
        LongList("linux.devices") {
            $0.linux?.devices = $1.map { LinuxDevice(path: "/dev/x\($0)", type: "c", major: 1, minor: 3) }
        },
        LongList("linux.netDevices") {
            $0.linux?.netDevices = .init(uniqueKeysWithValues: $1.map { ("a\($0)", LinuxNetDevice(name: "b\($0)")) })
        },
        LongList("linux.maskedPaths") { $0.linux?.maskedPaths = $1.map { "/m\($0)" } },
        LongList("linux.readonlyPaths") { $0.linux?.readonlyPaths = $1.map { "/r\($0)" } },
        LongList("linux.namespaces", refusal: "duplicate namespace \"user\"") {
            $0.linux?.namespaces += $1.map { _ in LinuxNamespace(type: "user") }
        },
        LongList("linux.uidMappings", refusal: "linux.uidMappings: the kernel takes 340 ranges, found 100000") {
            $0.linux?.namespaces.append(LinuxNamespace(type: "user"))
            $0.linux?.uidMappings = $1.map { LinuxIDMapping(containerID: UInt32($0), hostID: UInt32($0), size: 1) }
            $0.linux?.gidMappings = [LinuxIDMapping(containerID: 0, hostID: 0, size: 1)]
        },
        LongList("linux.gidMappings", refusal: "linux.gidMappings: the kernel takes 340 ranges, found 100000") {
            $0.linux?.namespaces.append(LinuxNamespace(type: "user"))
            $0.linux?.gidMappings = $1.map { LinuxIDMapping(containerID: UInt32($0), hostID: UInt32($0), size: 1) }
            $0.linux?.uidMappings = [LinuxIDMapping(containerID: 0, hostID: 0, size: 1)]
        },
        LongList("linux.resources.devices") {
            var resources = LinuxResources()
            resources.devices = $1.map {
                LinuxDeviceCgroup(allow: $0 % 3 != 0, type: "c", major: Int64($0), minor: 1, access: "rw")
            }
            $0.linux?.resources = resources
        },
        LongList("linux.intelRdt.schemata") {
            var rdt = LinuxIntelRdt()
            rdt.schemata = $1.map { "L3:\($0)=f" }
            $0.linux?.intelRdt = rdt
        },
        LongList("linux.intelRdt.l3CacheSchema") {
            var rdt = LinuxIntelRdt()
            rdt.l3CacheSchema = $1.map { "L3:\($0)=f" }.joined(separator: "\n")
            $0.linux?.intelRdt = rdt
        },
        LongList("linux.seccomp.syscalls") {
            $0.linux?.seccomp = LinuxSeccomp(
                defaultAction: "SCMP_ACT_ALLOW",
                syscalls: $1.map { LinuxSyscall(names: ["c\($0)"], action: "SCMP_ACT_ERRNO") })
        },
        LongList("linux.seccomp.syscalls[0].names") {
            $0.linux?.seccomp = LinuxSeccomp(
                defaultAction: "SCMP_ACT_ALLOW",
                syscalls: [LinuxSyscall(names: $1.map { "c\($0)" }, action: "SCMP_ACT_ERRNO")])
        },
    ]

    /// Lists inside of lists, names that repeat, and places that are covered again and again.
    static let further = [
        LongList("rules of Landlock") {
            let rules = $1.map { #"{"allowedAccess":["read_file"],"paths":["/p\#($0)"]}"# }.joined(separator: ",")
            $0.annotations = ["org.swiftrun.landlock": landlock(rules)]
        },
        LongList("paths of a rule of Landlock") {
            let paths = $1.map { #""/p\#($0)""# }.joined(separator: ",")
            $0.annotations = [
                "org.swiftrun.landlock": landlock(#"{"allowedAccess":["read_file"],"paths":[\#(paths)]}"#)
            ]
        },
        LongList("mounts on one place") {
            $0.mounts = $1.map { _ in Mount(destination: "/m", type: "tmpfs", source: "x") }
        },
        LongList("mounts on one another") {
            $0.mounts = $1.map { Mount(destination: "/m/\($0 % 7)/\($0)", type: "tmpfs", source: "x") }
        },
        LongList("mounts with a mapping") {
            let ids = [LinuxIDMapping(containerID: 0, hostID: 100_000, size: 1)]
            $0.mounts = $1.map {
                Mount(
                    destination: "/m\($0)", type: "bind", source: "/s", options: ["bind"], uidMappings: ids,
                    gidMappings: ids)
            }
        },
        LongList("mounts[0].uidMappings", refusal: "mounts[0].uidMappings: the kernel takes 340 ranges, found 100000") {
            let ids = $1.map { LinuxIDMapping(containerID: UInt32($0), hostID: UInt32($0), size: 1) }
            $0.mounts = [
                Mount(
                    destination: "/m", type: "bind", source: "/s", options: ["bind"], uidMappings: ids,
                    gidMappings: [LinuxIDMapping(containerID: 0, hostID: 0, size: 1)])
            ]
        },
        LongList("hooks.createContainer") { $0.hooks = Hooks(createContainer: $1.map { Hook(path: "/h\($0)") }) },
        LongList("process.capabilities.ambient") {
            $0.process?.capabilities = LinuxCapabilities(ambient: $1.map { "CAP_\($0)" })
        },
        LongList("one capability") {
            $0.process?.capabilities = LinuxCapabilities(bounding: $1.map { _ in "CAP_CHOWN" })
        },
        LongList("process.user.additionalGids of one number") {
            $0.process?.user.additionalGids = $1.map { _ in 7 }
        },
        LongList("CPUs of an exec process") {
            $0.process?.execCPUAffinity = CPUAffinity(initial: $1.map { "\($0 % 999)" }.joined(separator: ","))
        },
        LongList("linux.devices of one path") {
            $0.linux?.devices = $1.map { _ in LinuxDevice(path: "/dev/x", type: "c", major: 1, minor: 3) }
        },
        LongList("linux.maskedPaths of one path") { $0.linux?.maskedPaths = $1.map { _ in "/m" } },
        LongList("linux.memoryPolicy.nodes", refusal: "has too many overlapping ranges") {
            $0.linux?.memoryPolicy = LinuxMemoryPolicy(
                mode: "MPOL_BIND", nodes: $1.map { "\($0 % 60)" }.joined(separator: ","))
        },
        LongList("linux.seccomp.syscalls of one name") {
            $0.linux?.seccomp = LinuxSeccomp(
                defaultAction: "SCMP_ACT_ALLOW",
                syscalls: $1.map {
                    LinuxSyscall(
                        names: ["read"], action: "SCMP_ACT_ERRNO",
                        args: [LinuxSeccompArg(index: 0, value: UInt64($0), op: "SCMP_CMP_EQ")])
                })
        },
        LongList("linux.seccomp.syscalls[0].args") {
            $0.linux?.seccomp = LinuxSeccomp(
                defaultAction: "SCMP_ACT_ALLOW",
                syscalls: [
                    LinuxSyscall(
                        names: ["read"], action: "SCMP_ACT_ERRNO",
                        args: $1.map { LinuxSeccompArg(index: UInt32($0 % 6), value: UInt64($0), op: "SCMP_CMP_EQ") })
                ])
        },
        LongList("linux.seccomp.architectures") {
            $0.linux?.seccomp = LinuxSeccomp(
                defaultAction: "SCMP_ACT_ALLOW", architectures: $1.map { _ in "SCMP_ARCH_X86_64" })
        },
    ]

    private static func landlock(_ rules: String) -> String {
        #"{"ruleset":{"handledAccessFS":["read_file"]},"rules":{"pathBeneath":[\#(rules)]}}"#
    }

    static let all = ofSpec + ofProcess + ofLinux + further
}

/// A quadratic algorithm takes a hundred times as long for ten times as many entries, a linear one ten times, or twice that
/// if caches overflow.
@Suite(.serialized, .timeLimit(.minutes(5))) struct LongListTests {
    @Test(arguments: LongList.all) private func `is planned`(list: LongList) throws {
        var ratio = 0.0
        for _ in 0..<3 {
            let few = try once(list, 10_000, check: false)
            let many = try once(list, 100_000, check: true)
            ratio = many / max(few, 0.002)
            if ratio < 30 { return }
        }
        Issue.record("ten times as many take \(ratio) times as long")
    }

    private func once(_ list: LongList, _ count: Int, check: Bool) throws -> Double {
        var spec = Spec.container()
        list.fill(&spec, 0..<count)
        let config = spec.json()
        var answer = ""
        let time = try time {
            let spec = try Spec(config: config)
            do { _ = try spec.plan() } catch { answer = "\(error)" }
        }
        if check {
            if let refusal = list.refusal {
                #expect(answer.contains(refusal), "\(answer)")
            } else {
                #expect(answer == "")
            }
        }
        return time
    }

    @Test func `of unknown properties is reported`() throws {
        var ratio = 0.0
        for _ in 0..<3 {
            let few = try report(10_000)
            ratio = try report(100_000) / max(few, 0.002)
            if ratio < 30 { return }
        }
        Issue.record("ten times as many take \(ratio) times as long")
    }

    private func report(_ count: Int) throws -> Double {
        let properties = (0..<count).map { #""p\#($0)":0"# }.joined(separator: ",")
        let config = Array(#"{"ociVersion":"1.2.0",\#(properties)}"#.utf8)
        var found = 0
        let time = try time { _ = try Spec(config: config) { _ in found += 1 } }
        // The first twenty, and one sentence about the rest.
        #expect(found == min(count, 21))
        return time
    }

    @Test func `finds repeated names`() {
        var names = EarlierNames()
        for number in 0..<40 { #expect(names.place(of: "n\(number)", at: number * 2) == nil) }
        for number in 0..<40 { #expect(names.place(of: "n\(number)", at: 100) == number * 2) }
    }
}
