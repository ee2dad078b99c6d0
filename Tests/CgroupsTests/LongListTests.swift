// Lists of limits and device rules of any length are planned in linear time.

import Foundation
import OCISpec
import Testing

@testable import Cgroups

/// Many entries in one list of `linux.resources`, or of annotations, and the host for the plan.
private struct LongList: Sendable, CustomTestStringConvertible {
    let name: String
    var host = CgroupHost.unified
    var driver = CgroupDriver.cgroupfs
    let fill: @Sendable (inout LinuxResources, inout TextMap<String>, Range<Int>) -> Void

    var testDescription: String { name }

    private static func rules(
        _ name: String, _ rule: @escaping @Sendable (Int) -> LinuxDeviceCgroup
    ) -> [LongList] {
        [
            ("v1", CgroupHost.legacy, CgroupDriver.cgroupfs), ("v2", .unified, .cgroupfs),
            ("systemd", .unified, .systemd),
        ]
        .map { host in
            LongList(name: "device rules, \(name), \(host.0)", host: host.1, driver: host.2) {
                $0.devices = $2.map(rule)
            }
        }
    }

    static let devices =
        rules("all different") { LinuxDeviceCgroup(allow: true, type: "c", major: Int64($0), minor: 1, access: "rw") }
        + rules("all the same") { _ in LinuxDeviceCgroup(allow: true, type: "c", major: 7, minor: 1, access: "rw") }
        + rules("each taken back") {
            LinuxDeviceCgroup(allow: $0 % 2 == 0, type: "c", major: Int64($0 / 2), minor: 1, access: "rw")
        }
        + rules("all majors taken back") {
            LinuxDeviceCgroup(
                allow: $0 % 2 == 0, type: "b", major: Int64($0 / 2), minor: $0 % 2 == 0 ? 1 : nil, access: "r")
        }
        + rules("by minor numbers") {
            LinuxDeviceCgroup(
                allow: $0 % 2 == 0, type: "b", major: $0 % 2 == 0 ? 8 : nil, minor: Int64($0 / 2), access: "r")
        }
        + rules("allowed beside what is denied") {
            LinuxDeviceCgroup(
                allow: $0 % 2 == 0, type: "c", major: $0 % 2 == 0 ? nil : Int64($0),
                minor: $0 % 2 == 0 ? Int64($0) : nil,
                access: $0 % 2 == 0 ? "r" : "w")
        }

