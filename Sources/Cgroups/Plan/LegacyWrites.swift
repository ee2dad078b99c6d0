// Converts `linux.resources` to values for the files of cgroup v1.

internal import OCISpec

extension LimitWrites {
    /// Adds all limits that cgroup v1 supports.
    mutating func addLegacy(_ resources: LinuxResources, _ current: CurrentLimits?) throws(CgroupFailure) {
        if let key = resources.unified.keys.first {
            throw CgroupFailure(
                .invalid,
                "linux.resources.unified[\"\(key)\"]: invalid configuration: cannot be used on a host with cgroup v1")
        }
        if let cpu = resources.cpu { addLegacy(cpu) }
        if let memory = resources.memory { try addLegacy(memory, current) }
        try addShared(resources)
        if let blockIO = resources.blockIO { try addLegacy(blockIO) }
        try addHugepages(resources, suffix: "limit_in_bytes")
        if let network = resources.network { try addLegacy(network) }
        try addRDMA(resources)
    }

    private mutating func addLegacy(_ cpu: LinuxCPU) {
        let key = "linux.resources.cpu"
        if let cpus = cpu.cpus, !cpus.isEmpty { add(CgroupWrite("cpuset", "cpuset.cpus", cpus, key: "\(key).cpus")) }
        if let mems = cpu.mems, !mems.isEmpty { add(CgroupWrite("cpuset", "cpuset.mems", mems, key: "\(key).mems")) }
        if let period = cpu.realtimePeriod, period != 0 {
            add(CgroupWrite("cpu", "cpu.rt_period_us", "\(period)", key: "\(key).realtimePeriod", isDeferrable: true))
        }
        if let runtime = cpu.realtimeRuntime, runtime != 0 {
            add(CgroupWrite("cpu", "cpu.rt_runtime_us", "\(runtime)", key: "\(key).realtimeRuntime"))
        }
        // An idle cgroup accepts no shares: idle is cleared before shares are set, and shares are skipped if idle is
        // set.
        if let idle = cpu.idle, idle != 1 { addIdle(idle) }
        if noteSharesOfIdle(cpu) == false, let shares = cpu.shares, shares != 0 {
            add(CgroupWrite("cpu", "cpu.shares", "\(shares)", key: "\(key).shares", isReadBack: true))
        }
        // A burst may exceed the old quota, and a period the old quota's share of it; both are retried at the end.
        if let burst = cpu.burst {
            add(
                CgroupWrite(
                    "cpu", "cpu.cfs_burst_us", "\(burst)", key: "\(key).burst",
                    absence: burst == 0 ? .ignored : .refused, isDeferrable: true))
        }
        if let period = cpu.period, period != 0 {
            add(CgroupWrite("cpu", "cpu.cfs_period_us", "\(period)", key: "\(key).period", isDeferrable: true))
        }
        if let quota = cpu.quota, quota != 0 {
            add(CgroupWrite("cpu", "cpu.cfs_quota_us", "\(quota)", key: "\(key).quota"))
        }
        if cpu.idle == 1 { addIdle(1) }
    }

    private mutating func addLegacy(_ memory: LinuxMemory, _ current: CurrentLimits?) throws(CgroupFailure) {
        let key = "linux.resources.memory"
        if let swap = memory.swap, swap > 0, memory.limit != -1 {
            // The kernel would answer "invalid argument". It shows "no limit" as a number of more than 62 bits.
            let given = memory.limit ?? 0
            let base = given != 0 ? given : current?.memory ?? 0
            guard swap >= base || base >> 62 != 0 else { throw SwapArithmetic.isLess(swap, than: base) }
        }
        addLegacyLimits(limit: memory.limit ?? 0, swap: memory.swap ?? 0, current)
        if let reservation = memory.reservation, reservation != 0 {
            add(CgroupWrite("memory", "memory.soft_limit_in_bytes", "\(reservation)", key: "\(key).reservation"))
        }
        noteIgnoredMemory(memory)
        if memory.disableOOMKiller == true {
            add(CgroupWrite("memory", "memory.oom_control", "1", key: "\(key).disableOOMKiller"))
        }
        if let swappiness = memory.ownSwappiness {
            guard swappiness <= 100 else {
                throw CgroupFailure(
                    .invalid, "\(key).swappiness: expected a number from 0 to 100, found \(swappiness)")
            }
            add(CgroupWrite("memory", "memory.swappiness", "\(swappiness)", key: "\(key).swappiness"))
        }
        if memory.useHierarchy == true {
            add(CgroupWrite("memory", "memory.use_hierarchy", "1", key: "\(key).useHierarchy", absence: .ignored))
        }
    }

