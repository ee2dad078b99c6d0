// A container's statistics as the message that clients expect.

internal import Cgroups
internal import Kernel
internal import ShimAPI
internal import SwiftProtobuf

/// Statistics of a container.
enum Statistics {
    /// Reads them, as the message of the cgroup version that the host has.
    static func read(_ cgroup: TaskCgroup) throws(CgroupFailure) -> Google_Protobuf_Any {
        let statistics = try cgroup.cgroup.statistics()
        if !cgroup.isUnified { return Google_Protobuf_Any(bare: V1Metrics(statistics)) }
        var metrics = V2Metrics(statistics)
        if let directory = cgroup.directory(of: "memory") { metrics.readMemoryDetails(directory) }
        return Google_Protobuf_Any(bare: metrics)
    }
}

/// A file of `key value` lines.
struct CountTable {
    private var counts: [Substring: UInt64] = [:]

    init(_ text: String) {
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count == 2 { counts[words[0]] = UInt64(words[1]) }
        }
    }

    subscript(name: Substring) -> UInt64 { counts[name] ?? 0 }
}
