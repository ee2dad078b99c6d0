// `update`, `mounts` and `events`: the commands about what a container may use, and what it does use.

internal import ContainerRuntime
internal import Glibc
internal import Kernel
internal import OCISpec

extension Command {
    static let update = Command(
        name: "update", summary: "change the limits of a running container", usage: "<container-id | bundle>",
        options: [
            .value(
                "resources", "r", "FILE", "a linux.resources object, - for stdin; the other options are then ignored"),
            .value("blkio-weight", nil, "N", "the weight of block I/O, from 10 to 1000"),
            .value("cpu-period", nil, "USEC", "the period of the CPU quota"),
            .value("cpu-quota", nil, "USEC", "the CPU time in a period; -1 for no limit"),
            .value("cpu-burst", nil, "USEC", "the CPU time that may be saved up"),
            .value("cpu-share", nil, "N", "CPU shares"),
            .value("cpu-rt-period", nil, "USEC", "the period of the realtime quota"),
            .value("cpu-rt-runtime", nil, "USEC", "the realtime CPU time in a period"),
            .value("cpuset-cpus", nil, "LIST", "the CPUs to use"),
            .value("cpuset-mems", nil, "LIST", "the memory nodes to use"),
            .value("cpu-idle", nil, "N", "1 for a cgroup that gets what others leave"),
            .value("memory", nil, "BYTES", "the memory limit; k, m and g are understood, -1 for none"),
            .value("memory-reservation", nil, "BYTES", "the memory that is left alone when memory is short"),
            .value("memory-swap", nil, "BYTES", "the limit of memory and swap together"),
            .value("pids-limit", nil, "N", "how many processes; -1 for no limit"),
            .list("unified", nil, "KEY=VALUE", "a file of cgroup v2"),
            .value(
                "shrink", nil, "SECONDS", "for a memory limit below what is used: reclaim for so long, then refuse"),
            .value("l3-cache-schema", nil, "LINES", "shares of the L3 cache, such as L3:0=ff;1=ff"),
            .value("mem-bw-schema", nil, "LINE", "shares of memory bandwidth, such as MB:0=50;1=70"),
            .hidden("kernel-memory", argument: "BYTES"),
            .hidden("kernel-memory-tcp", argument: "BYTES"),
        ], arguments: 1...1
    ) { call throws(CommandError) in
        let target = call.target()
        let resources: LinuxResources
        if let file = call.options.value("resources") {
            resources = try call.perform { () throws(Failure) in try target.runtime.resources(file: file) }
        } else {
            resources = try call.read { () throws(UsageError) in try ResourceOptions(options: call.options).resources()
            }
        }
        let schemata = Schemata(
            cache: call.options.value("l3-cache-schema"), bandwidth: call.options.value("mem-bw-schema"))
        try call.perform { () throws(Failure) in
            let seconds = try call.options.given("shrink").map { (text) throws(Failure) in
                try MemoryShrinkOption.seconds(text, key: "--shrink")
            }
            try target.runtime.update(id: target.id, resources, schemata, shrinkSeconds: seconds)
        }
        return 0
    }

    static let mounts = Command(
        name: "mounts", summary: "add and remove mounts of an existing container",
        usage: "add|remove <container-id | bundle> FILE (a JSON array like mounts in config.json; - for stdin)",
        options: [], arguments: 3...3, isSealed: true
    ) { call throws(CommandError) in
        let verb = call.options.arguments[0]
        guard verb == "add" || verb == "remove" else {
            throw .usage(UsageError(message: "swiftrun: \"mounts\" can add and remove, not \"\(verb)\""))
        }
        let target = call.target(1)
        try call.perform { () throws(Failure) in
            let mounts = try target.runtime.mounts(file: call.options.arguments[2])
            if verb == "add" {
                try target.runtime.addMounts(id: target.id, mounts)
            } else {
                try target.runtime.removeMounts(id: target.id, mounts)
            }
        }
        return 0
    }

    static let events = Command(
        name: "events", summary: "print what a container uses, and when its memory runs out",
        usage: "<container-id | bundle>",
        options: [
            .value("interval", nil, "DURATION", "how often, such as 100ms, 5s or 1m (default 5s)"),
            .flag("stats", nil, "print one record and end"),
        ], arguments: 1...1
    ) { call throws(CommandError) in
        let interval = try call.read { () throws(UsageError) in
            try milliseconds(call.options.given("interval") ?? "5s")
        }
        let target = call.target()
        if call.options.has("stats") {
            try printBytes(try call.perform { () throws(Failure) in try target.runtime.statistics(id: target.id) })
            return 0
        }
        try call.perform { () throws(Failure) in
            try target.runtime.followEvents(id: target.id, milliseconds: interval, writeOutput)
        }
        return 0
    }

