// All decisions about the container's cgroup that need no system call.

internal import Kernel
package import OCISpec

/// The owner of the container's cgroup, who may create sub-cgroups in it.
package struct CgroupDelegation: Equatable, Sendable {
    /// The uid of the container's root user on the host.
    package var uid: UInt32

    package init(uid: UInt32) { self.uid = uid }
}

/// A container's cgroup as a value: its location, and the values to write, in order.
package struct CgroupPlan: Equatable, Sendable {
    /// The location of the cgroup.
    package var location: CgroupLocation
    /// The limits, in the order in which they are written.
    package var writes: [CgroupWrite]
    /// The container's access to devices; nil leaves it unchanged.
    package var devices: DevicePolicy?
    /// The unit to request from systemd, with the systemd driver.
    package var unit: SystemdUnitRequest?
    /// The new owner of the directory (cgroup v2 only).
    package var delegation: CgroupDelegation?
    /// Whether the config requests nothing: then the container stays in the caller's cgroup if the rights are
    /// missing.
    package var isOptional: Bool
    /// See ``CgroupHost/toleratesRefusals``.
    package var toleratesRefusals: Bool
    /// A sentence for each part of the configuration that has no effect here.
    package var notes: [String]
    /// A sentence for each hierarchy that an optional cgroup does without.
    package var skipped: [String] = []

    /// Decides the cgroup of a container.
    /// - Parameters:
    ///   - cgroupsPath: `linux.cgroupsPath`.
    ///   - containerID: the name of the cgroup if the configuration has none.
    ///   - resources: `linux.resources`.
    ///   - annotations: `org.systemd.property.*` is used, with the systemd driver.
    ///   - driver: the driver that creates the cgroup.
    ///   - host: the result of ``CgroupHost/probe(driver:cgroupsPath:containerID:toleratesRefusals:asksUserManager:)``.
    ///   - delegation: the new owner, if the container has its own cgroup namespace and a writable cgroup mount.
    /// - Throws: an `invalid` failure for values that contradict one another or the rules, `unavailable` for limits
    /// whose controller the host lacks.
    package init(
        cgroupsPath: String?, containerID: String, resources: LinuxResources?, annotations: TextMap<String> = [:],
        driver: CgroupDriver, host: CgroupHost, delegation: CgroupDelegation? = nil
    ) throws(CgroupFailure) {
        unit = nil
        if driver == .systemd {
            unit = try SystemdUnitRequest(
                cgroupsPath: cgroupsPath, containerID: containerID, resources: resources, annotations: annotations,
                host: host)
        }
        location = try Self.location(
            cgroupsPath, containerID: containerID, driver: driver, unit: unit?.unit, host: host)
        let kept = driver == .systemd ? resources.map { CPUQuota.settled($0, current: nil) } : resources
        let limits = try LimitWrites(kept, hierarchy: host.hierarchy)
        try Self.checkControllers(limits.writes, location: location)
        writes = limits.writes
        notes = limits.notes
        devices = try DevicePolicy(resources?.devices ?? [], mayBeRefused: host.toleratesRefusals)
        toleratesRefusals = host.toleratesRefusals
        isOptional =
            host.toleratesRefusals && (cgroupsPath ?? "").isEmpty && limits.writes.allSatisfy { $0.isOfNewCgroup }
        if isOptional { writes = [] }
        self.delegation = host.hierarchy == .unified ? delegation : nil
        if isOptional { skip(host.refusals) }
        if driver == .disabled { try refuseLimits() }
    }

    /// Leaves out the hierarchies in which the caller may not make the cgroup.
    private mutating func skip(_ refusals: [CgroupRefusal]) {
        var left: [CgroupDirectory] = []
        for directory in location.directories {
            if let refusal = refusals.first(where: { $0.mount.isSame(as: directory.mount) }) {
                skipped.append("make cgroup \(directory.fullPath): \(refusal.code.message)")
            } else {
                left.append(directory)
            }
        }
        guard !skipped.isEmpty else { return }
        location.directories = left
        if left.isEmpty { location = .none(location.hierarchy) }
    }

    /// Without a cgroup no limit can be enforced.
    private mutating func refuseLimits() throws(CgroupFailure) {
        if let first = writes.first {
            throw CgroupFailure(.invalid, "\(first.key): cannot be kept, because cgroups are disabled")
        }
        devices = nil
        delegation = nil
    }

    /// The location of the container's directories.
    private static func location(
        _ cgroupsPath: String?, containerID: String, driver: CgroupDriver, unit: SystemdUnit?, host: CgroupHost
    ) throws(CgroupFailure) -> CgroupLocation {
        guard driver != .disabled else { return .none(host.hierarchy) }
        var directories: [CgroupDirectory] = []
        for mount in host.mounts {
            let path: String
            if let unit {
                path = cleanPath(host.userManagerPath + unit.path)
            } else {
                path = try Self.path(cgroupsPath ?? "", containerID: containerID, mount: mount, host: host)
            }
            directories.append(CgroupDirectory(controllers: mount.controllers, mount: mount.path, path: path))
        }
        return CgroupLocation(
            driver: driver, hierarchy: host.hierarchy, directories: directories, unit: unit?.name,
            isUserUnit: unit != nil && !host.userManagerPath.isEmpty)
    }

    /// The path below one mount point, with the cgroupfs driver.
    private static func path(
        _ cgroupsPath: String, containerID: String, mount: CgroupMount, host: CgroupHost
    ) throws(CgroupFailure) -> String {
        try CgroupPath.checkCharacters(cgroupsPath)
        let wanted = cgroupsPath.isEmpty ? containerID : cgroupsPath
        // Cleaned before it is joined, so that a relative path stays below the directory that it is relative to.
        let below = cleanPath(wanted)
        guard below != "/" else {
            throw CgroupFailure(
                .invalid,
                "linux.cgroupsPath: \"\(cgroupsPath)\" is the root of the hierarchy, which no container can have")
        }
        if wanted.isAbsolutePath { return below }
        return cleanPath(host.parentOfRelativePath(in: mount) + below)
    }

    /// On v1 a missing controller is known before the cgroup is created.
    private static func checkControllers(_ writes: [CgroupWrite], location: CgroupLocation) throws(CgroupFailure) {
        guard location.hierarchy != .unified, location.driver != .disabled else { return }
        for write in writes where write.absence != .ignored && location.directory(of: write.controller) == nil {
            throw CgroupFailure(
                .unavailable, "\(write.key): the host has no \(write.controller) cgroup controller for \(write.file)")
        }
    }

    /// The steps, one per line, for a dry run.
    package var summary: [String] {
        var lines: [String] = []
        if let unit {
            lines.append("ask systemd for \(unit.unit.name) in \(unit.unit.slice)")
            lines += unit.properties.map { "set \($0)" }
        }
        for directory in location.directories {
            lines.append("join \(directory.controllers.joined(separator: ",")) cgroup \(directory.fullPath)")
        }
        lines += writes.map { "write \($0.summary)" }
        if let devices { lines += devices.summary }
        if let delegation { lines.append("give the cgroup to uid \(delegation.uid)") }
        lines += skipped.map { "skip: \($0)" }
        lines += notes
        return lines
    }
}
