// Conversions between values of cgroup v1 and cgroup v2.

import OCISpec
import Testing

@testable import Cgroups

@Suite struct conversions {
    @Test(
        arguments: [
            (1, 1), (2, 1), (3, 2), (10, 4), (50, 10), (102, 17), (204, 29), (256, 35), (512, 59), (1_000, 99),
            (1_024, 100),
            (2_048, 174), (4_096, 303), (8_192, 532), (10_240, 639), (16_384, 942), (65_536, 3_023), (131_072, 5_478),
            (262_144, 10_000), (UInt64.max, 10_000),
        ] as [(UInt64, UInt64)])
    func `shares become a weight`(shares: UInt64, weight: UInt64) { #expect(CPUWeight.fromShares(shares) == weight) }

    @Test func `no shares leave the weight unset`() { #expect(CPUWeight.fromShares(0) == nil) }

    @Test(arguments: [(10, 1), (100, 910), (500, 4_950), (1_000, 10_000), (5, 1)] as [(UInt16, UInt64)])
    func `a block IO weight becomes an io weight`(weight: UInt16, converted: UInt64) {
        #expect(IOWeight.fromBlockIOWeight(weight) == converted)
    }

    struct SwapCase: Sendable, CustomTestStringConvertible {
        var limit: Int64?
        var swap: Int64?
        var current: CurrentLimits?
        var expected: String?
        var testDescription: String { "limit \(limit ?? 0), swap \(swap ?? 0)" }
    }

    @Test(arguments: [
        SwapCase(limit: 100, swap: 300, expected: "200"),
        SwapCase(limit: 100, swap: 100, expected: "0"),
        SwapCase(limit: 100, swap: -1, expected: "max"),
        SwapCase(limit: -1, swap: nil, expected: "max"),
        SwapCase(limit: -1, swap: -1, expected: "max"),
        SwapCase(limit: 100, swap: nil, expected: nil),
        SwapCase(limit: 100, swap: 0, expected: nil),
        SwapCase(limit: nil, swap: nil, expected: nil),
        SwapCase(limit: nil, swap: -1, expected: "max"),
        SwapCase(limit: nil, swap: 300, current: CurrentLimits(memory: 100, swap: 50), expected: "200"),
        SwapCase(limit: 120, swap: nil, current: CurrentLimits(memory: 100, swap: 50), expected: "30"),
        SwapCase(limit: 120, swap: nil, current: CurrentLimits(memory: 100, swap: .max), expected: nil),
    ])
    func `memory and swap together become swap alone`(one: SwapCase) throws {
        let memory = LinuxMemory(limit: one.limit, swap: one.swap)
        #expect(try SwapArithmetic.swapMax(memory, current: one.current) == one.expected)
    }

    @Test(
        arguments: [
            (
                LinuxMemory(swap: 300), nil,
                "linux.resources.memory.swap: a limit on memory and swap needs linux.resources.memory.limit"
            ),
            (
                LinuxMemory(limit: 300, swap: -5), nil,
                "linux.resources.memory.swap: -5 is not a limit; -1 means no limit"
            ),
            (
                LinuxMemory(limit: 300, swap: 200), nil,
                "linux.resources.memory.swap: 200 is memory and swap together, and less than the memory limit of 300"
            ),
            (
                LinuxMemory(limit: -2, swap: 200), nil,
                "linux.resources.memory.limit: -2 is not a limit; -1 means no limit"
            ),
            (
                LinuxMemory(limit: 200), CurrentLimits(memory: 100, swap: 50),
                "linux.resources.memory.limit: 200 is more than the 150 that memory and swap are limited to together; "
                    + "give linux.resources.memory.swap too"
            ),
        ] as [(LinuxMemory, CurrentLimits?, String)])
    func `contradictory swap is refused`(memory: LinuxMemory, current: CurrentLimits?, reason: String) {
        let refusal = failure { () throws(CgroupFailure) in try SwapArithmetic.swapMax(memory, current: current) }
        #expect(refusal == CgroupFailure(.invalid, reason))
    }
}

@Suite struct restorations {
    @Test(arguments: [
        ("memory.max", "max\n", "100", "max"), ("cpu.max", "max 100000\n", "5000", "max 100000"),
        ("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n", "1", "0"),
        ("blkio.throttle.read_bps_device", "8:0 100\n8:16 7\n", "8:16 9", "8:16 7"),
        ("blkio.throttle.read_bps_device", "", "8:16 9", "8:16 0"),
        ("io.max", "8:0 rbps=5 wbps=max riops=max wiops=9\n", "8:0 wiops=1", "8:0 wiops=9"),
        ("io.max", "8:0 rbps=5 wbps=max riops=max wiops=9\n", "8:0 wbps=1", "8:0 wbps=max"),
        ("io.max", "", "8:0 wbps=1", "8:0 wbps=max"),
        ("io.weight", "default 100\n8:0 50\n", "200", "default 100"),
        ("io.weight", "default 100\n8:0 50\n", "8:0 70", "8:0 50"),
        ("io.weight", "default 100\n", "8:0 70", "8:0 default"),
        ("blkio.bfq.weight", "100\n", "200", "100"), ("cpuset.cpus", "\n", "0", ""),
        (
            "rdma.max", "mlx4_0 hca_handle=2 hca_object=max\n", "mlx4_0 hca_handle=3",
            "mlx4_0 hca_handle=2 hca_object=max"
        ),
        ("rdma.max", "", "mlx4_0 hca_handle=3", "mlx4_0 hca_handle=max hca_object=max"),
    ])
    func `restore the previous content`(file: String, current: String, written: String, restored: String) {
        #expect(PreviousValue.restoring(of: file, current: current, written: written) == restored)
    }
}
