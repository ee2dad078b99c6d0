// The container's cgroup as a unit of systemd.

internal import Glibc
internal import Kernel
internal import OCISpec
internal import SystemPackage

extension CgroupHost {
    /// The cgroup of the user's own systemd, below which it makes the units it is asked for.
    static func userManagerPath() throws(CgroupFailure) -> String {
        var bus = try SystemdBus.open(isUser: true)
        do throws(DBusFailure) { return try bus.managerPath() } catch {
            throw CgroupFailure(.refused, "ask the user's systemd for its cgroup: \(error.word)")
        }
    }
}

extension Cgroup {
    /// Starts the unit with a process in it, then writes what systemd has no properties for.
    /// - Returns: the location with what its directories will be known by.
    func adoptBySystemd(_ pid: Int32, _ plan: CgroupPlan) throws(CgroupFailure) -> CgroupLocation {
        guard let request = plan.unit, let unit = location.unit else {
            throw CgroupFailure(.invalid, "start a systemd unit: the plan names none")
        }
        var properties = request.properties
        if !request.unit.isSlice { properties.append(SystemdProperty("PIDs", .array("u", [.uint32(UInt32(pid))]))) }
        var bus = try SystemdBus.open(isUser: location.isUserUnit)
        do throws(DBusFailure) { try bus.startTransient(unit, properties) } catch {
            throw CgroupFailure(.refused, "start systemd unit \(unit): \(error.word)")
        }
        do throws(CgroupFailure) {
            return try complete(pid, plan)
        } catch {
            // The unit would be left with a process that nobody knows of.
            try? stopUnit()
            throw error
        }
    }

    /// Makes the directories that systemd left out, and puts the process and the limits into all.
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
        let file = "/proc/\(pid)/cgroup"
        let paths = CgroupHost.ownPaths(try naming("read \(file)") { () throws(Errno) in try readText(file) })
        return directory.controllers.contains { paths[$0] == directory.path }
    }

    /// systemd answers before it is sure, and a process that it could not move stays where it was, unlimited.
    private func checkMoved(_ pid: Int32) throws(CgroupFailure) {
        guard let directory = location.directory(of: "systemd") ?? processDirectory else { return }
        guard try contains(pid, directory) else {
            throw CgroupFailure(
                .refused, "start systemd unit \(location.unit ?? ""): process \(pid) is not in \(directory.fullPath)")
        }
    }

    /// Has the user's systemd, and that the system's, move a process that comes from outside of what is delegated to the
    /// user: only they may.
    /// - Parameters:
    ///   - pid: a process of the user's, in the caller's numbering.
    ///   - subPath: a cgroup below the container's, as `--cgroup` names it; nil for the container's own.
    package func attach(_ pid: Int32, subPath: String? = nil) throws(CgroupFailure) {
        guard let unit = location.unit else {
            throw CgroupFailure(.invalid, "move process \(pid) into a systemd unit: the container has none")
        }
        var bus = try SystemdBus.open(isUser: location.isUserUnit)
        do throws(DBusFailure) {
            try bus.attach(pid, to: unit, path: subPath.map(cleanPath) ?? "")
        } catch {
            throw CgroupFailure(.refused, "move process \(pid) into systemd unit \(unit): \(error.word)")
        }
    }

    /// Ends the unit, unless its name is that of another's by now: a scope ends with its last process, and its cgroup with
    /// it.
    func endUnit() throws(CgroupFailure) {
        guard let directory = location.directory(of: "systemd") ?? processDirectory, directory.inode != nil,
            location.unit?.hasSuffix(".slice") == false
        else { return try stopUnit() }
        let isThere = try naming("look for cgroup \(directory.fullPath)") { () throws(Errno) in
            try directory.isStillThere()
        }
        // One that has failed is remembered without a cgroup.
        if isThere { try stopUnit() } else if access(directory.fullPath, F_OK) != 0 { try stopUnit(ended: true) }
    }

    /// Stops the unit, and has systemd forget it if it failed.
    func stopUnit(ended: Bool = false) throws(CgroupFailure) {
        guard let unit = location.unit else { return }
        var bus = try SystemdBus.open(isUser: location.isUserUnit)
        do throws(DBusFailure) {
            if !ended { try bus.stop(unit) }
            try bus.reset(unit)
        } catch {
            throw CgroupFailure(.refused, "stop systemd unit \(unit): \(error.word)")
        }
    }

    /// Tells systemd of new limits, so that it does not put the old ones back when it reloads.
    func updateUnit(_ properties: [SystemdProperty]) throws(CgroupFailure) {
        guard let unit = location.unit, !properties.isEmpty else { return }
        var bus = try SystemdBus.open(isUser: location.isUserUnit)
        do throws(DBusFailure) { try bus.set(properties, of: unit) } catch {
            throw CgroupFailure(.refused, "change systemd unit \(unit): \(error.word)")
        }
    }
}