    // Numbers with their units, one after another: "1h30m". Go, time.ParseDuration.
    private static func milliseconds(_ text: String) throws(UsageError) -> Int32 {
        let units: [(name: String, milliseconds: Double)] = [
            ("ns", 1e-6), ("us", 1e-3), ("µs", 1e-3), ("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000),
        ]
        var (rest, sum) = (text[...], 0.0)
        repeat {
            let digits = rest.prefix { $0.isASCII && $0.isNumber || $0 == "." }
            rest = rest.dropFirst(digits.count)
            let word = rest.prefix { !($0.isASCII && $0.isNumber || $0 == ".") }
            rest = rest.dropFirst(word.count)
            guard let number = decimalNumber(digits), let unit = units.first(where: { $0.name == word }) else {
                sum = 0; break
            }
            sum += number * unit.milliseconds
        } while !rest.isEmpty
        guard sum > 0 else {
            throw UsageError(
                message: "invalid value \"\(text)\" for flag -interval: a duration above 0 such as 5s is needed")
        }
        return Int32(max(1, min(sum, 2e9)))
    }
}

/// The options of `update` as a `linux.resources` object.
struct ResourceOptions {
    let options: ParsedOptions

    func resources() throws(UsageError) -> LinuxResources {
        var memory = LinuxMemory()
        memory.limit = try size("memory")
        memory.reservation = try size("memory-reservation")
        memory.swap = try size("memory-swap")
        var cpu = LinuxCPU()
        cpu.shares = try count("cpu-share")
        cpu.quota = try number("cpu-quota")
        cpu.period = try count("cpu-period")
        cpu.burst = try count("cpu-burst")
        cpu.realtimePeriod = try count("cpu-rt-period")
        cpu.realtimeRuntime = try number("cpu-rt-runtime")
        cpu.idle = try number("cpu-idle")
        cpu.cpus = options.value("cpuset-cpus")
        cpu.mems = options.value("cpuset-mems")
        var result = LinuxResources()
        if memory != LinuxMemory() { result.memory = memory }
        if cpu != LinuxCPU() { result.cpu = cpu }
        if let limit = try number(options.given("pids-limit"), "pids-limit") { result.pids = LinuxPids(limit: limit) }
        // 0 leaves the weight as it is.
        if let weight = try count(options.given("blkio-weight"), "blkio-weight") {
            guard weight == 0 || (10...1000).contains(weight) else {
                throw UsageError(
                    message: "invalid value \"\(weight)\" for flag -blkio-weight: a number from 10 to 1000 is needed")
            }
            result.blockIO = LinuxBlockIO(weight: UInt16(clamping: weight))
        }
        for entry in options.all("unified") {
            guard let equals = entry.firstIndex(of: "=") else {
                throw UsageError(message: "invalid value \"\(entry)\" for flag -unified: KEY=VALUE is needed")
            }
            result.unified[String(entry[..<equals])] = String(entry[entry.index(after: equals)...])
        }
        return result
    }

    private func number(_ name: String) throws(UsageError) -> Int64? { try number(options.value(name), name) }

    private func number(_ text: String?, _ name: String) throws(UsageError) -> Int64? {
        guard let text else { return nil }
        guard let number = Int64(text) else {
            throw UsageError(message: "invalid value \"\(text)\" for flag -\(name): a number is needed")
        }
        return number
    }

    private func count(_ name: String) throws(UsageError) -> UInt64? { try count(options.value(name), name) }

    private func count(_ text: String?, _ name: String) throws(UsageError) -> UInt64? {
        guard let text else { return nil }
        guard let number = UInt64(text) else {
            throw UsageError(
                message: "invalid value \"\(text)\" for flag -\(name): a number is needed, not negative")
        }
        return number
    }

    private func size(_ name: String) throws(UsageError) -> Int64? {
        guard let text = options.value(name) else { return nil }
        var digits = Substring(text.lowercased())
        if digits.hasSuffix("b") { digits.removeLast() }
        let units: [Character: Int64] = ["k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40]
        var factor: Int64 = 1
        if let last = digits.last, let unit = units[last] {
            factor = unit
            digits.removeLast()
        }
        // The only negative number with a meaning is -1: no limit.
        guard let number = Int64(digits), number >= 0 || (number == -1 && factor == 1),
            !number.multipliedReportingOverflow(by: factor).overflow
        else {
            throw UsageError(
                message: "invalid value \"\(text)\" for flag -\(name): a size such as 30m, or -1, is needed")
        }
        return number * factor
    }
}
