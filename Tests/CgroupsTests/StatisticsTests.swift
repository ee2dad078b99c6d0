// Statistics, read from saved trees and printed as `events` prints them.

import OCISpec
import Testing

@testable import Cgroups

@Suite struct statistics {
    private func tree(_ name: String) -> String {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        return "/\(root)/spec-fixtures/cgroup/\(name)"
    }

    private func json(_ value: some JSONEncodable) -> String { String(decoding: value.json(), as: UTF8.self) }

    private let pressure =
        #"{"some":{"avg10":1.5,"avg60":0.25,"avg300":0,"total":1234},"#
        + #""full":{"avg10":0,"avg60":0.1,"avg300":0,"total":56}}"#

    @Test(arguments: [
        (MemoryUse(limit: 6_553, current: 4_096, peak: 6_144), "the limit is 6553 bytes, and at most 6144 were used"),
        (MemoryUse(limit: 6_553, current: 4_096, peak: nil), "the limit is 6553 bytes, and 4096 are in use"),
        (MemoryUse(limit: nil, current: nil, peak: 5), "at most 5 were used"),
        (MemoryUse(limit: nil, current: nil, peak: nil), "the kernel does not tell how much was used"),
    ])
    func `memory usage is formatted as part of a sentence`(_ use: MemoryUse, _ text: String) {
        #expect("\(use)" == text)
    }

    @Test func `of v2 are reported in the terms of v1`() throws {
        var statistics = CgroupStatistics()
        statistics.readUnified(StatisticsFiles(path: tree("v2-web")), pageSizes: ["1GB", "2MB"])
        #expect(
            json(try #require(statistics.cpu))
                == #"{"usage":{"total":5000000,"kernel":2000000,"user":3000000},"#
                + #""throttling":{"periods":7,"throttledPeriods":2,"throttledTime":90000},"psi":\#(pressure)}"#)
        #expect(
            json(try #require(statistics.memory))
                == #"{"cache":300,"usage":{"limit":67108864,"usage":1048576,"max":2097152,"failcnt":9},"#
                + #""swap":{"limit":100663296,"usage":1052672,"failcnt":3},"kernel":{"limit":0,"failcnt":0},"#
                + #""kernelTCP":{"limit":0,"failcnt":0},"raw":{"anon":400,"file":300,"kernel":20},"psi":\#(pressure)}"#)
        #expect(json(try #require(statistics.pids)) == #"{"current":3}"#)
        #expect(
            json(try #require(statistics.blockIO))
                == #"{"ioServiceBytesRecursive":[{"major":8,"op":"Read","value":4096},"#
                + #"{"major":8,"op":"Write","value":512},{"major":8,"op":"Discard"}],"#
                + #""ioServicedRecursive":[{"major":8,"op":"Read","value":2},{"major":8,"op":"Write","value":1},"#
                + #"{"major":8,"op":"Discard"}],"psi":\#(pressure)}"#)
        #expect(statistics.hugetlb == ["2MB": LimitedUse(limit: .max, usage: 2_097_152, failcnt: 4)])
        #expect(statistics.cpuset?.cpus == [0, 1, 4])
        #expect(statistics.misc == ["res_a": 3])
        var rdma = RDMAStatistics()
        (rdma.handles, rdma.objects, rdma.handlesLimit, rdma.objectsLimit) = (2, 3, 4, .max)
        #expect(statistics.rdma == ["mlx4_0": rdma])
    }

    @Test func `of v1 are reported`() throws {
        var statistics = CgroupStatistics()
        let root = tree("v1-web")
        statistics.readLegacy({ StatisticsFiles(path: "\(root)/\($0)") }, pageSizes: ["2MB"])
        #expect(
            json(try #require(statistics.cpu))
                == #"{"usage":{"total":5000000,"percpu":[3000000,2000000],"percpu_kernel":[2000,1500],"#
                + #""percpu_user":[1000,500],"kernel":200000000,"user":300000000},"#
                + #""throttling":{"periods":7,"throttledPeriods":2,"throttledTime":90000}}"#)
        let use = #"{"limit":9223372036854771712,"usage":1048576,"max":2097152,"failcnt":5}"#
        #expect(
            json(try #require(statistics.memory))
                == #"{"cache":300,"usage":\#(use),"swap":\#(use),"kernel":\#(use),"kernelTCP":\#(use),"#
                + #""raw":{"cache":300,"rss":400}}"#)
        #expect(
            json(try #require(statistics.cpuset))
                == #"{"cpus":[0,1],"cpu_exclusive":0,"mems":[0],"mem_hardwall":0,"mem_exclusive":0,"memory_migrate":0,"#
                + #""memory_spread_page":0,"memory_spread_slab":0,"memory_pressure":0,"sched_load_balance":1,"#
                + #""sched_relax_domain_level":-1}"#)
        #expect(json(try #require(statistics.pids)) == #"{"current":3,"limit":100}"#)
        #expect(
            json(try #require(statistics.blockIO))
                == #"{"ioServiceBytesRecursive":[{"major":8,"op":"Read","value":4096},"#
                + #"{"major":8,"op":"Write","value":512},{"major":8,"op":"Total","value":4608}],"#
                + #""ioServicedRecursive":[{"major":8,"op":"Read","value":2},{"major":8,"op":"Write","value":1},"#
                + #"{"major":8,"op":"Total","value":3}]}"#)
        #expect(statistics.hugetlb["2MB"] == LimitedUse(limit: 8_388_608, usage: 2_097_152, max: 4_194_304, failcnt: 1))
    }

    @Test func `without values are an object with every key`() {
        #expect(
            json(CgroupStatistics())
                == #"{"cpu":{"usage":{"kernel":0,"user":0},"throttling":{}},"cpuset":{"cpu_exclusive":0,"mem_hardwall":0,"#
                + #""mem_exclusive":0,"memory_migrate":0,"memory_spread_page":0,"memory_spread_slab":0,"#
                + #""memory_pressure":0,"sched_load_balance":0,"sched_relax_domain_level":0},"#
                + #""memory":{"usage":{"limit":0,"failcnt":0},"swap":{"limit":0,"failcnt":0},"#
                + #""kernel":{"limit":0,"failcnt":0},"kernelTCP":{"limit":0,"failcnt":0}},"pids":{},"blkio":{},"#
                + #""hugetlb":{},"intel_rdt":{},"network_interfaces":[]}"#)
    }

    @Test(
        arguments: [("0-3,7", [0, 1, 2, 3, 7]), ("", []), ("5\n", [5]), ("3-1", []), ("x", [])] as [(String, [UInt16])])
    func `read lists of CPUs`(text: String, numbers: [UInt16]) { #expect(StatisticsFiles.ranges(text) == numbers) }
}
