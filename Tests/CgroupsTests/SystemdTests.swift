// Requests to systemd, and their encoding.

import OCISpec
import Testing

@testable import Cgroups

struct DBusMessageTests {
    @Test func `are these bytes`() {
        let message = DBusMessage(
            kind: .call, serial: 2, path: "/a", interface: "b.c", member: "D", destination: "e.f",
            body: [.string("x"), .array("(sv)", [.structure([.string("P"), .variant(.uint64(5))])])])
        let expected: [UInt8] = [
            0x6c, 1, 0, 1, 0x28, 0, 0, 0, 2, 0, 0, 0, 0x4c, 0, 0, 0,  // header: 40 bytes of body, 76 of fields
            1, 1, 0x6f, 0, 2, 0, 0, 0, 0x2f, 0x61, 0, 0, 0, 0, 0, 0,  // path
            2, 1, 0x73, 0, 3, 0, 0, 0, 0x62, 0x2e, 0x63, 0, 0, 0, 0, 0,  // interface
            3, 1, 0x73, 0, 1, 0, 0, 0, 0x44, 0, 0, 0, 0, 0, 0, 0,  // member
            6, 1, 0x73, 0, 3, 0, 0, 0, 0x65, 0x2e, 0x66, 0, 0, 0, 0, 0,  // destination
            8, 1, 0x67, 0, 6, 0x73, 0x61, 0x28, 0x73, 0x76, 0x29, 0, 0, 0, 0, 0,  // signature
            1, 0, 0, 0, 0x78, 0, 0, 0,  // "x"
            0x18, 0, 0, 0, 0, 0, 0, 0,  // array of 24 bytes, padded
            1, 0, 0, 0, 0x50, 0, 1, 0x74, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0,
        ]
        #expect(message.encoded == expected)
    }

    @Test func `are decoded to the encoded value`() throws {
        let message = DBusMessage(
            kind: .signal, serial: 7, path: "/org/x", interface: "a.b", member: "JobRemoved",
            body: [
                .uint32(3), .objectPath("/job/1"), .boolean(true), .byte(4), .int64(-5), .double(1.5),
                .signature("a(ss)"),
                .array("(ss)", [.structure([.string("/dev/x"), .string("rw")])]), .bytes([1, 2]), .strings([]),
                .variant(.array("u", [.uint32(9)])),
            ])
        let bytes = message.encoded
        #expect(DBusMessage.length(bytes) == bytes.count)
        #expect(DBusMessage(bytes) == message)
    }

    @Test func `that are truncated or malformed are refused`() {
        let bytes = DBusMessage(kind: .call, serial: 1, path: "/", member: "M", body: [.strings(["abc"])]).encoded
        for length in 0..<bytes.count { #expect(DBusMessage(Array(bytes.prefix(length))) == nil) }
        // Decoding must end for every value of every byte.
        for index in bytes.indices {
            for value in [0, 1, 0x7f, 0xff] as [UInt8] {
                var broken = bytes
                broken[index] = value
                _ = DBusMessage(broken)
            }
        }
        #expect(DBusMessage.length([0x42] + bytes.dropFirst()) == nil)
    }

    @Test(arguments: [
        ("unix:path=/run/bus", "/run/bus"), ("unix:path=/run/a%20b,guid=12", "/run/a b"),
        ("unix:abstract=/tmp/x", "@/tmp/x"), ("tcp:host=h;unix:path=/y", "/y"), ("tcp:host=h", nil),
    ])
    func `go to the socket of an address`(address: String, path: String?) {
        #expect(SystemdBus.socketPath(address) == path)
    }
}

struct GVariantTextTests {
    @Test(
        arguments: [
            ("true", .boolean(true)), ("'a b'", .string("a b")), ("\"it's\"", .string("it's")),
            ("'it\\'s'", .string("it's")),
            ("5", .int32(5)), ("-5", .int32(-5)), ("1.5", .double(1.5)), ("uint64 5", .uint64(5)),
            ("@t 0x10", .uint64(16)),
            ("int64 -1", .int64(-1)), ("byte 0xff", .byte(255)), ("['a', 'b']", .strings(["a", "b"])),
            ("@as []", .strings([])),
            ("[uint32 1, 2]", nil), ("@au [1, 2]", .array("u", [.uint32(1), .uint32(2)])), ("[]", nil), ("", nil),
            ("x", nil),
            ("'open", nil), ("5 6", nil), ("uint32 -1", nil), ("@(ss) 1", nil), ("[1,]", nil), ("99999999999", nil),
        ] as [(String, DBusValue?)])
    func `is read`(text: String, value: DBusValue?) {
        var parser = GVariantText(text)
        #expect(parser.whole() == value)
    }
}

struct SystemdPropertyTests {
    private func limits(
        _ resources: LinuxResources, _ hierarchy: CgroupHierarchy = .unified, _ current: CurrentLimits? = nil
    ) throws -> [String] {
        try SystemdLimits(resources, hierarchy: hierarchy, current: current).properties.map(\.description)
    }

