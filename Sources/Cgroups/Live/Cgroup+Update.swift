// Changes the limits of a running container; the operation is atomic.

internal import Glibc
internal import Kernel
package import OCISpec

extension Cgroup {
    /// Writes new limits. Limits that the document does not contain stay unchanged, and so do the device rules.
    /// - Parameter shrinkSeconds: how long memory is reclaimed before a limit below the usage is written or refused;
    ///   nil for the kernel's way: on cgroup v2 it kills.
    /// - Returns: a sentence for each part of the document that has no effect here.
    /// - Throws: the first value that is contradictory or was refused, after the old values were restored.
    @discardableResult
    package func update(
        _ resources: LinuxResources, shrinkSeconds: Int32? = nil
    ) throws(CgroupFailure) -> [String] {
        let current = currentLimits()
        let isSystemd = location.driver == .systemd
        let resources = isSystemd ? CPUQuota.settled(resources, current: current) : resources
        let limits = try LimitWrites(resources, hierarchy: location.hierarchy, current: current)
        let properties =
            isSystemd ? try SystemdLimits(resources, hierarchy: location.hierarchy, current: current).properties : []
        var open = OpenCgroup()
        for directory in location.directories {
            open.append(
                try during("open cgroup \(directory.fullPath)") { () throws(Errno) in try Cgroups.open(directory) })
        }
        if limits.writes.isEmpty { return limits.notes }
        guard !location.directories.isEmpty else {
            throw CgroupFailure(.unavailable, "\(limits.writes[0].key): the container has no cgroup of its own")
        }
        let shrink = shrinkSeconds.map { MemoryShrink(seconds: $0) }
        if let shrink { try makeRoom(for: limits.writes, open, shrink) }
        let old = oldValues(limits.writes, open)
        do throws(CgroupFailure) {
            // The files come first, so that systemd does not get a value that the kernel refuses.
            try writeRetrying(limits.writes, open, shrink)
            try updateUnit(properties)
            // Then again, because systemd has overwritten them: it drops a period without a quota, and lengthens a
            // short one.
            if !properties.isEmpty { try write(limits.writes, open) }
        } catch {
            restore(old, open)
            throw error
        }
        return limits.notes
    }

    /// A file, and the value to write to restore it.
    private struct OldValue {
        var directory: Int
        var file: String
        var value: String
    }

    private func oldValues(_ writes: [CgroupWrite], _ open: borrowing OpenCgroup) -> [OldValue] {
        var old: [OldValue] = []
        for write in writes {
            guard let index = index(of: write.controller) else { continue }
            var names = [CgroupWrite.Alternative(file: write.file, value: write.value)]
            if case .instead(let others) = write.absence { names += others }
            for name in names {
                guard let current = try? readText(name.file, at: open.descriptors[index]) else { continue }
                if let value = PreviousValue.restoring(of: name.file, current: current, written: name.value) {
                    old.append(OldValue(directory: index, file: name.file, value: value))
                }
            }
        }
        return old
    }

    /// Restores old values in reverse order; twice, because one may depend on another (a period on its quota).
    private func restore(_ old: [OldValue], _ open: borrowing OpenCgroup) {
        var refused: [OldValue] = []
        for entry in old.reversed() {
            do throws(Errno) {
                try writeFile(entry.file, entry.value, at: open.descriptors[entry.directory])
            } catch {
                refused.append(entry)
            }
        }
        for entry in refused { try? writeFile(entry.file, entry.value, at: open.descriptors[entry.directory]) }
    }

    /// The present limits that new limits must be combined with.
    private func currentLimits() -> CurrentLimits {
        func path(_ controller: String, _ file: String) -> String? {
            location.directory(of: controller).map { "\($0.fullPath)/\(file)" }
        }
        func words(_ controller: String, _ file: String) -> [String] {
            guard let path = path(controller, file), let text = try? readText(path) else { return [] }
            return text.split { $0 == " " || $0 == "\n" }.map(String.init)
        }
        func memory(_ file: String) -> Int64? {
            words("memory", file).first.flatMap { $0 == "max" ? .max : Int64($0) }
        }
        guard location.hierarchy == .unified else {
            return CurrentLimits(
                memory: memory("memory.limit_in_bytes"), memoryAndSwap: memory("memory.memsw.limit_in_bytes"),
                quota: words("cpu", "cpu.cfs_quota_us").first,
                period: words("cpu", "cpu.cfs_period_us").first.flatMap { UInt64($0) })
        }
        let cpu = words("cpu", "cpu.max")
        return CurrentLimits(
            memory: memory("memory.max"), swap: memory("memory.swap.max"), memoryInUse: memory("memory.current"),
            quota: cpu.first, period: cpu.count > 1 ? UInt64(cpu[1]) : nil,
            isIdle: words("cpu", "cpu.idle").first == "1")
    }
}
