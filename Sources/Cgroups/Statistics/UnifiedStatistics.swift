// Statistics of cgroup v2.

extension CgroupStatistics {
    /// Reads a cgroup v2 directory.
    mutating func readUnified(_ files: StatisticsFiles, pageSizes: [String]) {
        readUnifiedCPU(files)
        readUnifiedMemory(files)
        if let current = files.number("pids.current") {
            let limit = files.number("pids.max") ?? 0
            pids = PidsStatistics(current: current, limit: limit == .max ? 0 : limit)
        }
        if let cpus = files.text("cpuset.cpus.effective") {
            var set = CPUSetStatistics()
            set.cpus = StatisticsFiles.ranges(cpus)
            set.mems = StatisticsFiles.ranges(files.text("cpuset.mems.effective") ?? "")
            cpuset = set
        }
        readUnifiedBlockIO(files)
        for size in pageSizes {
            // Reservations show the usage before the pages are touched.
            let name = files.number("hugetlb.\(size).rsvd.current") == nil ? "hugetlb.\(size)" : "hugetlb.\(size).rsvd"
            guard let usage = files.number("\(name).current") else { continue }
            hugetlb[size] = LimitedUse(
                limit: files.number("\(name).max") ?? 0, usage: usage,
                failcnt: files.table("hugetlb.\(size).events")?["max"] ?? 0)
        }
        readRDMA(files)
        misc = files.table("misc.current")?.values ?? [:]
    }

    private mutating func readUnifiedCPU(_ files: StatisticsFiles) {
        guard let table = files.table("cpu.stat") else { return }
        func nanoseconds(_ name: String) -> UInt64 { (table[name] ?? 0) &* 1_000 }
        var cpu = CPUStatistics()
        cpu.total = nanoseconds("usage_usec")
        cpu.user = nanoseconds("user_usec")
        cpu.kernel = nanoseconds("system_usec")
        cpu.periods = table["nr_periods"] ?? 0
        cpu.throttledPeriods = table["nr_throttled"] ?? 0
        cpu.throttledTime = nanoseconds("throttled_usec")
        cpu.pressure = files.pressure("cpu.pressure")
        self.cpu = cpu
    }

    private mutating func readUnifiedMemory(_ files: StatisticsFiles) {
        guard let usage = files.number("memory.current") else { return }
        var memory = MemoryStatistics()
        memory.raw = files.table("memory.stat")?.values ?? [:]
        memory.cache = memory.raw["file"] ?? 0
        memory.usage = LimitedUse(
            limit: files.number("memory.max") ?? .max, usage: usage, max: files.number("memory.peak") ?? 0,
            failcnt: files.table("memory.events")?["max"] ?? 0)
        if let swap = files.number("memory.swap.current") {
            let limit = files.number("memory.swap.max") ?? .max
            let isUnlimited = limit == .max || memory.usage.limit == .max
            memory.swap = LimitedUse(
                limit: isUnlimited ? .max : limit &+ memory.usage.limit, usage: swap &+ usage,
                max: files.number("memory.swap.peak").map { $0 &+ memory.usage.max } ?? 0,
                failcnt: files.table("memory.swap.events")?["fail"] ?? 0)
        }
        memory.pressure = files.pressure("memory.pressure")
        self.memory = memory
    }

    private mutating func readUnifiedBlockIO(_ files: StatisticsFiles) {
        guard let text = files.text("io.stat") else { return }
        var io = BlockIOStatistics()
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            let numbers = (words.first ?? "").split(separator: ":").compactMap { UInt64($0) }
            guard numbers.count == 2 else { continue }
            for (name, value) in StatisticsFiles.pairs(words.dropFirst()) {
                func entry(_ op: String) -> BlockIOEntry {
                    BlockIOEntry(major: numbers[0], minor: numbers[1], op: op, value: UInt64(value) ?? 0)
                }
                switch name {
                case "rbytes": io.serviceBytes.append(entry("Read"))
                case "wbytes": io.serviceBytes.append(entry("Write"))
                case "dbytes": io.serviceBytes.append(entry("Discard"))
                case "rios": io.serviced.append(entry("Read"))
                case "wios": io.serviced.append(entry("Write"))
                case "dios": io.serviced.append(entry("Discard"))
                default: continue
                }
            }
        }
        io.pressure = files.pressure("io.pressure")
        blockIO = io
    }
}
