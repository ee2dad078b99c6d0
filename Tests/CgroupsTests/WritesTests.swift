// `linux.resources` as values for files, one property after the other.

import OCISpec
import Testing

@testable import Cgroups

/// One row of the table.
struct Row: Sendable, CustomTestStringConvertible {
    var resources: LinuxResources
    var expected: [String]
    var testDescription: String { expected.joined(separator: "; ") }

    init(_ expected: [String], _ resources: LinuxResources) {
        self.resources = resources
        self.expected = expected
    }

    static func memory(_ expected: [String], _ memory: LinuxMemory) -> Row {
        Row(expected, LinuxResources(memory: memory))
    }
    static func cpu(_ expected: [String], _ cpu: LinuxCPU) -> Row { Row(expected, LinuxResources(cpu: cpu)) }
    static func blockIO(_ expected: [String], _ io: LinuxBlockIO) -> Row { Row(expected, LinuxResources(blockIO: io)) }
}

struct LegacyWritesTests {
    private func summary(_ resources: LinuxResources, _ current: CurrentLimits? = nil) throws -> [String] {
        try LimitWrites(resources, hierarchy: .legacy, current: current).writes.map(\.summary)
    }

    @Test(arguments: [
        Row.memory(["memory.limit_in_bytes = 100"], LinuxMemory(limit: 100)),
        .memory([], LinuxMemory(limit: 0)),
        .memory(
            ["memory.limit_in_bytes = 100", "memory.memsw.limit_in_bytes = 300"], LinuxMemory(limit: 100, swap: 300)),
        .memory(
            ["memory.limit_in_bytes = -1", "memory.memsw.limit_in_bytes = -1"], LinuxMemory(limit: -1)),
        .memory(["memory.soft_limit_in_bytes = 50"], LinuxMemory(reservation: 50)),
        .memory(["memory.swappiness = 0"], LinuxMemory(swappiness: 0)),
        .memory([], LinuxMemory(swappiness: .max)),
        .memory(["memory.oom_control = 1"], LinuxMemory(disableOOMKiller: true)),
        .memory([], LinuxMemory(kernel: 5, kernelTCP: 5, disableOOMKiller: false, checkBeforeUpdate: true)),
        .memory(["memory.use_hierarchy = 1"], LinuxMemory(useHierarchy: true)),
        .cpu(["cpu.shares = 512"], LinuxCPU(shares: 512)),
        .cpu([], LinuxCPU(shares: 0, quota: 0, period: 0)),
        .cpu(["cpu.cfs_period_us = 50000", "cpu.cfs_quota_us = -1"], LinuxCPU(quota: -1, period: 50_000)),
        .cpu(["cpu.cfs_burst_us = 7"], LinuxCPU(burst: 7)),
        .cpu(
            ["cpu.rt_period_us = 1000", "cpu.rt_runtime_us = 500"],
            LinuxCPU(realtimeRuntime: 500, realtimePeriod: 1_000)),
        .cpu(["cpu.idle = 1"], LinuxCPU(idle: 1)),
        .cpu(["cpu.idle = 1"], LinuxCPU(shares: 512, idle: 1)),
        .cpu(["cpu.idle = 0", "cpu.shares = 512"], LinuxCPU(shares: 512, idle: 0)),
        .cpu(["cpu.cfs_burst_us = 0"], LinuxCPU(burst: 0)),
        .cpu(["cpu.rt_runtime_us = -1"], LinuxCPU(realtimeRuntime: -1, realtimePeriod: 0)),
        .cpu([], LinuxCPU(realtimeRuntime: 0, realtimePeriod: 0)),
        .memory([], LinuxMemory(limit: 0, reservation: 0, swap: 0, kernel: 0, kernelTCP: 0)),
        .memory(["memory.soft_limit_in_bytes = -1"], LinuxMemory(reservation: -1)),
        .memory(["memory.memsw.limit_in_bytes = -1"], LinuxMemory(swap: -1)),
        .blockIO([], LinuxBlockIO(weight: 0, leafWeight: 0)),
        .blockIO(
            [], LinuxBlockIO(weightDevice: [LinuxWeightDevice(major: 8, minor: 0, weight: 0, leafWeight: 0)])),
        .blockIO(
            ["blkio.throttle.read_bps_device = 8:0 0"],
            LinuxBlockIO(throttleReadBpsDevice: [LinuxThrottleDevice(major: 8, minor: 0, rate: 0)])),
        Row(
            ["hugetlb.2MB.limit_in_bytes = 0", "hugetlb.2MB.rsvd.limit_in_bytes = 0"],
            LinuxResources(hugepageLimits: [LinuxHugepageLimit(pageSize: "2MB", limit: 0)])),
        Row([], LinuxResources(network: LinuxNetwork(classID: 0))),
        Row(
            ["rdma.max = mlx hca_handle=0 hca_object=0"],
            LinuxResources(rdma: ["mlx": LinuxRdma(hcaHandles: 0, hcaObjects: 0)])),
        .cpu(["cpuset.cpus = 0-1", "cpuset.mems = 0"], LinuxCPU(cpus: "0-1", mems: "0")),
        .cpu([], LinuxCPU(cpus: "", mems: "")),
        Row(["pids.max = 5"], LinuxResources(pids: LinuxPids(limit: 5))),
        Row(["pids.max = 1"], LinuxResources(pids: LinuxPids(limit: 0))),
        Row(["pids.max = max"], LinuxResources(pids: LinuxPids(limit: -1))),
        .blockIO(["blkio.weight = 10"], LinuxBlockIO(weight: 10)),
        .blockIO(["blkio.leaf_weight = 10"], LinuxBlockIO(leafWeight: 10)),
        .blockIO(
            ["blkio.weight_device = 8:0 20", "blkio.leaf_weight_device = 8:0 30"],
            LinuxBlockIO(weightDevice: [LinuxWeightDevice(major: 8, minor: 0, weight: 20, leafWeight: 30)])),
        .blockIO(
            [
                "blkio.throttle.read_bps_device = 8:0 1", "blkio.throttle.write_bps_device = 8:0 2",
                "blkio.throttle.read_iops_device = 8:0 3", "blkio.throttle.write_iops_device = 8:0 4",
            ],
            LinuxBlockIO(
                throttleReadBpsDevice: [LinuxThrottleDevice(major: 8, minor: 0, rate: 1)],
                throttleWriteBpsDevice: [LinuxThrottleDevice(major: 8, minor: 0, rate: 2)],
                throttleReadIOPSDevice: [LinuxThrottleDevice(major: 8, minor: 0, rate: 3)],
                throttleWriteIOPSDevice: [LinuxThrottleDevice(major: 8, minor: 0, rate: 4)])),
        Row(
            ["hugetlb.2MB.limit_in_bytes = 4", "hugetlb.2MB.rsvd.limit_in_bytes = 4"],
            LinuxResources(hugepageLimits: [LinuxHugepageLimit(pageSize: "2MB", limit: 4)])),
        Row(
            ["net_cls.classid = 1048577", "net_prio.ifpriomap = eth0 5"],
            LinuxResources(
                network: LinuxNetwork(
                    classID: 0x100001, priorities: [LinuxInterfacePriority(name: "eth0", priority: 5)]))),
        Row(
            ["rdma.max = mlx hca_handle=3 hca_object=4"],
            LinuxResources(rdma: ["mlx": LinuxRdma(hcaHandles: 3, hcaObjects: 4)])),
        Row(["rdma.max = mlx hca_object=4"], LinuxResources(rdma: ["mlx": LinuxRdma(hcaObjects: 4)])),
        Row([], LinuxResources(rdma: ["mlx": LinuxRdma()])),
    ])
    func `become files`(row: Row) throws { #expect(try summary(row.resources) == row.expected) }

    @Test func `write the pair of memory limits in the order the kernel needs`() throws {
        let memory = LinuxResources(memory: LinuxMemory(limit: 100, swap: 300))
        let limit = "memory.limit_in_bytes = 100"
        let both = "memory.memsw.limit_in_bytes = 300"
        #expect(try summary(memory, CurrentLimits(memoryAndSwap: 200)) == [both, limit])
        #expect(try summary(memory, CurrentLimits(memoryAndSwap: 400)) == [limit, both])
    }

    @Test func `write the block IO weight under either name`() throws {
        let write = try #require(
            try LimitWrites(LinuxResources(blockIO: LinuxBlockIO(weight: 10)), hierarchy: .legacy).writes.first)
        #expect(write.absence == .instead([.init(file: "blkio.bfq.weight", value: "10")]))
        #expect(write.key == "linux.resources.blockIO.weight")
    }