    @Test(arguments: [
        Row.memory(["MemoryMax=100"], LinuxMemory(limit: 100)),
        .memory(["MemoryMax=infinity", "MemorySwapMax=infinity"], LinuxMemory(limit: -1)),
        .memory(
            ["MemoryMax=100", "MemoryLow=50", "MemorySwapMax=200"], LinuxMemory(limit: 100, reservation: 50, swap: 300)),
        .cpu(["CPUWeight=100"], LinuxCPU(shares: 1_024)),
        .cpu(["CPUWeight=0"], LinuxCPU(shares: 1_024, idle: 1)),
        .cpu(["CPUQuotaPerSecUSec=50000"], LinuxCPU(quota: 5_000)),
        .cpu(["CPUQuotaPeriodUSec=30000", "CPUQuotaPerSecUSec=340000"], LinuxCPU(quota: 10_000, period: 30_000)),
        .cpu(["CPUQuotaPeriodUSec=30000", "CPUQuotaPerSecUSec=infinity"], LinuxCPU(period: 30_000)),
        .cpu(["CPUQuotaPerSecUSec=infinity"], LinuxCPU(quota: -1)),
        .cpu(["AllowedCPUs=139 1", "AllowedMemoryNodes=1"], LinuxCPU(cpus: "0-1,3,7-8", mems: "0")),
        Row(["TasksMax=infinity"], LinuxResources(pids: LinuxPids(limit: -1))),
        Row(["TasksMax=1"], LinuxResources(pids: LinuxPids(limit: 0))),
        .blockIO(["IOWeight=4950"], LinuxBlockIO(weight: 500)),
        Row(
            [
                "CPUQuotaPeriodUSec=100000", "CPUQuotaPerSecUSec=500000", "CPUWeight=9", "AllowedCPUs=1",
                "AllowedMemoryNodes=1", "MemoryHigh=7", "MemoryLow=5", "MemoryMin=6", "OOMPolicy=kill",
                "MemorySwapMax=infinity", "TasksMax=8",
            ],
            LinuxResources(
                pids: LinuxPids(limit: 3),
                unified: [
                    "cpu.max": "50000 100000", "cpu.weight": "9", "cpuset.cpus": "0", "cpuset.mems": "0",
                    "memory.high": "7",
                    "memory.low": "5", "memory.min": "6", "memory.swap.max": "max", "memory.oom.group": "1",
                    "pids.max": "8", "io.max": "8:0 rbps=1", "hugetlb.2MB.max": "1",
                ])),
    ])
    func `are these on v2`(row: Row) throws { #expect(try limits(row.resources) == row.expected) }

    @Test(arguments: [
        Row.memory(["MemoryLimit=100"], LinuxMemory(limit: 100, reservation: 50, swap: 300)),
        .cpu(["CPUShares=1024"], LinuxCPU(shares: 1_024)),
        .blockIO(["BlockIOWeight=500"], LinuxBlockIO(weight: 500)),
    ])
    func `are these on v1`(row: Row) throws { #expect(try limits(row.resources, .legacy) == row.expected) }

    @Test func `of an update are combined with the present limits`() throws {
        let current = CurrentLimits(quota: "20000", period: 50_000)
        #expect(
            try limits(LinuxResources(cpu: LinuxCPU(quota: 10_000)), .unified, current) == [
                "CPUQuotaPeriodUSec=50000", "CPUQuotaPerSecUSec=200000",
            ])
        #expect(
            try limits(LinuxResources(cpu: LinuxCPU(period: 100_000)), .unified, current) == [
                "CPUQuotaPeriodUSec=100000", "CPUQuotaPerSecUSec=200000",
            ])
    }

