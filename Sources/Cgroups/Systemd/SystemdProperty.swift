// Converts limits to properties of a systemd unit.

internal import Glibc
internal import Kernel
internal import OCISpec

/// One property of a unit.
package struct SystemdProperty: Equatable, Sendable, CustomStringConvertible {
    let name: String
    let value: DBusValue
    /// The first version of systemd that supports it.
    let since: Int

    init(_ name: String, _ value: DBusValue, since: Int = 0) {
        self.name = name
        self.value = value
        self.since = since
    }

    /// The argument of a call: `(sv)`.
    var argument: DBusValue { .structure([.string(name), .variant(value)]) }

    /// The text in a dry run.
    package var description: String { "\(name)=\(Self.text(value))" }

    private static func text(_ value: DBusValue) -> String {
        switch value {
        case .byte(let value): "\(value)"
        case .boolean(let value): value ? "yes" : "no"
        case .int32(let value): "\(value)"
        case .uint32(let value): "\(value)"
        case .int64(let value): "\(value)"
        case .uint64(let value): value == .max ? "infinity" : "\(value)"
        case .double(let value): "\(value)"
        case .string(let text), .objectPath(let text), .signature(let text): text
        case .array(_, let values): values.map(text).joined(separator: " ")
        case .structure(let members): members.map(text).joined(separator: ":")
        case .variant(let value): text(value)
        }
    }
}

/// Converts `linux.resources` to properties of a unit.
struct SystemdLimits {
    private(set) var properties: [SystemdProperty] = []

    /// - Parameter current: on an update, the present limits.
    init(_ resources: LinuxResources?, hierarchy: CgroupHierarchy, current: CurrentLimits? = nil) throws(CgroupFailure)
    {
        guard let resources else { return }
        let isUnified = hierarchy == .unified
        if let memory = resources.memory { try add(memory, isUnified: isUnified, current) }
        if let cpu = resources.cpu { try add(cpu, isUnified: isUnified, current) }
        if let limit = resources.pids?.limit { add("TasksMax", .uint64(limit < 0 ? .max : UInt64(max(limit, 1)))) }
        if let weight = resources.blockIO?.weight, weight != 0 {
            if isUnified {
                add("IOWeight", .uint64(IOWeight.fromBlockIOWeight(weight)))
            } else {
                add("BlockIOWeight", .uint64(UInt64(weight)))
            }
        }
        if isUnified {
            for (key, value) in resources.unified { try add(key, value) }
        }
    }

    private mutating func add(_ name: String, _ value: DBusValue, since: Int = 0) {
        // The last value of a property counts, as with files.
        properties.removeAll { $0.name == name }
        properties.append(SystemdProperty(name, value, since: since))
    }

    private static func orInfinity(_ value: Int64) -> DBusValue { .uint64(value < 0 ? .max : UInt64(value)) }

    private mutating func add(_ memory: LinuxMemory, isUnified: Bool, _ current: CurrentLimits?) throws(CgroupFailure) {
        if let limit = memory.limit, limit != 0 { add(isUnified ? "MemoryMax" : "MemoryLimit", Self.orInfinity(limit)) }
        guard isUnified else { return }
        if let reservation = memory.reservation, reservation != 0 { add("MemoryLow", Self.orInfinity(reservation)) }
        if let swap = try SwapArithmetic.swapMax(memory, current: current) {
            add("MemorySwapMax", .uint64(UInt64(swap) ?? .max))
        }
    }

