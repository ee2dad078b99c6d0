// `inspect`: all that is known of a container, fit for a bug report.

internal import Cgroups
internal import Kernel
package import OCISpec

/// All facts of one container: its record, its present state, and its config's plan.
package struct Inspection: Sendable {
    fileprivate let state: ContainerState
    fileprivate let record: ContainerRecord
    fileprivate var processes: [Int32]?
    fileprivate var statistics: CgroupStatistics?
    fileprivate var initProcess: InitView?
    /// The plan of config.json as it is now: it may have been changed since the container was created.
    fileprivate var plan: DryRun?
    /// Why a part is missing.
    fileprivate var problems: [String] = []
}

/// The files of /proc about the container's init. proc(5).
private struct InitView: Sendable, JSONEncodable {
    let status: [String]
    let limits: [String]
    let cgroups: [String]
    let mounts: [String]
    let namespaces: [(kind: String, name: String)]

    init(pid: Int32) throws(Errno) {
        func lines(_ name: String) throws(Errno) -> [String] {
            try readText("/proc/\(pid)/\(name)").split(at: "\n").map { String($0) }
        }
        status = try lines("status")
        limits = try lines("limits")
        cgroups = try lines("cgroup")
        mounts = try lines("mountinfo")
        var found: [(kind: String, name: String)] = []
        for kind in NamespaceKind.allCases.map({ $0.linkName }) {
            do throws(Errno) {
                found.append((kind, try readLink(OwnedDescriptor.currentDirectory, "/proc/\(pid)/ns/\(kind)")))
            } catch {
                // An older kernel has no such kind.
                guard error == .noSuchFileOrDirectory else { throw error }
            }
        }
        namespaces = found
    }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.list("status", status)
            writer.list("limits", limits)
            writer.list("cgroups", cgroups)
            writer.list("mounts", mounts)
            writer.field("namespaces", JSONValue.object(namespaces.map { JSONValue.Member($0.kind, .string($0.name)) }))
        }
    }
}

extension Runtime {
    /// Looks at a container in any state; a part that cannot be read is named.
    /// - Throws: there is no such container, or its record cannot be read.
    package func inspect(id: String) throws(Failure) -> Inspection {
        let directory = try store.open(id: id)
        let record = try directory.record()
        let status = try directory.status(of: record)
        let isAlive = status != .stopped
        var users = HostUsers()
        var result = Inspection(
            state: record.state(
                status: status.rawValue, pid: isAlive ? record.pid : 0, owner: users.name(of: record.owner)),
            record: record)
        if isAlive, status != .creating {
            result.processes = result.part("processes") { () throws(Failure) in try processes(id: id) }
            result.initProcess = result.part("init") { () throws(Failure) in
                try during("look at process \(record.pid)") { () throws(Errno) in try InitView(pid: record.pid) }
            }
            if !record.cgroup.directories.isEmpty {
                result.statistics = result.part("statistics") { () throws(Failure) in
                    try cgroup { () throws(CgroupFailure) in try Cgroup(record.cgroup).statistics() }
                }
            }
        }
        result.plan = result.part("plan") { () throws(Failure) in
            try dryRun(CreateOptions(id: id, bundle: record.bundle), startsAtOnce: false)
        }
        return result
    }
}

extension Inspection: JSONEncodable {
    fileprivate mutating func part<Part>(_ name: String, _ body: () throws(Failure) -> Part) -> Part? {
        do throws(Failure) { return try body() } catch {
            problems.append("\(name): \(error.message)")
            return nil
        }
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("state", state)
            writer.field("record", record)
            writer.field("processes", processes)
            writer.field("init", initProcess)
            writer.field("statistics", statistics)
            writer.field("plan", plan)
            writer.list("problems", problems)
        }
    }
}
