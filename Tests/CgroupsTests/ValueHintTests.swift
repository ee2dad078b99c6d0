// What is said of a value that the kernel refuses with no more than "invalid argument".

import Testing

@testable import Cgroups

struct ValueHintTests {
    @Test(arguments: [
        ("memory.memsw.limit_in_bytes", "and need one"), ("memory.limit_in_bytes", "cannot be more"),
        ("cpu.max", "at least 1000"), ("cpu.cfs_quota_us", "at least 1000"), ("cpu.cfs_period_us", "at least 1000"),
        ("cpu.cfs_burst_us", "more than the quota"), ("cpu.max.burst", "more than the quota"),
        ("cpu.rt_runtime_us", "real-time"), ("cpuset.cpus", "0-3,5"), ("cpuset.mems", "0-3,5"),
        ("cpu.idle", "0 and 1"), ("io.bfq.weight", "10 to 1000"),
    ])
    func `the file's limits are named`(file: String, part: String) {
        #expect(ValueHint.text(file).hasPrefix(" ("))
        #expect(ValueHint.text(file).contains(part))
    }

    @Test func `of another file nothing is said`() { #expect(ValueHint.text("pids.max") == "") }
}