    static let limits = [
        LongList(name: "hugepageLimits") { resources, _, range in
            resources.hugepageLimits = range.map { LinuxHugepageLimit(pageSize: "\($0 + 1)KB", limit: 1) }
        },
        LongList(name: "rdma") { resources, _, range in
            resources.rdma = .init(uniqueKeysWithValues: range.map { ("m\($0)", LinuxRdma(hcaHandles: 1)) })
        },
        LongList(name: "unified") { resources, _, range in
            resources.unified = .init(uniqueKeysWithValues: range.map { ("memory.x\($0)", "1") })
        },
        LongList(name: "unified, by systemd", driver: .systemd) { resources, _, range in
            resources.unified = .init(uniqueKeysWithValues: range.map { ("memory.x\($0)", "1") })
        },
        LongList(name: "unified, of many lines") { resources, _, range in
            resources.unified = ["io.max": range.map { "8:\($0) rbps=1" }.joined(separator: "\n")]
        },
        LongList(name: "throttled devices") { resources, _, range in
            var blockIO = LinuxBlockIO()
            blockIO.throttleReadBpsDevice = range.map { LinuxThrottleDevice(major: 8, minor: Int64($0), rate: 1) }
            resources.blockIO = blockIO
        },
        LongList(name: "throttled devices of all kinds, v1", host: .legacy) { resources, _, range in
            let devices = range.map { LinuxThrottleDevice(major: 8, minor: Int64($0), rate: 1) }
            resources.blockIO = LinuxBlockIO(
                throttleReadBpsDevice: devices, throttleWriteBpsDevice: devices, throttleReadIOPSDevice: devices,
                throttleWriteIOPSDevice: devices)
        },
        LongList(name: "throttled devices, by systemd", driver: .systemd) { resources, _, range in
            resources.blockIO = LinuxBlockIO(
                throttleWriteIOPSDevice: range.map { LinuxThrottleDevice(major: 8, minor: Int64($0), rate: 1) })
        },
        LongList(name: "one throttled device") { resources, _, range in
            resources.blockIO = LinuxBlockIO(
                throttleReadBpsDevice: range.map { LinuxThrottleDevice(major: 8, minor: 0, rate: UInt64($0)) })
        },
        LongList(name: "weights of devices, v1", host: .legacy) { resources, _, range in
            resources.blockIO = LinuxBlockIO(
                weightDevice: range.map { LinuxWeightDevice(major: 8, minor: Int64($0), weight: 100, leafWeight: 100) })
        },
        LongList(name: "weights of devices, v2") { resources, _, range in
            resources.blockIO = LinuxBlockIO(
                weightDevice: range.map { LinuxWeightDevice(major: 8, minor: Int64($0), weight: 100) })
        },
        LongList(name: "priorities of network interfaces", host: .legacy) { resources, _, range in
            resources.network = LinuxNetwork(
                priorities: range.map { LinuxInterfacePriority(name: "eth\($0)", priority: 1) })
        },
        LongList(name: "priorities of one network interface", host: .legacy) { resources, _, range in
            resources.network = LinuxNetwork(
                priorities: range.map { LinuxInterfacePriority(name: "eth", priority: UInt32($0)) })
        },
        LongList(name: "hugepageLimits of one size") { resources, _, range in
            resources.hugepageLimits = range.map { LinuxHugepageLimit(pageSize: "2MB", limit: UInt64($0)) }
        },
        LongList(name: "CPUs and memory nodes, v1", host: .legacy) { resources, _, range in
            let text = range.map { "\($0 % 999)" }.joined(separator: ",")
            resources.cpu = LinuxCPU(cpus: text, mems: text)
        },
        LongList(name: "CPUs and memory nodes, by systemd", driver: .systemd) { resources, _, range in
            let text = range.map { "\($0 % 999)" }.joined(separator: ",")
            resources.cpu = LinuxCPU(cpus: text, mems: text)
        },
        LongList(name: "rdma, v1", host: .legacy) { resources, _, range in
            resources.rdma = .init(uniqueKeysWithValues: range.map { ("m\($0)", LinuxRdma(hcaHandles: 1)) })
        },
        LongList(name: "systemd's properties", driver: .systemd) { _, annotations, range in
            annotations = .init(uniqueKeysWithValues: range.map { ("org.systemd.property.P\($0)X", "true") })
        },
    ]
}

@Suite(.serialized, .timeLimit(.minutes(5))) struct LongListTests {
    /// A quadratic algorithm takes a hundred times as long for ten times as many entries.
    @Test(arguments: LongList.devices + LongList.limits) private func `are planned`(list: LongList) throws {
        var ratio = 0.0
        for _ in 0..<3 {
            let few = time(list, 10_000)
            ratio = time(list, 100_000) / max(few, 0.002)
            if ratio < 30 { return }
        }
        Issue.record("ten times as many take \(ratio) times as long")
    }

    private func time(_ list: LongList, _ count: Int) -> Double {
        var resources = LinuxResources()
        var annotations: TextMap<String> = [:]
        list.fill(&resources, &annotations, 0..<count)
        let start = clock()
        // A list that the kernel could not store is refused equally fast.
        if let plan = try? CgroupPlan(
            cgroupsPath: list.driver == .systemd ? "a.slice:b:c" : "/web", containerID: "web", resources: resources,
            annotations: annotations, driver: list.driver, host: list.host), let devices = plan.devices
        {
            if list.host.hierarchy == .unified {
                _ = DeviceProgram(devices)
            } else if let legacy = try? LegacyDevices(devices) {
                _ = legacy.transitions(
                    from: LegacyDevices(list: legacy.transitions(from: nil).map(\.text).joined(separator: "\n")))
            }
        }
        return Double(clock() - start) / Double(CLOCKS_PER_SEC)
    }
}
