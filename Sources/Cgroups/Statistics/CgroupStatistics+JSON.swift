// Statistics as `events` prints them: the `data` of a record of type `stats`, in runc's schema.

package import OCISpec

extension CgroupStatistics: JSONEncodable {
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("cpu", cpu ?? CPUStatistics())
            writer.field("cpuset", cpuset ?? CPUSetStatistics())
            writer.field("memory", memory ?? MemoryStatistics())
            writer.field("pids", pids ?? PidsStatistics(current: 0, limit: 0))
            writer.field("blkio", blockIO ?? BlockIOStatistics())
            writer.field("hugetlb", hugetlb.mapValues(HugetlbText.init))
            writer.field("intel_rdt", EmptyObject())
            writer.field("network_interfaces", [String]())
        }
    }
}

/// A property that is not measured here, but that consumers expect to exist.
private struct EmptyObject: JSONEncodable {
    func write(to writer: inout JSONWriter) { writer.object { _ in } }
}

extension Pressure: JSONEncodable {
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("some", some)
            writer.field("full", full)
        }
    }
}

extension PressureLine: JSONEncodable {
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("avg10", avg10)
            writer.field("avg60", avg60)
            writer.field("avg300", avg300)
            writer.field("total", total)
        }
    }
}

extension CPUStatistics: JSONEncodable {
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("usage", CPUUsageText(cpu: self))
            writer.field("throttling", ThrottlingText(cpu: self))
            writer.field("psi", pressure)
        }
    }
}

private struct CPUUsageText: JSONEncodable {
    var cpu: CPUStatistics

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.nonZero("total", cpu.total)
            writer.list("percpu", cpu.perCPU)
            writer.list("percpu_kernel", cpu.perCPUKernel)
            writer.list("percpu_user", cpu.perCPUUser)
            writer.field("kernel", cpu.kernel)
            writer.field("user", cpu.user)
        }
    }
}

private struct ThrottlingText: JSONEncodable {
    var cpu: CPUStatistics

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.nonZero("periods", cpu.periods)
            writer.nonZero("throttledPeriods", cpu.throttledPeriods)
            writer.nonZero("throttledTime", cpu.throttledTime)
        }
    }
}

extension CPUSetStatistics: JSONEncodable {
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.list("cpus", cpus)
            writer.field("cpu_exclusive", cpuExclusive)
            writer.list("mems", mems)
            writer.field("mem_hardwall", memHardwall)
            writer.field("mem_exclusive", memExclusive)
            writer.field("memory_migrate", memoryMigrate)
            writer.field("memory_spread_page", memorySpreadPage)
            writer.field("memory_spread_slab", memorySpreadSlab)
            writer.field("memory_pressure", memoryPressure)
            writer.field("sched_load_balance", schedLoadBalance)
            writer.field("sched_relax_domain_level", schedRelaxDomainLevel)
        }
    }
}

extension LimitedUse: JSONEncodable {
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("limit", limit)
            writer.nonZero("usage", usage)
            writer.nonZero("max", max)
            writer.field("failcnt", failcnt)
        }
    }
}

/// Huge pages: the schema has no limit.
private struct HugetlbText: JSONEncodable {
    var use: LimitedUse

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.nonZero("usage", use.usage)
            writer.nonZero("max", use.max)
            writer.field("failcnt", use.failcnt)
        }
    }
}

extension MemoryStatistics: JSONEncodable {
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.nonZero("cache", cache)
            writer.field("usage", usage)
            writer.field("swap", swap)
            writer.field("kernel", kernel)
            writer.field("kernelTCP", kernelTCP)
            writer.map("raw", raw)
            writer.field("psi", pressure)
        }
    }
}

extension PidsStatistics: JSONEncodable {
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.nonZero("current", current)
            writer.nonZero("limit", limit)
        }
    }
}

extension BlockIOEntry: JSONEncodable {
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.nonZero("major", major)
            writer.nonZero("minor", minor)
            if !op.isEmpty { writer.field("op", op) }
            writer.nonZero("value", value)
        }
    }
}

extension BlockIOStatistics: JSONEncodable {
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.list("ioServiceBytesRecursive", serviceBytes)
            writer.list("ioServicedRecursive", serviced)
            writer.list("ioQueueRecursive", queued)
            writer.list("ioServiceTimeRecursive", serviceTime)
            writer.list("ioWaitTimeRecursive", waitTime)
            writer.list("ioMergedRecursive", merged)
            writer.list("ioTimeRecursive", time)
            writer.list("sectorsRecursive", sectors)
            writer.field("psi", pressure)
        }
    }
}