    @Test(arguments: [
        (
            LinuxResources(unified: ["memory.high": "1"]),
            "linux.resources.unified[\"memory.high\"]: invalid configuration: cannot be used on a host with cgroup v1"
        ),
        (
            LinuxResources(memory: LinuxMemory(swappiness: 101)),
            "linux.resources.memory.swappiness: expected a number from 0 to 100, found 101"
        ),
        (
            LinuxResources(hugepageLimits: [LinuxHugepageLimit(pageSize: "../x", limit: 1)]),
            "linux.resources.hugepageLimits[0].pageSize: expected a size such as 2MB or 1GB, found \"../x\""
        ),
        (
            LinuxResources(network: LinuxNetwork(priorities: [LinuxInterfacePriority(name: "a b", priority: 1)])),
            "linux.resources.network.priorities[0].name: a name cannot be empty or hold white space"
        ),
    ])
    func `are refused with the reason`(resources: LinuxResources, reason: String) {
        let refusal = failure { () throws(CgroupFailure) in try LimitWrites(resources, hierarchy: .legacy) }
        #expect(refusal == CgroupFailure(.invalid, reason))
    }

    @Test func `for a controller that is not mounted are refused before anything is made`() {
        let refusal = failure { () throws(CgroupFailure) in
            try CgroupPlan(
                cgroupsPath: "/web", containerID: "web",
                resources: LinuxResources(rdma: ["mlx": LinuxRdma(hcaObjects: 4)]), driver: .cgroupfs, host: .legacy)
        }
        #expect(
            refusal
                == CgroupFailure(
                    .unavailable, "linux.resources.rdma[\"mlx\"]: the host has no rdma cgroup controller for rdma.max"))
    }

    @Test func `that the kernel no longer supports are noted`() throws {
        let memory = LinuxResources(memory: LinuxMemory(kernel: 1, kernelTCP: 1))
        #expect(
            try LimitWrites(memory, hierarchy: .legacy).notes == [
                "linux.resources.memory.kernel: no longer supported by the kernel, ignored",
                "linux.resources.memory.kernelTCP: no longer supported, ignored",
            ])
    }
}

