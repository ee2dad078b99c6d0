// The container's cgroup as a systemd unit.

internal import CLinux
internal import Glibc
internal import Kernel
internal import OCISpec

extension CgroupHost {
    /// The cgroup of the user's own systemd, below which it creates its units.
    static func userManagerPath() throws(CgroupFailure) -> String {
        var bus = try SystemdBus.open(isUser: true)
        do throws(DBusFailure) { return try bus.managerPath() } catch {
            throw CgroupFailure(.refused, "ask the user's systemd for its cgroup: \(error.message)")
        }
    }
}

extension Cgroup {
    /// Starts the unit with a process in it, then writes the limits that systemd has no properties for.
    /// - Returns: the location with the inodes of its directories.
    func adoptBySystemd(_ pid: Int32, _ plan: CgroupPlan) throws(CgroupFailure) -> CgroupLocation {
        guard let request = plan.unit, let unit = location.unit else {
            throw CgroupFailure(.invalid, "start a systemd unit: the plan names none")
        }
        var properties = request.properties
        if !request.unit.isSlice { properties.append(SystemdProperty("PIDs", .array("u", [.uint32(UInt32(pid))]))) }
        var bus = try SystemdBus.open(isUser: location.isUserUnit)
        do throws(DBusFailure) { try bus.startTransient(unit, properties) } catch {
            throw CgroupFailure(.refused, "start systemd unit \(unit): \(error.message)")
        }
        do throws(CgroupFailure) {
            return try complete(pid, plan)
        } catch {
            // Otherwise the unit would keep a process that no state record knows.
            try? stopUnit()
            throw error
        }
    }

    /// Creates the directories that systemd left out, and writes the process and the limits into all.
    private func complete(_ pid: Int32, _ plan: CgroupPlan) throws(CgroupFailure) -> CgroupLocation {
        var made = MadeDirectories()
        var open = OpenCgroup()
        var effective = location
        for (index, directory) in location.directories.enumerated() {
            let descriptor = try make(directory, plan, &made, isOwnedBySystemd: true)
            effective.directories[index] = try known(directory, descriptor.rawValue)
            open.append(descriptor)
            if !location.isUserUnit, try !contains(pid, directory) { try move(pid, to: directory) }
        }
        try checkMoved(pid)
        try write(plan.writes, open, raisingParents: made)
        if let devices = plan.devices { try apply(devices, open, isNew: made.leaves) }
        if let delegation = plan.delegation { try delegate(to: delegation, open) }
        mark(open)
        return effective
    }

    private func contains(_ pid: Int32, _ directory: CgroupDirectory) throws(CgroupFailure) -> Bool {
        let paths = try cgroupPaths(ofProcess: pid)
        return directory.controllers.contains { paths[$0] == directory.path }
    }

    /// systemd answers before it has moved the process. If it cannot move it, the process stays in its old cgroup,
    /// without limits.
    private func checkMoved(_ pid: Int32) throws(CgroupFailure) {
        guard let directory = location.directory(of: "systemd") ?? processDirectory else { return }
        guard try contains(pid, directory) else {
            throw CgroupFailure(
                .refused, "start systemd unit \(location.unit ?? ""): process \(pid) is not in \(directory.fullPath)")
        }
    }

    /// Makes the user's systemd, and through it the system's, move a process from outside the user's delegated
    /// subtree: only they have the right to.
    /// - Parameters:
    ///   - pid: a process of the user, in the caller's pid namespace.
    ///   - subPath: a cgroup below the container's, as given to `--cgroup`; nil for the container's own.
    package func attach(_ pid: Int32, subPath: String? = nil) throws(CgroupFailure) {
        guard let unit = location.unit else {
            throw CgroupFailure(.invalid, "move process \(pid) into a systemd unit: the container has none")
        }
        var bus = try SystemdBus.open(isUser: location.isUserUnit)
        do throws(DBusFailure) {
            try bus.attach(pid, to: unit, path: subPath.map(cleanPath) ?? "")
        } catch {
            throw CgroupFailure(.refused, "move process \(pid) into systemd unit \(unit): \(error.message)")
        }
    }

    /// Ends the unit, unless its name now belongs to another container: a scope ends with its last process, together
    /// with its cgroup.
    func endUnit() throws(CgroupFailure) {
        guard let directory = location.directory(of: "systemd") ?? processDirectory, directory.inode != nil,
            location.unit?.hasSuffix(".slice") == false
        else { return try stopUnit() }
        let isThere = try during("look for cgroup \(directory.fullPath)") { () throws(Errno) in
            try directory.isStillThere()
        }
        // systemd remembers a failed unit although it has no cgroup.
        if isThere { try stopUnit() } else if clinux_access(directory.fullPath, F_OK) != 0 { try stopUnit(ended: true) }
    }

    /// Stops the unit, and resets it if it failed.
    func stopUnit(ended: Bool = false) throws(CgroupFailure) {
        guard let unit = location.unit else { return }
        var bus = try SystemdBus.open(isUser: location.isUserUnit)
        do throws(DBusFailure) {
            if !ended { try bus.stop(unit) }
            try bus.reset(unit)
        } catch {
            throw CgroupFailure(.refused, "stop systemd unit \(unit): \(error.message)")
        }
    }

    /// Changes the unit's properties, so that systemd does not restore the old limits when it reloads.
    func updateUnit(_ properties: [SystemdProperty]) throws(CgroupFailure) {
        guard let unit = location.unit, !properties.isEmpty else { return }
        var bus = try SystemdBus.open(isUser: location.isUserUnit)
        do throws(DBusFailure) { try bus.set(properties, of: unit) } catch {
            throw CgroupFailure(.refused, "change systemd unit \(unit): \(error.message)")
        }
    }
}
