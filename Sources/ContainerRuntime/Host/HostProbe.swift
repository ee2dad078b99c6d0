// Gathers the facts of the host that a plan is made from.

internal import Cgroups
internal import Glibc
internal import Kernel
internal import OCISpec
internal import Planning

extension HostFacts {
    /// The facts of this host, for a container whose cgroup is at a place.
    static func probe(cgroup location: CgroupLocation) -> HostFacts {
        let isInUserNamespace = !isInInitialUserNamespace()
        var facts = HostFacts(
            uid: geteuid(), gid: getegid(), isInUserNamespace: isInUserNamespace, cgroup: CgroupView(location))
        guard isInUserNamespace else { return facts }
        do throws(Errno) {
            facts.ownMaps = IdentityMaps(
                uids: [LinuxIDMapping](mapText: try readText("/proc/self/uid_map")),
                gids: [LinuxIDMapping](mapText: try readText("/proc/self/gid_map")))
        } catch {
            // Without them the kernel says which id is not mapped.
        }
        return facts
    }

    /// Whether the mounts of a config can have the label that it names.
    mutating func addMountLabel(for spec: Spec) {
        hasSELinux = spec.linux?.mountLabel != nil && SecurityModules.hasSELinux
    }

    /// Adds the facts that only some configs need: each costs a system call.
    mutating func add(for spec: Spec) {
        if spec.annotations[LandlockPlan.annotation] != nil { landlockVersion = Kernel.landlockVersion() }
        addMountLabel(for: spec)
        // In a user namespace of its own the init has all capabilities.
        guard uid == 0, !(spec.linux?.namespaces.contains { $0.type == "user" } ?? false) else { return }
        do throws(Errno) { permittedCapabilities = try capabilitySets().permitted } catch {
            // The kernel removes those that the runtime lacks, without a warning.
        }
    }
}

extension HostFacts.CgroupView {
    init(_ location: CgroupLocation) {
        guard !location.directories.isEmpty else {
            self = .none
            return
        }
        if location.hierarchy == .unified {
            self = .unified(directory: location.directories[0].fullPath)
            return
        }
        self = .legacy(
            location.directories.compactMap { directory in
                // systemd in a container that sees a hybrid host's v2 tree takes the host for hybrid and stops if that
                // tree is read-only, as engines mount it. runc and crun do not show it either.
                guard !directory.isUnified else { return nil }
                // A hierarchy is named after its mount point, not after its controllers.
                guard let slash = directory.mount.utf8.lastIndex(of: UInt8(ascii: "/")) else { return nil }
                return HostFacts.Hierarchy(
                    name: String(directory.mount[directory.mount.index(after: slash)...]),
                    directory: directory.fullPath)
            })
    }
}

extension CgroupFailure {
    /// As a failure of an operation on a container.
    var failure: Failure {
        switch kind {
        case .invalid: Failure(.invalid, description)
        case .occupied: Failure(.wrongState, description)
        case .unavailable, .refused: code.map { Failure(.system($0), description) } ?? Failure(.other, description)
        }
    }
}

/// Runs an operation on a cgroup.
func cgroup<Value: ~Copyable>(_ body: () throws(CgroupFailure) -> Value) throws(Failure) -> Value {
    do throws(CgroupFailure) { return try body() } catch { throw error.failure }
}

/// The time now, as RFC 3339 with nanoseconds.
package func timestamp(fraction: Bool = true) -> String {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return timestamp(seconds: now.tv_sec) + (fraction ? "." + padded(now.tv_nsec, 9) : "") + "Z"
}

/// Seconds since 1970 as a date and a time of day; the C library would read the host's time zone for it.
func timestamp(seconds: Int) -> String {
    let (days, second) = (seconds / 86400, seconds % 86400)
    // Years counted from March have their leap day at the end; 400 of them have 146,097 days.
    let sinceMarch0 = days + 719_468
    let (era, dayOfEra) = (sinceMarch0 / 146_097, sinceMarch0 % 146_097)
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    let date = padded(year, 4) + "-" + padded(month, 2) + "-" + padded(day, 2)
    return date + "T" + padded(second / 3600, 2) + ":" + padded(second / 60 % 60, 2) + ":" + padded(second % 60, 2)
}

private func padded(_ value: Int, _ width: Int) -> String {
    let digits = String(value)
    return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
}