    /// A quota and a period, the present limits, and the resulting content of the files.
    @Test(
        arguments: [
            (500_000, 900_000, nil, 504_000, 900_000), (5_000, 50_000, nil, 5_000, 50_000),
            (5_000, nil, nil, 5_000, 100_000), (nil, 50_000, nil, -1, 50_000), (-1, 50_000, nil, -1, 50_000),
            (nil, 900_000, CurrentLimits(quota: "500000", period: 1_000_000), 504_000, 900_000),
            (600_000, nil, CurrentLimits(quota: "504000", period: 900_000), 603_000, 900_000),
            (nil, 50_000, CurrentLimits(quota: "max", period: 100_000), -1, 50_000),
            (30_000, nil, CurrentLimits(quota: "max", period: 100_000), 30_000, 100_000),
            (nil, 50_000, CurrentLimits(quota: "-1", period: 100_000), -1, 50_000),
            (0, 0, nil, 0, 0), (Int64.max, 1_000, nil, Int64.max, 1_000),
        ] as [(Int64?, UInt64?, CurrentLimits?, Int64, UInt64)])
    func `of the CPU are the same in the unit and in the files`(
        quota: Int64?, period: UInt64?, current: CurrentLimits?, wantedQuota: Int64, wantedPeriod: UInt64
    ) throws {
        let cpu = LinuxCPU(quota: quota, period: period)
        let settled = CPUQuota.settled(LinuxResources(cpu: cpu), current: current)
        #expect(settled.cpu == LinuxCPU(quota: wantedQuota, period: wantedPeriod))
        guard wantedQuota > 0, wantedQuota < .max else { return }
        // systemd writes these when it reloads: the rounded run time per second, over its period.
        let perSecond = try #require(CPUQuota.perSecond(wantedQuota, period: wantedPeriod))
        #expect(Int64(perSecond * wantedPeriod / 1_000_000) == wantedQuota)
        for hierarchy in [CgroupHierarchy.unified, .legacy] {
            let properties = try limits(settled, hierarchy, current)
            #expect(properties == ["CPUQuotaPeriodUSec=\(wantedPeriod)", "CPUQuotaPerSecUSec=\(perSecond)"])
        }
    }

    @Test func `end with an idle unit when the cgroup is no longer idle`() throws {
        let busy = LinuxResources(cpu: LinuxCPU(idle: 0))
        #expect(try limits(busy, .unified, CurrentLimits(isIdle: true)) == ["CPUWeight=100"])
        #expect(try limits(busy, .unified, CurrentLimits()) == [])
    }

    @Test(arguments: ["a", "1-", "3-1", "", "1,,2", "70000"]) func `of CPUs need a list`(cpus: String) {
        let refusal = failure { () throws(CgroupFailure) in try SystemdLimits.mask(cpus, key: "k") }
        #expect(refusal == CgroupFailure(.invalid, "k: expected a list such as \"0-3,7\", found \"\(cpus)\""))
    }

    private func request(
        _ path: String?, _ annotations: TextMap<String> = [:]
    ) throws(CgroupFailure) -> SystemdUnitRequest {
        try SystemdUnitRequest(
            cgroupsPath: path, containerID: "web",
            resources: LinuxResources(
                devices: [
                    LinuxDeviceCgroup(allow: false, access: "rwm"),
                    LinuxDeviceCgroup(allow: true, type: "b", major: 8, access: "r"),
                ], memory: LinuxMemory(limit: 100)), annotations: annotations, host: .unified)
    }

    @Test func `of a scope are complete`() throws {
        #expect(
            try request("a.slice:p:n").properties.map(\.description) == [
                "Description=swiftrun container web", "Slice=a.slice", "Delegate=yes", "MemoryAccounting=yes",
                "CPUAccounting=yes", "TasksAccounting=yes", "IOAccounting=yes", "DefaultDependencies=no",
                "CollectMode=inactive-or-failed", "MemoryMax=100", "DevicePolicy=strict",
                "DeviceAllow=block-8:r char-*:m block-*:m /dev/char/1:3:rwm /dev/char/1:5:rwm /dev/char/1:7:rwm "
                    + "/dev/char/1:8:rwm /dev/char/1:9:rwm /dev/char/5:0:rwm char-pts:rwm /dev/char/5:2:rwm "
                    + "/dev/char/10:200:rwm",
            ])
    }

    @Test func `of a slice want their parent and are not delegated`() throws {
        #expect(
            try request("a.slice:p:a-n.slice").properties.prefix(2).map(\.description) == [
                "Description=swiftrun container web", "Wants=a.slice",
            ])
    }

    @Test func `come from annotations`() throws {
        let properties = try request(
            nil,
            [
                "org.systemd.property.TimeoutStopSec": "uint32 3", "org.systemd.property.CollectMode": "'inactive'",
                "x": "y",
            ]
        ).properties.map(\.description)
        #expect(properties.contains("TimeoutStopUSec=3000000"))
        #expect(properties.contains("CollectMode=inactive"))
        #expect(!properties.contains("CollectMode=inactive-or-failed"))
    }

    @Test(arguments: [
        ("ExecStart", "'x'", "ExecStart is not a property that an annotation may set"),
        ("Slice", "'x'", "Slice is not a property that an annotation may set"),
        ("KillMode", "mixed", "expected a GVariant text, found \"mixed\""),
        ("TimeoutStopSec", "'3'", "expected a number of seconds, found \"'3'\""),
        ("TimeoutStopSec", "-3", "expected a number of seconds, found \"-3\""),
    ])
    func `that annotations may not set are refused`(name: String, text: String, reason: String) {
        let refusal = failure { () throws(CgroupFailure) in try request(nil, ["org.systemd.property.\(name)": text]) }
        #expect(refusal == CgroupFailure(.invalid, "annotations[\"org.systemd.property.\(name)\"]: \(reason)"))
    }
}
