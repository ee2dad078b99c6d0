// Statistics of cgroup v1.

internal import Glibc

extension CgroupStatistics {
    /// Reads the directories of cgroup v1.
    /// - Parameter files: returns the directory of a controller.
    mutating func readLegacy(_ files: (String) -> StatisticsFiles?, pageSizes: [String]) {
        readLegacyCPU(files("cpu"), files("cpuacct"))
        if let set = files("cpuset") { readLegacyCPUSet(set) }
        if let memory = files("memory") { readLegacyMemory(memory) }
        if let pids = files("pids"), let current = pids.number("pids.current") {
            let limit = pids.number("pids.max") ?? 0
            self.pids = PidsStatistics(current: current, limit: limit == .max ? 0 : limit)
        }
        if let io = files("blkio") { readLegacyBlockIO(io) }
        if let huge = files("hugetlb") {
            for size in pageSizes {
                let isReserving = huge.number("hugetlb.\(size).rsvd.usage_in_bytes") != nil
                let name = isReserving ? "hugetlb.\(size).rsvd" : "hugetlb.\(size)"
                if let use = Self.use(huge, name) { hugetlb[size] = use }
            }
        }
        if let rdma = files("rdma") { readRDMA(rdma) }
        if let misc = files("misc") { self.misc = misc.table("misc.current")?.values ?? [:] }
    }

    private mutating func readLegacyCPU(_ cpu: StatisticsFiles?, _ accounting: StatisticsFiles?) {
        guard cpu != nil || accounting != nil else { return }
        var result = CPUStatistics()
        if let table = cpu?.table("cpu.stat") {
            result.periods = table["nr_periods"] ?? 0
            result.throttledPeriods = table["nr_throttled"] ?? 0
            result.throttledTime = table["throttled_time"] ?? 0
        }
        if let accounting {
            result.total = accounting.number("cpuacct.usage") ?? 0
            result.perCPU = accounting.list("cpuacct.usage_percpu")
            // The kernel counts these in ticks of USER_HZ.
            let tick = 1_000_000_000 / UInt64(max(sysconf(Int32(_SC_CLK_TCK)), 1))
            let table = accounting.table("cpuacct.stat")
            result.user = (table?["user"] ?? 0) &* tick
            result.kernel = (table?["system"] ?? 0) &* tick
            for line in (accounting.text("cpuacct.usage_all") ?? "").split(separator: "\n").dropFirst() {
                let numbers = line.split(separator: " ").compactMap { UInt64($0) }
                guard numbers.count == 3 else { continue }
                result.perCPUUser.append(numbers[1])
                result.perCPUKernel.append(numbers[2])
            }
        }
        self.cpu = result
    }

    private mutating func readLegacyCPUSet(_ files: StatisticsFiles) {
        guard let cpus = files.text("cpuset.cpus") else { return }
        var set = CPUSetStatistics()
        set.cpus = StatisticsFiles.ranges(cpus)
        set.mems = StatisticsFiles.ranges(files.text("cpuset.mems") ?? "")
        set.cpuExclusive = files.number("cpuset.cpu_exclusive") ?? 0
        set.memHardwall = files.number("cpuset.mem_hardwall") ?? 0
        set.memExclusive = files.number("cpuset.mem_exclusive") ?? 0
        set.memoryMigrate = files.number("cpuset.memory_migrate") ?? 0
        set.memorySpreadPage = files.number("cpuset.memory_spread_page") ?? 0
        set.memorySpreadSlab = files.number("cpuset.memory_spread_slab") ?? 0
        set.memoryPressure = files.number("cpuset.memory_pressure") ?? 0
        set.schedLoadBalance = files.number("cpuset.sched_load_balance") ?? 0
        set.schedRelaxDomainLevel = files.text("cpuset.sched_relax_domain_level").flatMap { Int64(trimmed($0)) } ?? 0
        cpuset = set
    }

    private mutating func readLegacyMemory(_ files: StatisticsFiles) {
        guard let usage = Self.use(files, "memory") else { return }
        var memory = MemoryStatistics()
        memory.usage = usage
        memory.swap = Self.use(files, "memory.memsw") ?? LimitedUse()
        memory.kernel = Self.use(files, "memory.kmem") ?? LimitedUse()
        memory.kernelTCP = Self.use(files, "memory.kmem.tcp") ?? LimitedUse()
        memory.raw = files.table("memory.stat")?.values ?? [:]
        memory.cache = memory.raw["cache"] ?? 0
        self.memory = memory
    }

    /// The four files that v1 has for every limited resource.
    private static func use(_ files: StatisticsFiles, _ name: String) -> LimitedUse? {
        guard let usage = files.number("\(name).usage_in_bytes") else { return nil }
        return LimitedUse(
            limit: files.number("\(name).limit_in_bytes") ?? 0, usage: usage,
            max: files.number("\(name).max_usage_in_bytes") ?? 0, failcnt: files.number("\(name).failcnt") ?? 0)
    }

    /// The statistics are in the files of the active I/O scheduler: BFQ, or CFQ on old kernels; otherwise in those of
    /// the throttle.
    private mutating func readLegacyBlockIO(_ files: StatisticsFiles) {
        func entries(_ file: String) -> [BlockIOEntry] { Self.entries(files.text(file) ?? "") }
        var io = BlockIOStatistics()
        for prefix in ["blkio.bfq.", "blkio."] where !entries("\(prefix)io_serviced_recursive").isEmpty {
            io.serviceBytes = entries("\(prefix)io_service_bytes_recursive")
            io.serviced = entries("\(prefix)io_serviced_recursive")
            io.queued = entries("\(prefix)io_queued_recursive")
            io.serviceTime = entries("\(prefix)io_service_time_recursive")
            io.waitTime = entries("\(prefix)io_wait_time_recursive")
            io.merged = entries("\(prefix)io_merged_recursive")
            io.time = entries("\(prefix)time_recursive")
            io.sectors = entries("\(prefix)sectors_recursive")
            blockIO = io
            return
        }
        io.serviceBytes = entries("blkio.throttle.io_service_bytes_recursive")
        io.serviced = entries("blkio.throttle.io_serviced_recursive")
        blockIO = io
    }

    /// Lines such as `8:0 Read 4096` and `8:0 17`; the total at the end has no device.
    private static func entries(_ text: String) -> [BlockIOEntry] {
        text.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            let numbers = (words.first ?? "").split(separator: ":").compactMap { UInt64($0) }
            guard numbers.count == 2, let value = words.last.flatMap({ UInt64($0) }) else { return nil }
            return BlockIOEntry(
                major: numbers[0], minor: numbers[1], op: words.count == 3 ? String(words[1]) : "", value: value)
        }
    }
}
