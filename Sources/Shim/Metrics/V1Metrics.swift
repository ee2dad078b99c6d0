// Statistics of cgroup v1 as containerd's message.

internal import Cgroups
internal import ShimAPI

extension V1Metrics {
    init(_ statistics: CgroupStatistics) {
        self.init()
        hugetlb = statistics.hugetlb.sorted { $0.key < $1.key }.map { size, use in
            var stat = V1HugetlbStat()
            stat.usage = use.usage
            stat.max = use.max
            stat.failcnt = use.failcnt
            stat.pagesize = size
            return stat
        }
        if let source = statistics.pids {
            pids.current = source.current
            pids.limit = source.limit
        }
        if let source = statistics.cpu {
            cpu.usage.total = source.total
            cpu.usage.kernel = source.kernel
            cpu.usage.user = source.user
            cpu.usage.perCpu = source.perCPU
            cpu.throttling.periods = source.periods
            cpu.throttling.throttledPeriods = source.throttledPeriods
            cpu.throttling.throttledTime = source.throttledTime
        }
        if let source = statistics.memory { memory = V1MemoryStat(source) }
        if let source = statistics.blockIO { blkio = V1BlkIOStat(source) }
        for (device, source) in statistics.rdma.sorted(by: { $0.key < $1.key }) {
            rdma.current.append(.init(device, source.handles, source.objects))
            rdma.limit.append(.init(device, source.handlesLimit, source.objectsLimit))
        }
    }
}

extension V1MemoryStat {
    fileprivate init(_ source: MemoryStatistics) {
        self.init()
        for (name, field) in Self.fields {
            self[keyPath: field] = source.raw[name] ?? 0
        }
        usage = V1MemoryEntry(source.usage)
        swap = V1MemoryEntry(source.swap)
        kernel = V1MemoryEntry(source.kernel)
        kernelTcp = V1MemoryEntry(source.kernelTCP)
    }

    /// The lines of memory.stat and where they go.
    private static var fields: [(String, WritableKeyPath<V1MemoryStat, UInt64>)] {
        [
            ("cache", \.cache), ("rss", \.rss), ("rss_huge", \.rssHuge), ("mapped_file", \.mappedFile),
            ("dirty", \.dirty), ("writeback", \.writeback), ("pgpgin", \.pgPgIn), ("pgpgout", \.pgPgOut),
            ("pgfault", \.pgFault), ("pgmajfault", \.pgMajFault), ("inactive_anon", \.inactiveAnon),
            ("active_anon", \.activeAnon), ("inactive_file", \.inactiveFile), ("active_file", \.activeFile),
            ("unevictable", \.unevictable), ("hierarchical_memory_limit", \.hierarchicalMemoryLimit),
            ("hierarchical_memsw_limit", \.hierarchicalSwapLimit), ("total_cache", \.totalCache),
            ("total_rss", \.totalRss), ("total_rss_huge", \.totalRssHuge), ("total_mapped_file", \.totalMappedFile),
            ("total_dirty", \.totalDirty), ("total_writeback", \.totalWriteback), ("total_pgpgin", \.totalPgPgIn),
            ("total_pgpgout", \.totalPgPgOut), ("total_pgfault", \.totalPgFault),
            ("total_pgmajfault", \.totalPgMajFault), ("total_inactive_anon", \.totalInactiveAnon),
            ("total_active_anon", \.totalActiveAnon), ("total_inactive_file", \.totalInactiveFile),
            ("total_active_file", \.totalActiveFile), ("total_unevictable", \.totalUnevictable),
        ]
    }
}

extension V1MemoryEntry {
    fileprivate init(_ source: LimitedUse) {
        self.init()
        limit = source.limit
        usage = source.usage
        max = source.max
        failcnt = source.failcnt
    }
}

extension V1BlkIOStat {
    fileprivate init(_ source: BlockIOStatistics) {
        self.init()
        func entries(_ entries: [Cgroups.BlockIOEntry]) -> [V1BlkIOEntry] {
            entries.map { entry in
                var result = V1BlkIOEntry()
                result.op = entry.op
                result.major = entry.major
                result.minor = entry.minor
                result.value = entry.value
                return result
            }
        }
        ioServiceBytesRecursive = entries(source.serviceBytes)
        ioServicedRecursive = entries(source.serviced)
        ioQueuedRecursive = entries(source.queued)
        ioServiceTimeRecursive = entries(source.serviceTime)
        ioWaitTimeRecursive = entries(source.waitTime)
        ioMergedRecursive = entries(source.merged)
        ioTimeRecursive = entries(source.time)
        sectorsRecursive = entries(source.sectors)
    }
}

extension V1RdmaEntry {
    fileprivate init(_ device: String, _ handles: UInt32, _ objects: UInt32) {
        self.init()
        self.device = device
        hcaHandles = handles
        hcaObjects = objects
    }
}
