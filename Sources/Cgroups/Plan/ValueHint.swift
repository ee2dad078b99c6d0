// What the kernel accepts in a file of a cgroup, for the error when it answers no more than "invalid argument".

enum ValueHint {
    /// Documentation/admin-guide/cgroup-v2.rst and cgroup-v1; kernel/sched/core.c, `tg_set_cfs_bandwidth`.
    private static let hints: [(files: [String], hint: String)] = [
        (
            ["memory.memsw.limit_in_bytes"],
            "memory and swap together cannot be less than the memory limit, and need one (--memory)"
        ),
        (["memory.limit_in_bytes"], "the memory limit cannot be more than that of memory and swap together"),
        (
            ["cpu.cfs_quota_us", "cpu.cfs_period_us", "cpu.max"],
            "a quota is at least 1000 µs, a period from 1000 to 1000000 µs, and no share is above that of the cgroup above"
        ),
        (["cpu.cfs_burst_us", "cpu.max.burst"], "a burst cannot be more than the quota, and needs one"),
        (
            ["cpu.rt_runtime_us", "cpu.rt_period_us"],
            "the real-time runtime cannot be more than its period, nor than the cgroup above leaves"
        ),
        (["cpuset.cpus", "cpuset.mems"], "a list of numbers such as 0-3,5 is needed"),
        (["cpu.idle"], "0 and 1 are known"),
        (
            ["blkio.weight", "blkio.bfq.weight", "io.bfq.weight", "blkio.leaf_weight"],
            "a weight from 10 to 1000 is needed, for some schedulers of disks one from 1"
        ),
    ]

    /// - Returns: nothing for a file of which no more is known than the kernel says.
    static func text(_ file: String) -> String {
        hints.first { $0.files.contains(file) }.map { " (\($0.hint))" } ?? ""
    }
}