struct UnifiedWritesTests {
    private func summary(_ resources: LinuxResources, _ current: CurrentLimits? = nil) throws -> [String] {
        try LimitWrites(resources, hierarchy: .unified, current: current).writes.map(\.summary)
    }

    @Test(arguments: [
        Row.memory(["memory.max = 100"], LinuxMemory(limit: 100)),
        .memory(["memory.swap.max = max", "memory.max = max"], LinuxMemory(limit: -1)),
        .memory(["memory.swap.max = 200", "memory.max = 100"], LinuxMemory(limit: 100, swap: 300)),
        .memory(["memory.low = 50"], LinuxMemory(reservation: 50)),
        .memory(["memory.low = max"], LinuxMemory(reservation: -1)),
        .memory([], LinuxMemory(limit: 0, reservation: 0, swap: 0, kernel: 0, kernelTCP: 0)),
        .memory(["memory.swap.max = max"], LinuxMemory(swap: -1)),
        .memory(["memory.swap.max = max", "memory.max = 100"], LinuxMemory(limit: 100, swap: -1)),
        .memory(["memory.max = 100"], LinuxMemory(limit: 100, swap: 0)),
        .memory(["memory.swap.max = 0", "memory.max = 100"], LinuxMemory(limit: 100, swap: 100)),
        .memory(["memory.swap.max = 300", "memory.max = max"], LinuxMemory(limit: -1, swap: 300)),
        .memory(["memory.swap.max = max", "memory.max = max"], LinuxMemory(limit: -1, swap: -1)),
        .memory([], LinuxMemory(kernel: 1, swappiness: 60, disableOOMKiller: true, useHierarchy: true)),
        .cpu(["cpu.weight = 59"], LinuxCPU(shares: 512)),
        .cpu([], LinuxCPU(shares: 0)),
        .cpu(["cpu.max = 5000 100000"], LinuxCPU(quota: 5_000)),
        .cpu(["cpu.max = 5000 50000"], LinuxCPU(quota: 5_000, period: 50_000)),
        .cpu(["cpu.max = max 50000"], LinuxCPU(period: 50_000)),
        .cpu(["cpu.max = max 50000"], LinuxCPU(quota: -1, period: 50_000)),
        .cpu(["cpu.max.burst = 7", "cpu.max = 5000 100000"], LinuxCPU(quota: 5_000, burst: 7)),
        .cpu(["cpu.idle = 1"], LinuxCPU(shares: 512, idle: 1)),
        .cpu(["cpu.idle = 0", "cpu.weight = 59"], LinuxCPU(shares: 512, idle: 0)),
        .cpu(["cpu.max.burst = 0"], LinuxCPU(quota: 0, burst: 0, period: 0)),
        .cpu(["cpu.max = max 100000"], LinuxCPU(quota: -1)),
        .cpu(["cpu.max = max 100000"], LinuxCPU(quota: -5)),
        .cpu([], LinuxCPU(realtimeRuntime: 0, realtimePeriod: 0)),
        .blockIO([], LinuxBlockIO(weight: 0)),
        .blockIO([], LinuxBlockIO(weightDevice: [LinuxWeightDevice(major: 8, minor: 0, weight: 0)])),
        Row(
            ["hugetlb.2MB.max = 0", "hugetlb.2MB.rsvd.max = 0"],
            LinuxResources(hugepageLimits: [LinuxHugepageLimit(pageSize: "2MB", limit: 0)])),
        Row(
            ["rdma.max = mlx hca_handle=0 hca_object=0"],
            LinuxResources(rdma: ["mlx": LinuxRdma(hcaHandles: 0, hcaObjects: 0)])),
        Row(
            ["cpu.max = max 50000", "memory.max = max", "pids.max = max"],
            LinuxResources(unified: ["memory.max": "max", "pids.max": "max", "cpu.max": "max 50000"])),
        .cpu([], LinuxCPU(realtimeRuntime: 1, realtimePeriod: 2)),
        .cpu(["cpuset.cpus = 0-1", "cpuset.mems = 0"], LinuxCPU(cpus: "0-1", mems: "0")),
        Row(["pids.max = 5"], LinuxResources(pids: LinuxPids(limit: 5))),
        Row(["pids.max = 1"], LinuxResources(pids: LinuxPids(limit: 0))),
        Row(["pids.max = max"], LinuxResources(pids: LinuxPids(limit: -1))),
        .blockIO(["io.bfq.weight = 10"], LinuxBlockIO(weight: 10)),
        .blockIO([], LinuxBlockIO(leafWeight: 10)),
        .blockIO(
            ["io.bfq.weight = 8:0 20"],
            LinuxBlockIO(weightDevice: [LinuxWeightDevice(major: 8, minor: 0, weight: 20, leafWeight: 30)])),
        .blockIO(
            ["io.max = 8:0 rbps=1", "io.max = 8:0 wbps=2", "io.max = 8:0 riops=3", "io.max = 8:0 wiops=max"],
            LinuxBlockIO(
                throttleReadBpsDevice: [LinuxThrottleDevice(major: 8, minor: 0, rate: 1)],
                throttleWriteBpsDevice: [LinuxThrottleDevice(major: 8, minor: 0, rate: 2)],
                throttleReadIOPSDevice: [LinuxThrottleDevice(major: 8, minor: 0, rate: 3)],
                throttleWriteIOPSDevice: [LinuxThrottleDevice(major: 8, minor: 0, rate: 0)])),
        Row(
            ["hugetlb.1GB.max = 4", "hugetlb.1GB.rsvd.max = 4"],
            LinuxResources(hugepageLimits: [LinuxHugepageLimit(pageSize: "1GB", limit: 4)])),
        Row([], LinuxResources(network: LinuxNetwork(classID: 1))),
        Row(["rdma.max = mlx hca_handle=3"], LinuxResources(rdma: ["mlx": LinuxRdma(hcaHandles: 3)])),
        Row(
            ["io.max = 8:0 rbps=1", "io.max = 8:16 rbps=2", "memory.high = 9"],
            LinuxResources(unified: ["memory.high": "9", "io.max": "8:0 rbps=1\n8:16 rbps=2\n"])),
        Row(
            ["pids.max = 5", "memory.max = 9", "pids.max = 7"],
            LinuxResources(
                memory: LinuxMemory(limit: 9), pids: LinuxPids(limit: 5), unified: ["pids.max": "7"])),
    ])
    func `become files`(row: Row) throws { #expect(try summary(row.resources) == row.expected) }

    @Test func `update the quota and keep the period, and the reverse`() throws {
        let current = CurrentLimits(quota: "5000")
        #expect(try summary(LinuxResources(cpu: LinuxCPU(quota: 7_000)), current) == ["cpu.max = 7000"])
        #expect(try summary(LinuxResources(cpu: LinuxCPU(period: 70_000)), current) == ["cpu.max = 5000 70000"])
    }

    @Test func `below the present usage are refused if requested`() {
        let memory = LinuxResources(memory: LinuxMemory(limit: 100, checkBeforeUpdate: true))
        let refusal = failure { () throws(CgroupFailure) in
            try LimitWrites(memory, hierarchy: .unified, current: CurrentLimits(memoryInUse: 101))
        }
        #expect(
            refusal
                == CgroupFailure(
                    .refused,
                    "linux.resources.memory.limit: rejecting memory limit 100: 101 bytes are in use, and checkBeforeUpdate is set"
                ))
    }