    /// The kernel requires memory ≤ memory+swap after every single write, so the order depends on the direction of
    /// the change.
    private mutating func addLegacyLimits(limit: Int64, swap: Int64, _ current: CurrentLimits?) {
        let limitWrite = CgroupWrite(
            "memory", "memory.limit_in_bytes", "\(limit)", key: "linux.resources.memory.limit")
        // Without a memory limit no swap limit can be set either.
        let effective = limit == -1 && swap == 0 ? -1 : swap
        let swapWrite = CgroupWrite(
            "memory", "memory.memsw.limit_in_bytes", "\(effective)", key: "linux.resources.memory.swap",
            absence: swap > 0 ? .refused : .ignored)
        var pair: [CgroupWrite] = []
        if limit != 0 { pair.append(limitWrite) }
        if effective != 0 { pair.append(swapWrite) }
        let grows = effective == -1 || effective > (current?.memoryAndSwap ?? .max)
        if pair.count == 2, current != nil, grows { pair.swapAt(0, 1) }
        for write in pair { add(write) }
    }

    private mutating func addLegacy(_ blockIO: LinuxBlockIO) throws(CgroupFailure) {
        let key = "linux.resources.blockIO"
        if let weight = blockIO.weight, weight != 0 {
            add(Self.withBFQ("blkio.weight", "blkio.bfq.weight", "\(weight)", key: "\(key).weight"))
        }
        if let weight = blockIO.leafWeight, weight != 0 {
            add(CgroupWrite("blkio", "blkio.leaf_weight", "\(weight)", key: "\(key).leafWeight"))
        }
        for (index, device) in blockIO.weightDevice.enumerated() {
            let number = "\(device.major):\(device.minor)"
            let key = "\(key).weightDevice[\(index)]"
            if let weight = device.weight, weight != 0 {
                add(
                    Self.withBFQ(
                        "blkio.weight_device", "blkio.bfq.weight_device", "\(number) \(weight)", key: "\(key).weight"))
            }
            if let weight = device.leafWeight, weight != 0 {
                add(
                    CgroupWrite(
                        "blkio", "blkio.leaf_weight_device", "\(number) \(weight)", key: "\(key).leafWeight"))
            }
        }
        for (name, file, devices) in Self.throttles(blockIO) {
            for (index, device) in devices.enumerated() {
                add(
                    CgroupWrite(
                        "blkio", file, "\(device.major):\(device.minor) \(device.rate)", key: "\(key).\(name)[\(index)]"
                    ))
            }
        }
    }

    private static func withBFQ(_ file: String, _ other: String, _ value: String, key: String) -> CgroupWrite {
        CgroupWrite("blkio", file, value, key: key, absence: .instead([.init(file: other, value: value)]))
    }

    private static func throttles(_ blockIO: LinuxBlockIO) -> [(String, String, [LinuxThrottleDevice])] {
        [
            ("throttleReadBpsDevice", "blkio.throttle.read_bps_device", blockIO.throttleReadBpsDevice),
            ("throttleWriteBpsDevice", "blkio.throttle.write_bps_device", blockIO.throttleWriteBpsDevice),
            ("throttleReadIOPSDevice", "blkio.throttle.read_iops_device", blockIO.throttleReadIOPSDevice),
            ("throttleWriteIOPSDevice", "blkio.throttle.write_iops_device", blockIO.throttleWriteIOPSDevice),
        ]
    }

    private mutating func addLegacy(_ network: LinuxNetwork) throws(CgroupFailure) {
        let key = "linux.resources.network"
        if let classID = network.classID, classID != 0 {
            add(CgroupWrite("net_cls", "net_cls.classid", "\(classID)", key: "\(key).classID"))
        }
        for (index, priority) in network.priorities.enumerated() {
            let key = "\(key).priorities[\(index)]"
            try Self.checkWord(priority.name, key: "\(key).name")
            add(
                CgroupWrite(
                    "net_prio", "net_prio.ifpriomap", "\(priority.name) \(priority.priority)", key: "\(key).priority"))
        }
    }
}
