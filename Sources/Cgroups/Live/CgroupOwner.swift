// The owner of a cgroup, as far as its operations need to know it.

/// The data by which a container distinguishes its cgroups from those of other containers.
package struct CgroupOwner: Sendable {
    /// The mark on the directory that lists the container's processes.
    package var mark: String
    /// The whole paths of the cgroups of another container that a mark names; empty if there is no such container.
    package var directories: @Sendable (_ mark: String) -> Set<String>
    /// The cgroups of all other known containers, for cgroups on which no mark can be written.
    package var known: @Sendable () -> Set<String>

    package init(
        mark: String, directories: @escaping @Sendable (String) -> Set<String>,
        known: @escaping @Sendable () -> Set<String>
    ) {
        self.mark = mark
        self.directories = directories
        self.known = known
    }
}