    @Test func `together with swap below the present usage are refused too`() {
        let memory = LinuxResources(memory: LinuxMemory(limit: 50, swap: 100, checkBeforeUpdate: true))
        let refusal = failure { () throws(CgroupFailure) in
            try LimitWrites(memory, hierarchy: .unified, current: CurrentLimits(memoryInUse: 100))
        }
        #expect(
            refusal
                == CgroupFailure(
                    .refused,
                    "linux.resources.memory.swap: rejecting memory+swap limit 100: 100 bytes are in use, and checkBeforeUpdate is set"
                ))
    }

    @Test(arguments: ["memory", "../memory.max", "memory/x.max", ".max", "memory."])
    func `named raw need a file name`(file: String) {
        let refusal = failure { () throws(CgroupFailure) in
            try LimitWrites(LinuxResources(unified: [file: "1"]), hierarchy: .unified)
        }
        #expect(
            refusal
                == CgroupFailure(
                    .invalid,
                    "linux.resources.unified[\"\(file)\"]: expected the name of a cgroup file such as \"memory.high\", "
                        + "without a path"))
    }

    @Test func `without a meaning are noted`() throws {
        let resources = LinuxResources(
            memory: LinuxMemory(swappiness: 1, disableOOMKiller: true), cpu: LinuxCPU(realtimeRuntime: 5),
            blockIO: LinuxBlockIO(leafWeight: 5), network: LinuxNetwork(classID: 4))
        #expect(
            try LimitWrites(resources, hierarchy: .unified).notes == [
                "linux.resources.memory.swappiness: cgroup v2 has no such setting, ignored",
                "linux.resources.memory.disableOOMKiller: cgroup v2 has no such setting, ignored",
                "linux.resources.blockIO.leafWeight: cgroup v2 has no such setting, ignored",
                "linux.resources.cpu.realtimeRuntime: cgroup v2 has no real-time limits, ignored",
                "linux.resources.network: cgroup v2 has no such limits, ignored",
            ])
    }

    @Test(arguments: CgroupHierarchy.allCases)
    func `note that an idle cgroup has no shares`(hierarchy: CgroupHierarchy) throws {
        let resources = LinuxResources(cpu: LinuxCPU(shares: 512, idle: 1))
        #expect(
            try LimitWrites(resources, hierarchy: hierarchy).notes == [
                "linux.resources.cpu.shares: a cgroup with cpu.idle 1 has no shares, ignored"
            ])
    }

    @Test(arguments: CgroupHierarchy.allCases)
    func `of nothing tolerate a kernel without the file`(hierarchy: CgroupHierarchy) throws {
        let nothing = LinuxResources(cpu: LinuxCPU(burst: 0, idle: 0))
        let something = LinuxResources(cpu: LinuxCPU(burst: 5, idle: 1))
        #expect(try LimitWrites(nothing, hierarchy: hierarchy).writes.map(\.absence) == [.ignored, .ignored])
        #expect(try LimitWrites(something, hierarchy: hierarchy).writes.map(\.absence) == [.refused, .refused])
    }

    @Test func `tolerate a missing swap file only if no limit is lost`() throws {
        func absence(_ swap: Int64) throws -> CgroupWrite.Absence? {
            try LimitWrites(LinuxResources(memory: LinuxMemory(limit: 100, swap: swap)), hierarchy: .unified)
                .writes.first?.absence
        }
        #expect(try absence(300) == .refused)
        #expect(try absence(100) == .ignored)
        #expect(try absence(-1) == .ignored)
    }
}