    private mutating func add(_ cpu: LinuxCPU, isUnified: Bool, _ current: CurrentLimits?) throws(CgroupFailure) {
        if isUnified, cpu.idle == 1 {
            add("CPUWeight", .uint64(0), since: 252)
        } else if let shares = cpu.shares, shares != 0 {
            if isUnified {
                if let weight = CPUWeight.fromShares(shares) { add("CPUWeight", .uint64(weight)) }
            } else {
                add("CPUShares", .uint64(shares))
            }
        } else if isUnified, cpu.idle == 0, current?.isIdle == true {
            // Without another weight systemd would make the unit idle again when it reloads; 100 is the kernel's
            // default.
            add("CPUWeight", .uint64(100))
        }
        let period = cpu.period.flatMap { $0 == 0 ? nil : $0 } ?? current?.period
        let quota = cpu.quota.flatMap { $0 == 0 ? nil : $0 } ?? current?.quota.flatMap { Int64($0) }
        if (cpu.quota ?? 0) != 0 || (cpu.period ?? 0) != 0 { addQuota(quota ?? -1, period: period) }
        if let cpus = cpu.cpus, !cpus.isEmpty {
            add("AllowedCPUs", .bytes(try Self.mask(cpus, key: "linux.resources.cpu.cpus")), since: 244)
        }
        if let mems = cpu.mems, !mems.isEmpty {
            add("AllowedMemoryNodes", .bytes(try Self.mask(mems, key: "linux.resources.cpu.mems")), since: 244)
        }
    }

    /// systemd stores the run time per second, in whole hundredths, and the period.
    private mutating func addQuota(_ quota: Int64, period: UInt64?) {
        if let period { add("CPUQuotaPeriodUSec", .uint64(period), since: 242) }
        add("CPUQuotaPerSecUSec", .uint64(CPUQuota.perSecond(quota, period: period ?? CPUQuota.usualPeriod) ?? .max))
    }

    /// Converts a list such as `0-3,7` to bits; the lowest number is the lowest bit of the first byte.
    static func mask(_ list: String, key: String) throws(CgroupFailure) -> [UInt8] {
        let refusal = CgroupFailure(.invalid, "\(key): expected a list such as \"0-3,7\", found \"\(list)\"")
        var bytes: [UInt8] = []
        for part in list.split(at: ",", omittingEmptySubsequences: false) {
            guard let range = numberRange(part), range.upperBound < mostNumbers else { throw refusal }
            for number in range {
                let index = number / 8
                while bytes.count <= index { bytes.append(0) }
                bytes[index] |= 1 << UInt8(number % 8)
            }
        }
        return bytes
    }

    /// Adds a file of cgroup v2 for which systemd has a property; systemd leaves the others alone.
    private mutating func add(_ file: String, _ value: String) throws(CgroupFailure) {
        let key = "linux.resources.unified[\"\(file)\"]"
        let word = trimmed(value)
        func number() throws(CgroupFailure) -> UInt64 {
            guard let number = word == "max" ? .max : UInt64(word) else {
                throw CgroupFailure(.invalid, "\(key): expected a number or \"max\", found \"\(word)\"")
            }
            return number
        }
        let names = [
            "memory.high": "MemoryHigh", "memory.low": "MemoryLow", "memory.min": "MemoryMin",
            "memory.max": "MemoryMax",
            "memory.swap.max": "MemorySwapMax", "pids.max": "TasksMax", "cpu.weight": "CPUWeight",
        ]
        if let name = names[file] { return add(name, .uint64(try number())) }
        switch file {
        case "cpu.max":
            let words = word.split(separator: " ")
            let quota = words.first == "max" ? -1 : words.first.flatMap { Int64($0) }
            let period = words.count > 1 ? UInt64(words[1]) : 100_000
            guard let quota, let period, period > 0, words.count <= 2 else {
                throw CgroupFailure(.invalid, "\(key): expected \"QUOTA PERIOD\" or \"max PERIOD\", found \"\(word)\"")
            }
            addQuota(quota, period: period)
        case "cpu.idle": if word == "1" { add("CPUWeight", .uint64(0), since: 252) }
        case "cpuset.cpus": add("AllowedCPUs", .bytes(try Self.mask(word, key: key)), since: 244)
        case "cpuset.mems": add("AllowedMemoryNodes", .bytes(try Self.mask(word, key: key)), since: 244)
        case "memory.oom.group": add("OOMPolicy", .string(word == "1" ? "kill" : "continue"), since: 253)
        default: return
        }
    }
}
