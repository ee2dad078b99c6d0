// Converts `linux.resources` to values for files: the part that v1 and v2 share.

package import OCISpec

/// The writes that enforce the configuration's limits, and notes about limits that have no effect.
package struct LimitWrites: Equatable, Sendable {
    /// In the order of writing.
    package var writes: [CgroupWrite] = []
    /// A sentence for each limit that has no effect.
    package var notes: [String] = []

    /// Converts the configuration's resources.
    /// - Parameters:
    ///   - resources: `linux.resources`, or the document of `update`.
    ///   - current: the present limits; nil for a new cgroup.
    /// - Throws: an `invalid` failure for values that contradict one another.
    package init(
        _ resources: LinuxResources?, hierarchy: CgroupHierarchy, current: CurrentLimits? = nil
    ) throws(CgroupFailure) {
        guard let resources else { return }
        if hierarchy == .unified {
            try addUnified(resources, current)
        } else {
            try addLegacy(resources, current)
        }
    }

    /// Adds one write.
    mutating func add(_ write: CgroupWrite) { writes.append(write) }

    /// Notes that the kernel no longer limits kernel memory separately.
    mutating func noteIgnoredMemory(_ memory: LinuxMemory) {
        if memory.kernel != nil {
            notes.append("linux.resources.memory.kernel: no longer supported by the kernel, ignored")
        }
        if memory.kernelTCP != nil { notes.append("linux.resources.memory.kernelTCP: no longer supported, ignored") }
    }

    /// Adds the limits that are written in the same way in v1 and v2.
    mutating func addShared(_ resources: LinuxResources) throws(CgroupFailure) {
        if let limit = resources.pids?.limit {
            let value = limit < 0 ? "max" : "\(max(limit, 1))"
            add(CgroupWrite("pids", "pids.max", value, key: "linux.resources.pids.limit"))
        }
    }

    /// Adds `cpu.idle`: whether the cgroup runs only when no other does. 0 is the behaviour of kernels without the
    /// file.
    mutating func addIdle(_ idle: Int64) {
        add(
            CgroupWrite(
                "cpu", "cpu.idle", "\(idle)", key: "linux.resources.cpu.idle", absence: idle == 0 ? .ignored : .refused)
        )
    }

    /// Notes that shares have no effect in an idle cgroup: the kernel refuses or forgets them.
    /// - Returns: whether to leave the shares out.
    mutating func noteSharesOfIdle(_ cpu: LinuxCPU) -> Bool {
        guard cpu.idle == 1 else { return false }
        if (cpu.shares ?? 0) != 0 {
            notes.append("linux.resources.cpu.shares: a cgroup with cpu.idle 1 has no shares, ignored")
        }
        return true
    }

    /// Adds the limits on RDMA devices.
    mutating func addRDMA(_ resources: LinuxResources) throws(CgroupFailure) {
        for (device, limit) in resources.rdma {
            let key = "linux.resources.rdma[\"\(device)\"]"
            try Self.checkWord(device, key: key)
            var value = device
            if let handles = limit.hcaHandles { value += " hca_handle=\(handles)" }
            if let objects = limit.hcaObjects { value += " hca_object=\(objects)" }
            guard value != device else { continue }
            add(CgroupWrite("rdma", "rdma.max", value, key: key))
        }
    }

    /// Adds the limits on huge pages of each size, and on their reservation if the kernel supports it.
    mutating func addHugepages(_ resources: LinuxResources, suffix: String) throws(CgroupFailure) {
        for (index, limit) in resources.hugepageLimits.enumerated() {
            let key = "linux.resources.hugepageLimits[\(index)]"
            guard Self.isPageSize(limit.pageSize) else {
                throw CgroupFailure(
                    .invalid, "\(key).pageSize: expected a size such as 2MB or 1GB, found \"\(limit.pageSize)\"")
            }
            let value = "\(limit.limit)"
            let file = "hugetlb.\(limit.pageSize)"
            add(CgroupWrite("hugetlb", "\(file).\(suffix)", value, key: "\(key).limit"))
            add(CgroupWrite("hugetlb", "\(file).rsvd.\(suffix)", value, key: "\(key).limit", absence: .ignored))
        }
    }

    /// Whether the text is a number and a unit, as in the names of the hugetlb files.
    static func isPageSize(_ text: String) -> Bool {
        guard ["KB", "MB", "GB"].contains(where: text.hasSuffix) else { return false }
        let digits = text.utf8.dropLast(2)
        return !digits.isEmpty && digits.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }

    /// Refuses a name that would change the structure of its line.
    static func checkWord(_ word: String, key: String) throws(CgroupFailure) {
        guard !word.isEmpty, word.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7f }) else {
            throw CgroupFailure(.invalid, "\(key): a name cannot be empty or hold white space")
        }
    }
}

extension LinuxMemory {
    /// The swappiness, if it is to differ from the parent's: engines write the -1 of "as the parent" as an unsigned number, and
    /// runc sets nothing then.
    var ownSwappiness: UInt64? { swappiness == UInt64(bitPattern: -1) ? nil : swappiness }
}
