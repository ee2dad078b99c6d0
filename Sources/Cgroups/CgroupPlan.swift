// Everything about the container's cgroup that can be decided before the kernel is asked for anything.

internal import Kernel
package import OCISpec

/// Who the container's cgroup is given to, so that it may make cgroups of its own below it.
package struct CgroupDelegation: Equatable, Sendable {
    /// The host's number for the container's root user.
    package var uid: UInt32

    package init(uid: UInt32) { self.uid = uid }
}

/// A container's cgroup as a value: where it is, and what is written into it in which order.
package struct CgroupPlan: Equatable, Sendable {
    /// Where the cgroup will be.
    package var location: CgroupLocation
    /// The limits, in the order in which they are written.
    package var writes: [CgroupWrite]
    /// What the container may do with devices; nil leaves devices alone.
    package var devices: DevicePolicy?
    /// What systemd is asked for, with the systemd driver.
    package var unit: SystemdUnitRequest?
    /// Whom the directory is given to (cgroup v2 only).
    package var delegation: CgroupDelegation?
    /// Nothing was asked for, so a refusal for want of rights leaves the container in the caller's cgroup.
    package var isOptional: Bool
    /// As ``CgroupHost/toleratesRefusals``.
    package var toleratesRefusals: Bool
    /// What of the configuration has no effect here, a sentence each.
    package var notes: [String]

    /// Decides the cgroup of a container.
    /// - Parameters:
    ///   - cgroupsPath: `linux.cgroupsPath`.
    ///   - containerID: names the cgroup when the configuration does not.
    ///   - resources: `linux.resources`.
    ///   - annotations: of which `org.systemd.property.*` matter, with the systemd driver.
    ///   - driver: who makes the cgroup.
    ///   - host: what ``CgroupHost/probe(driver:cgroupsPath:toleratesRefusals:asksUserManager:)`` found.
    ///   - delegation: the owner, when the container has its own cgroup namespace and a writable cgroup mount.
    /// - Throws: an `invalid` failure for values that contradict one another or the rules, `unavailable` for limits whose
    ///   controller the host lacks.
    package init(
        cgroupsPath: String?, containerID: String, resources: LinuxResources?, annotations: [String: String] = [:],
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
        isOptional = host.toleratesRefusals && (cgroupsPath ?? "").isEmpty && limits.writes.isEmpty
        self.delegation = host.hierarchy == .unified ? delegation : nil
        if driver == .disabled { try refuseLimits() }
    }

    /// Without a cgroup there is nothing that could keep a limit.
    private mutating func refuseLimits() throws(CgroupFailure) {
        if let first = writes.first {
            throw CgroupFailure(.invalid, "\(first.key): cannot be kept, because cgroups are disabled")
        }
        devices = nil
        delegation = nil
    }

    /// Where the container's directories are.
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
        // Cleaned before it is joined: a relative path stays below the directory it is relative to.
        let below = cleanPath(wanted)
        guard below != "/" else {
            throw CgroupFailure(
                .invalid,
                "linux.cgroupsPath: \"\(cgroupsPath)\" is the root of the hierarchy, which no container can have")
        }
        if wanted.hasPrefix("/") { return below }
        var own = host.ownPaths[mount.controllers.first ?? ""] ?? "/"
        if host.hierarchy == .unified { own = CgroupPath.parent(of: own) }
        return cleanPath(own + below)
    }

    /// On v1 a controller that is not mounted is known before anything is made.
    private static func checkControllers(_ writes: [CgroupWrite], location: CgroupLocation) throws(CgroupFailure) {
        guard location.hierarchy != .unified, location.driver != .disabled else { return }
        for write in writes where write.absence != .ignored && location.directory(of: write.controller) == nil {
            throw CgroupFailure(
                .unavailable, "\(write.key): the host has no \(write.controller) cgroup controller for \(write.file)")
        }
    }

    /// What would be done, a line each, for a dry run.
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
        lines += notes
        return lines
    }
}
