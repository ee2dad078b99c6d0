// `events`: what a container uses, now and then or once, and when its memory ran out.

internal import Cgroups
internal import Glibc
internal import Kernel
internal import OCISpec

extension Runtime {
    /// One record of what a container uses, as a JSON line.
    package func statistics(id: String) throws(Failure) -> [UInt8] {
        let directory = try store.open(id: id)
        let record = try directory.record()
        switch try directory.status(of: record) {
        case .stopped: throw Failure(.wrongState, "container with id \(id) is not running")
        case .creating: throw .isBeingCreated(id)
        case .created, .running, .paused: break
        }
        return try line(record)
    }

    // Zeros would pass for a container that uses nothing.
    private func withoutStatistics(_ record: ContainerRecord) -> Failure {
        Failure(.other, "container \(record.id) has no cgroup, and so no statistics")
    }

    private func line(_ record: ContainerRecord) throws(Failure) -> [UInt8] {
        guard !record.cgroup.directories.isEmpty else { throw withoutStatistics(record) }
        let statistics = try cgroup { () throws(CgroupFailure) in try Cgroup(record.cgroup).statistics() }
        return Event(type: "stats", id: record.id, data: statistics).json() + [10]
    }

    /// Writes a record at every interval, and one whenever memory ran out, until the container ends.
    /// - Parameter milliseconds: the interval.
    package func followEvents(
        id: String, milliseconds: Int32, _ write: ([UInt8]) throws(Failure) -> Void
    ) throws(Failure) {
        let directory = try store.open(id: id)
        let record = try directory.record()
        guard let pidfd = try record.openInit() else {
            throw Failure(.wrongState, "container with id \(id) is not running")
        }
        guard record.isReady else { throw .isBeingCreated(id) }
        guard !record.cgroup.directories.isEmpty else { throw withoutStatistics(record) }
        var news = try cgroup { () throws(CgroupFailure) in try Cgroup(record.cgroup).oomEvents() }
        var deadline = now() + Int64(milliseconds)
        while true {
            var entries = [
                pollfd(fd: pidfd.rawValue, events: Int16(POLLIN), revents: 0),
                pollfd(fd: news.descriptor.rawValue, events: Int16(POLLIN), revents: 0),
            ]
            let rest = Int32(clamping: max(0, deadline - now()))
            try during("wait for events") { () throws(Errno) in try checked { poll(&entries, 2, rest) } }
            if entries[1].revents != 0 {
                switch news.next() {
                case .outOfMemory: try write(Event(type: "oom", id: id, data: nil).json() + [10])
                case .nothing: break
                case .gone: return
                }
            }
            if entries[0].revents != 0 { return }
            guard now() >= deadline else { continue }
            deadline += Int64(milliseconds)
            try write(try line(record))
        }
    }

    private func now() -> Int64 { Int64(monotonicNanoseconds() / 1_000_000) }
}

/// A record of `events`, in the form that engines know from runc.
private struct Event: JSONEncodable {
    let type: String
    let id: String
    let data: CgroupStatistics?

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("type", type)
            writer.field("id", id)
            writer.field("data", data)
        }
    }
}
