// Reads the resource usage of a container.

internal import Glibc
internal import Kernel

extension Cgroup {
    /// The current usage of the container; missing controllers are left out.
    /// - Throws: if the cgroup no longer exists.
    package func statistics() throws(CgroupFailure) -> CgroupStatistics {
        var statistics = CgroupStatistics()
        guard let first = location.directories.first else { return statistics }
        _ = try during("read the statistics of cgroup \(first.fullPath)") { () throws(Errno) in try open(first) }
        if location.hierarchy == .unified {
            statistics.readUnified(StatisticsFiles(path: first.fullPath), pageSizes: StatisticsFiles.pageSizes())
        } else {
            func files(_ controller: String) -> StatisticsFiles? {
                location.directory(of: controller).map { StatisticsFiles(path: $0.fullPath) }
            }
            statistics.readLegacy(files, pageSizes: StatisticsFiles.pageSizes())
        }
        return statistics
    }
}

extension CgroupStatistics {
    /// Adds the RDMA devices, which have the same format in v1 and v2.
    mutating func readRDMA(_ files: StatisticsFiles) {
        func values(_ file: String) -> [(String, [Substring: UInt32])] {
            (files.text(file) ?? "").split(separator: "\n").compactMap { line in
                let words = line.split(separator: " ")
                guard let device = words.first else { return nil }
                let pairs = StatisticsFiles.pairs(words.dropFirst()).map { ($0, UInt32($1) ?? .max) }
                return (String(device), pairs.reduce(into: [:]) { $0[$1.0] = $1.1 })
            }
        }
        for (device, values) in values("rdma.current") {
            rdma[device, default: RDMAStatistics()].handles = values["hca_handle"] ?? 0
            rdma[device, default: RDMAStatistics()].objects = values["hca_object"] ?? 0
        }
        for (device, values) in values("rdma.max") {
            rdma[device, default: RDMAStatistics()].handlesLimit = values["hca_handle"] ?? 0
            rdma[device, default: RDMAStatistics()].objectsLimit = values["hca_object"] ?? 0
        }
    }
}
