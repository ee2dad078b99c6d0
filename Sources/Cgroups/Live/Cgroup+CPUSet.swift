// cgroup v1's cpuset: a new directory has neither CPUs nor memory nodes, and accepts no process until both are set.

internal import Kernel

extension Cgroup {
    /// Copies CPUs and memory nodes from the parent to a directory that has none, and to its ancestors before.
    /// - Parameters:
    ///   - isNew: the directory was just created, so its files are empty.
    ///   - planned: the files that will get values of their own; for these only the ancestors are filled.
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

    /// The parent's value. If the parent's own file is empty, it is filled first.
    private func inherited(
        _ file: String, above path: String, _ mount: borrowing OwnedDescriptor
    ) throws(Errno) -> String {
        let parentPath = CgroupPath.parent(of: path)
        let parent = try openCgroup(below: mount, parentPath)
        let value = try readValue(file, at: parent)
        if !value.isEmpty || parentPath == "/" { return value }
        let filled = try inherited(file, above: parentPath, mount)
        try writeFile(file, filled, at: parent.rawValue)
        return filled
    }
}
