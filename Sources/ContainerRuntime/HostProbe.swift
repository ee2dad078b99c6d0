// Gathers the facts of the host that a plan is made from.

internal import Cgroups
internal import Glibc
internal import Kernel
internal import Planning
internal import SystemPackage

extension HostFacts {
    /// The facts of this host, for a container whose cgroup is at a place.
    static func probe(cgroup location: CgroupLocation) -> HostFacts {
        HostFacts(
            uid: geteuid(), gid: getegid(), isInUserNamespace: false, cgroup: CgroupView(location))
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
                // The hierarchy's name is that of its mount point, whatever controllers it has.
                guard let slash = directory.mount.lastIndex(of: "/") else { return nil }
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
    var parts = tm()
    gmtime_r(&now.tv_sec, &parts)
    func padded(_ value: Int, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }
    let date = "\(parts.tm_year + 1900)-\(padded(Int(parts.tm_mon) + 1, 2))-\(padded(Int(parts.tm_mday), 2))"
    let time = "\(padded(Int(parts.tm_hour), 2)):\(padded(Int(parts.tm_min), 2)):\(padded(Int(parts.tm_sec), 2))"
    return date + "T" + time + (fraction ? "." + padded(now.tv_nsec, 9) : "") + "Z"
}
