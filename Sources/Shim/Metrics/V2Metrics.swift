// Statistics of cgroup v2 as containerd's message.

internal import Cgroups
internal import Kernel
internal import ShimAPI

extension V2Metrics {
    init(_ statistics: CgroupStatistics) {
        self.init()
        if let source = statistics.pids {
            pids.current = source.current
            // No limit is the highest number here, and zero there.
            pids.limit = source.limit == 0 ? .max : source.limit
        }
        if let source = statistics.cpu { cpu = V2CPUStat(source) }
        if let source = statistics.memory { memory = V2MemoryStat(source) }
        if let source = statistics.blockIO { io = V2IOStat(source) }
        for (device, source) in statistics.rdma.sorted(by: { $0.key < $1.key }) {
            rdma.current.append(.init(device, source.handles, source.objects))
            rdma.limit.append(.init(device, source.handlesLimit, source.objectsLimit))
        }
        hugetlb = statistics.hugetlb.sorted { $0.key < $1.key }.map { size, use in
            var stat = V2HugeTlbStat()
            stat.current = use.usage
            stat.max = use.limit
            stat.pagesize = size
            stat.failcnt = use.failcnt
            return stat
        }
    }

    /// Adds what only cgroup v2 has: events and the numbers of swap alone.
    mutating func readMemoryDetails(_ directory: String) {
        func number(_ file: String) -> UInt64? {
            guard let text = try? readText("\(directory)/\(file)") else { return nil }
            let word = text.prefix { !$0.isWhitespace }
            return word == "max" ? .max : UInt64(word)
        }
        if let usage = number("memory.swap.current") {
            memory.swapUsage = usage
            memory.swapLimit = number("memory.swap.max") ?? .max
            memory.swapMaxUsage = number("memory.swap.peak") ?? 0
        }
        guard let text = try? readText("\(directory)/memory.events") else { return }
        let events = CountTable(text)
        memoryEvents.low = events["low"]
        memoryEvents.high = events["high"]
        memoryEvents.max = events["max"]
        memoryEvents.oom = events["oom"]
        memoryEvents.oomKill = events["oom_kill"]
        memoryEvents.oomGroupKill = events["oom_group_kill"]
        if let text = try? readText("\(directory)/cpu.stat") {
            let table = CountTable(text)
            cpu.nrBursts = table["nr_bursts"]
            cpu.burstUsec = table["burst_usec"]
        }
    }
}

extension V2CPUStat {
    fileprivate init(_ source: CPUStatistics) {
        self.init()
        usageUsec = source.total / 1000
        userUsec = source.user / 1000
        systemUsec = source.kernel / 1000
        nrPeriods = source.periods
        nrThrottled = source.throttledPeriods
        throttledUsec = source.throttledTime / 1000
        if let pressure = source.pressure { psi = V2PSIStats(pressure) }
    }
}

extension V2MemoryStat {
    fileprivate init(_ source: MemoryStatistics) {
        self.init()
        for (name, field) in Self.fields {
            self[keyPath: field] = source.raw[name] ?? 0
        }
        usage = source.usage.usage
        usageLimit = source.usage.limit
        maxUsage = source.usage.max
        if let pressure = source.pressure { psi = V2PSIStats(pressure) }
    }

    /// The lines of memory.stat and where they go.
    private static var fields: [(String, WritableKeyPath<V2MemoryStat, UInt64>)] {
        [
            ("anon", \.anon), ("file", \.file), ("kernel_stack", \.kernelStack), ("slab", \.slab), ("sock", \.sock),
            ("shmem", \.shmem), ("file_mapped", \.fileMapped), ("file_dirty", \.fileDirty),
            ("file_writeback", \.fileWriteback), ("anon_thp", \.anonThp), ("inactive_anon", \.inactiveAnon),
            ("active_anon", \.activeAnon), ("inactive_file", \.inactiveFile), ("active_file", \.activeFile),
            ("unevictable", \.unevictable), ("slab_reclaimable", \.slabReclaimable),
            ("slab_unreclaimable", \.slabUnreclaimable), ("pgfault", \.pgfault), ("pgmajfault", \.pgmajfault),
            ("workingset_refault", \.workingsetRefault), ("workingset_activate", \.workingsetActivate),
            ("workingset_nodereclaim", \.workingsetNodereclaim), ("pgrefill", \.pgrefill), ("pgscan", \.pgscan),
            ("pgsteal", \.pgsteal), ("pgactivate", \.pgactivate), ("pgdeactivate", \.pgdeactivate),
            ("pglazyfree", \.pglazyfree), ("pglazyfreed", \.pglazyfreed), ("thp_fault_alloc", \.thpFaultAlloc),
            ("thp_collapse_alloc", \.thpCollapseAlloc),
        ]
    }
}

extension V2PSIStats {
    fileprivate init(_ source: Pressure) {
        self.init()
        some = V2PSIData(source.some)
        full = V2PSIData(source.full)
    }
}

extension V2PSIData {
    fileprivate init(_ source: PressureLine) {
        self.init()
        avg10 = source.avg10
        avg60 = source.avg60
        avg300 = source.avg300
        total = source.total
    }
}

extension V2IOStat {
    /// Gathers the numbers of each device.
    fileprivate init(_ source: BlockIOStatistics) {
        self.init()
        var devices: [String: V2IOEntry] = [:]
        func add(
            _ entries: [Cgroups.BlockIOEntry], _ reads: WritableKeyPath<V2IOEntry, UInt64>,
            _ writes: WritableKeyPath<V2IOEntry, UInt64>
        ) {
            for entry in entries {
                var device = devices["\(entry.major):\(entry.minor)"] ?? V2IOEntry()
                device.major = entry.major
                device.minor = entry.minor
                if entry.op == "Read" { device[keyPath: reads] = entry.value }
                if entry.op == "Write" { device[keyPath: writes] = entry.value }
                devices["\(entry.major):\(entry.minor)"] = device
            }
        }
        add(source.serviceBytes, \.rbytes, \.wbytes)
        add(source.serviced, \.rios, \.wios)
        usage = devices.values.sorted { ($0.major, $0.minor) < ($1.major, $1.minor) }
        if let pressure = source.pressure { psi = V2PSIStats(pressure) }
    }
}

extension V2RdmaEntry {
    fileprivate init(_ device: String, _ handles: UInt32, _ objects: UInt32) {
        self.init()
        self.device = device
        hcaHandles = handles
        hcaObjects = objects
    }
}
