// `update`: new limits for a container that runs.

internal import Cgroups
internal import Glibc
internal import Kernel
package import OCISpec
internal import SystemPackage

extension Runtime {
    /// Changes the limits that the document names; when one is refused all are as they were.
    package func update(id: String, _ resources: LinuxResources) throws(Failure) {
        let directory = try store.open(id: id)
        try directory.lock()
        let record = try directory.record()
        switch try directory.status(of: record) {
        case .stopped, .creating: throw Failure(.wrongState, "container not running")
        case .created, .running, .paused: break
        }
        let notes = try cgroup { () throws(CgroupFailure) in try Cgroup(record.cgroup).update(resources) }
        for text in notes { note(.warning, text) }
    }

    /// A `linux.resources` object from a file; `-` is stdin.
    package static func resources(file path: String) throws(Failure) -> LinuxResources {
        let bytes = try during("read --resources \(path)") { () throws(Errno) in
            try path == "-" ? readAll(0) : readFile(path)
        }
        do throws(InvalidSpec) {
            return try LinuxResources(bytes: bytes)
        } catch {
            throw Failure(.invalid, "--resources \(path): \(error)")
        }
    }
}
