// Many containers: at once, idle beside each other, and the probes of an orchestrator.

internal import Foundation
internal import Glibc

/// The measurements of a host with many containers.
struct Scale {
    let contenders: [Contender]
    let bundles: Bundles
    /// How many idle containers there are.
    let idle: Int
    /// How many seconds of probes, 100 a second.
    let seconds: Int

    /// Times and memory for every contender.
    func measure(into report: inout Report) throws {
        for count in [50, 200, 1000] {
            for contender in contenders {
                let time = try contender.runs(atOnce: count, bundles.plain)
                report.add("scale", "\(count) runs at once", contender.name, time)
            }
        }
        for contender in contenders where contender.kind == .runtime {
            try probes(contender, &report)
            try idlers(contender, &report)
        }
    }

    // Kubernetes runs the probes of a node as processes of exec.
    private func probes(_ contender: Contender, _ report: inout Report) throws {
        let id = "probes-\(contender.name)-\(getpid())"
        try contender.start(id, bundles.plain)
        defer { contender.remove(id) }
        let before = processorSeconds()
        let count = seconds * 100
        let since = now()
        for index in 0..<count {
            _ = try contender.command(["exec", id, "/bin/true"]).succeed()
            let rest = since + Double(index + 1) / 100 - now()
            if rest > 0 { usleep(UInt32(rest * 1e6)) }
        }
        let used = (processorSeconds() - before) * 1000 / Double(count)
        report.note("processor time of an exec, 100 a second, µs", contender.name, Int(used * 1000))
        report.note("execs a second that were reached", contender.name, Int(Double(count) / (now() - since)))
    }

    // The runtime's exit leaves the container's init, which is idle; its kernel memory is the most of it.
    private func idlers(_ contender: Contender, _ report: inout Report) throws {
        usleep(500_000)
        let before = try memory()
        var ids: [String] = []
        defer { ids.forEach(contender.remove) }
        for index in 0..<idle {
            let id = "idle-\(contender.name)-\(getpid())-\(index)"
            try contender.start(id, bundles.plain)
            ids.append(id)
        }
        usleep(500_000)
        let after = try memory()
        report.note("memory of an idle container, KiB", contender.name, (before.free - after.free) / max(idle, 1))
        report.note("of it kernel slabs, KiB", contender.name, (after.slab - before.slab) / max(idle, 1))
        for _ in 0..<5 {
            report.add("scale", "list of \(idle)", contender.name, try contender.command(["list"]).succeed().wall)
        }
        for _ in 0..<10 {
            for (operation, time) in try contender.lifecycle(bundles.plain) {
                report.add("scale", "\(operation) beside \(idle)", contender.name, time)
            }
        }
    }

    /// Seconds that the ended children of the benchmark, with theirs, took of the processors.
    private func processorSeconds() -> Double {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_CHILDREN.rawValue), &usage)
        let times = [usage.ru_utime, usage.ru_stime]
        return times.reduce(0) { $0 + Double($1.tv_sec) + Double($1.tv_usec) / 1e6 }
    }

    /// MemAvailable and Slab of proc_meminfo(5), in KiB.
    private func memory() throws -> (free: Int, slab: Int) {
        let lines = try String(contentsOfFile: "/proc/meminfo", encoding: .utf8).split(separator: "\n")
        func value(_ name: String) throws -> Int {
            guard let line = lines.first(where: { $0.hasPrefix(name + ":") }),
                let number = line.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
            else { throw BenchFailure("/proc/meminfo does not hold \(name)") }
            return number
        }
        return (try value("MemAvailable"), try value("Slab"))
    }
}
