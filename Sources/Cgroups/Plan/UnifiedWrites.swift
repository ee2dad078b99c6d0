// Converts `linux.resources` to values for the files of cgroup v2.

internal import OCISpec

extension LimitWrites {
    /// Adds all limits that cgroup v2 supports, in runc's order of writing.
    mutating func addUnified(_ resources: LinuxResources, _ current: CurrentLimits?) throws(CgroupFailure) {
        try addShared(resources)
        if let memory = resources.memory { try addUnified(memory, current) }
        if let blockIO = resources.blockIO { addUnified(blockIO) }
        if let cpu = resources.cpu { addUnified(cpu, current) }
        try addHugepages(resources, suffix: "max")
        try addRDMA(resources)
        if resources.network?.classID != nil || resources.network?.priorities.isEmpty == false {
            notes.append("linux.resources.network: cgroup v2 has no such limits, ignored")
        }
        try addRaw(resources.unified)
    }

    private mutating func addUnified(_ memory: LinuxMemory, _ current: CurrentLimits?) throws(CgroupFailure) {
        let key = "linux.resources.memory"
        noteIgnoredMemory(memory)
        if memory.ownSwappiness != nil {
            notes.append("\(key).swappiness: cgroup v2 has no such setting, ignored")
        }
        if memory.disableOOMKiller == true {
            notes.append("\(key).disableOOMKiller: cgroup v2 has no such setting, ignored")
        }
        let limit = memory.limit ?? 0
        if memory.checkBeforeUpdate == true, let inUse = current?.memoryInUse {
            let both = memory.swap ?? 0
            let refused = both > 0 && inUse >= both ? ("swap", "memory+swap", both) : ("limit", "memory", limit)
            if refused.2 > 0, inUse >= refused.2 {
                throw CgroupFailure(
                    .refused,
                    "\(key).\(refused.0): rejecting \(refused.1) limit \(refused.2): \(inUse) bytes are in use, and checkBeforeUpdate is set"
                )
            }
        }
        if let swap = try SwapArithmetic.swapMax(memory, current: current) {
            add(
                CgroupWrite(
                    "memory", "memory.swap.max", swap, key: "\(key).swap",
                    absence: swap == "max" || swap == "0" ? .ignored : .refused))
        }
        if limit != 0 { add(CgroupWrite("memory", "memory.max", Self.orMax(limit), key: "\(key).limit")) }
        if let reservation = memory.reservation, reservation != 0 {
            add(CgroupWrite("memory", "memory.low", Self.orMax(reservation), key: "\(key).reservation"))
        }
    }

    private mutating func addUnified(_ cpu: LinuxCPU, _ current: CurrentLimits?) {
        let key = "linux.resources.cpu"
        if let idle = cpu.idle { addIdle(idle) }
        if noteSharesOfIdle(cpu) == false, let shares = cpu.shares, let weight = CPUWeight.fromShares(shares) {
            add(CgroupWrite("cpu", "cpu.weight", "\(weight)", key: "\(key).shares"))
        }
        // A burst may exceed the old quota; then it is retried after cpu.max.
        if let burst = cpu.burst {
            add(
                CgroupWrite(
                    "cpu", "cpu.max.burst", "\(burst)", key: "\(key).burst",
                    absence: burst == 0 ? .ignored : .refused, isDeferrable: true))
        }
        let quota = cpu.quota.flatMap { $0 == 0 ? nil : $0 }
        let period = cpu.period.flatMap { $0 == 0 ? nil : $0 }
        if quota != nil || period != nil {
            var value = quota.map { $0 > 0 ? "\($0)" : "max" } ?? current?.quota ?? "max"
            // A quota alone keeps the present period on an update.
            if let period { value += " \(period)" } else if current == nil { value += " \(CPUQuota.usualPeriod)" }
            let name = cpu.quota != nil ? "quota" : "period"
            add(CgroupWrite("cpu", "cpu.max", value, key: "\(key).\(name)"))
        }
        if (cpu.realtimePeriod ?? 0) != 0 || (cpu.realtimeRuntime ?? 0) != 0 {
            notes.append("\(key).realtimeRuntime: cgroup v2 has no real-time limits, ignored")
        }
        if let cpus = cpu.cpus, !cpus.isEmpty { add(CgroupWrite("cpuset", "cpuset.cpus", cpus, key: "\(key).cpus")) }
        if let mems = cpu.mems, !mems.isEmpty { add(CgroupWrite("cpuset", "cpuset.mems", mems, key: "\(key).mems")) }
    }

    private mutating func addUnified(_ blockIO: LinuxBlockIO) {
        let key = "linux.resources.blockIO"
        if let weight = blockIO.weight, weight != 0 {
            let other = CgroupWrite.Alternative(file: "io.weight", value: "\(IOWeight.fromBlockIOWeight(weight))")
            add(CgroupWrite("io", "io.bfq.weight", "\(weight)", key: "\(key).weight", absence: .instead([other])))
        }
        for (index, device) in blockIO.weightDevice.enumerated() {
            guard let weight = device.weight, weight != 0 else { continue }
            let number = "\(device.major):\(device.minor)"
            let other = CgroupWrite.Alternative(
                file: "io.weight", value: "\(number) \(IOWeight.fromBlockIOWeight(weight))")
            add(
                CgroupWrite(
                    "io", "io.bfq.weight", "\(number) \(weight)", key: "\(key).weightDevice[\(index)].weight",
                    absence: .instead([other])))
        }
        if (blockIO.leafWeight ?? 0) != 0 || blockIO.weightDevice.contains(where: { ($0.leafWeight ?? 0) != 0 }) {
            notes.append("\(key).leafWeight: cgroup v2 has no such setting, ignored")
        }
        let throttles: [(String, String, [LinuxThrottleDevice])] = [
            ("throttleReadBpsDevice", "rbps", blockIO.throttleReadBpsDevice),
            ("throttleWriteBpsDevice", "wbps", blockIO.throttleWriteBpsDevice),
            ("throttleReadIOPSDevice", "riops", blockIO.throttleReadIOPSDevice),
            ("throttleWriteIOPSDevice", "wiops", blockIO.throttleWriteIOPSDevice),
        ]
        for (name, word, devices) in throttles {
            for (index, device) in devices.enumerated() {
                // The kernel refuses zero here; as on v1 it means no limit.
                let rate = device.rate == 0 ? "max" : "\(device.rate)"
                add(
                    CgroupWrite(
                        "io", "io.max", "\(device.major):\(device.minor) \(word)=\(rate)",
                        key: "\(key).\(name)[\(index)]"))
            }
        }
    }

    /// Adds the files that the configuration names itself, line by line, because most files accept one line per
    /// write.
    private mutating func addRaw(_ unified: TextMap<String>) throws(CgroupFailure) {
        for (file, value) in unified {
            let key = "linux.resources.unified[\"\(file)\"]"
            let parts = file.split(separator: ".", omittingEmptySubsequences: false)
            guard !file.utf8.contains(UInt8(ascii: "/")), parts.count >= 2, parts.allSatisfy({ !$0.isEmpty }),
                !file.utf8.contains(0)
            else {
                throw CgroupFailure(
                    .invalid, "\(key): expected the name of a cgroup file such as \"memory.high\", without a path")
            }
            for line in value.split(separator: "\n") {
                add(CgroupWrite(String(parts[0]), file, String(line), key: key))
            }
        }
    }

    // The kernel reports other negative numbers as invalid.
    private static func orMax(_ value: Int64) -> String { value == -1 ? "max" : "\(value)" }
}
