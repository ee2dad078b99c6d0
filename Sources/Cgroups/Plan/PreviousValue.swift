// Restores files that an update has written.

/// The value to write into a file to restore its content.
enum PreviousValue {
    /// - Parameters:
    ///   - file: the file's name.
    ///   - current: its content before the write.
    ///   - written: the value that was written.
    /// - Returns: nil if the old content cannot be written back, such as an empty cpuset of v1.
    static func restoring(of file: String, current: String, written: String) -> String? {
        let text = trimmed(current)
        if file == "memory.oom_control" { return FlatKeyed(text)["oom_kill_disable"].map(String.init) }
        guard let absent = absentValue(file) else { return text.isEmpty && !mayBeEmptied(file) ? nil : text }
        let words = written.split(separator: " ").map(String.init)
        // The weight files contain a default and the devices' values; on v1 the default has a file of its own.
        let key = words.count == 1 && file.hasSuffix("weight") ? "default" : words.first ?? ""
        let lines = text.split(separator: "\n")
        let old = lines.first { $0.hasPrefix("\(key) ") }.map(String.init)
        if file == "io.max" { return limits(key, named: words.dropFirst(), in: old) }
        if key == "default", old == nil, lines.count == 1 { return text }
        return old ?? "\(key) \(absent)"
    }

    /// For a file with one line per device: the value that removes the entry.
    private static func absentValue(_ file: String) -> String? {
        if file.hasPrefix("blkio."), file.hasSuffix("_device") { return "0" }
        switch file {
        case "io.max", "io.latency", "misc.max": return "max"
        case "io.weight", "io.bfq.weight": return "default"
        case "rdma.max": return "hca_handle=max hca_object=max"
        case "net_prio.ifpriomap": return "0"
        default: return nil
        }
    }

    /// cgroup v2's cpuset accepts an empty list, which means the parent's.
    private static func mayBeEmptied(_ file: String) -> Bool { file == "cpuset.cpus" || file == "cpuset.mems" }

    /// Only the words of `io.max` that were written are restored: `8:0 rbps=max`.
    private static func limits(_ key: String, named written: ArraySlice<String>, in old: String?) -> String {
        let present = (old ?? "").split(separator: " ").map(String.init)
        let values = written.map { word in
            let name = word.prefix { $0 != "=" } + "="
            return present.first { $0.hasPrefix(name) } ?? "\(name)max"
        }
        return ([key] + values).joined(separator: " ")
    }
}
