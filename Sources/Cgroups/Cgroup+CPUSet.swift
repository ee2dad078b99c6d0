// cgroup v1's cpuset: a new directory has no CPUs and no memory nodes, and takes no process until it has.

internal import Kernel
internal import SystemPackage

extension Cgroup {
    /// Gives a directory, and every one above it, the CPUs and memory nodes of the one above where it has none.
    /// - Parameters:
    ///   - isNew: the directory was just made, and has none for sure.
    ///   - planned: the files that get values of their own; for these only those above matter.
    func inheritCPUSet(
        _ directory: CgroupDirectory, _ mount: borrowing OwnedDescriptor, _ own: borrowing OwnedDescriptor, isNew: Bool,
        planned: [String]
    ) throws(Errno) {
        for file in ["cpuset.cpus", "cpuset.mems"] {
            if !isNew, try !readValue(file, at: own).isEmpty { continue }
            let value = try inherited(file, above: directory.path, mount)
            if !planned.contains(file) { try writeFile(file, value, at: own.rawValue) }
        }
    }

    /// The value of the directory above, which is filled first if it is itself empty.
    private func inherited(
        _ file: String, above path: String, _ mount: borrowing OwnedDescriptor
    ) throws(Errno) -> String {
        let parentPath = CgroupPath.parent(of: path)
        let parent = try openBelow(mount, parentPath)
        let value = try readValue(file, at: parent)
        if !value.isEmpty || parentPath == "/" { return value }
        let filled = try inherited(file, above: parentPath, mount)
        try writeFile(file, filled, at: parent.rawValue)
        return filled
    }
}
