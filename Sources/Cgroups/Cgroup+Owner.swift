// Whose a cgroup is: two containers may be given the same path one after the other, or one below the other's.

internal import CLinux
internal import Glibc
internal import Kernel
package import SystemPackage

/// By what a container tells its cgroups from those of others.
package struct CgroupOwner: Sendable {
    /// What is written on the directory that lists the container's processes.
    package var mark: String
    /// The whole paths of the cgroups of another container that a mark names, none when there is no such container.
    package var directories: @Sendable (_ mark: String) -> Set<String>
    /// The same of all other containers that are known, for cgroups on which no mark can be written.
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

/// The mark is kept where only who may do everything on the host can write: no container can pass for another.
private let markName = "trusted.swiftrun"

/// Writes a mark on an open directory. One that cannot be written, as by an ordinary user, is done without.
func writeMark(_ mark: String, _ directory: Int32) {
    let bytes = Array(mark.utf8)
    _ = clinux_fsetxattr(directory, markName, bytes, bytes.count, 0)
}

private func readMark(_ directory: borrowing OwnedDescriptor) -> String? {
    let number = directory.rawValue
    return withUnsafeTemporaryAllocation(byteCount: 8_192, alignment: 1) { buffer in
        let length = clinux_fgetxattr(number, markName, buffer.baseAddress, buffer.count)
        return length > 0 ? String(decoding: buffer[..<length], as: UTF8.self) : nil
    }
}

/// The same by a whole path; nil also when there is nothing at it.
func readMark(_ path: String) -> String? {
    do throws(Errno) { return readMark(try OwnedDescriptor.open(path, .directory | .noFollow)) } catch { return nil }
}

extension CgroupDirectory {
    /// Whether what is at the path now is the directory that was made or found when the container was made.
    ///
    /// The number of a cgroup's directory is never used twice. The kernel's kernfs_node_id.
    package func isStillThere() throws(Errno) -> Bool {
        guard let inode else { return true }
        do throws(Errno) { return try fileStatus(at: fullPath).inode == inode } catch {
            if error == .noSuchFileOrDirectory || error == .notDirectory { return false }
            throw error
        }
    }
}

extension Cgroup {
    /// The mark of whoever has this cgroup.
    package var mark: String? { processDirectory.flatMap { readMark($0.fullPath) } }

    /// Whether another container has been given this cgroup meanwhile.
    func isAnothers(_ others: Set<String>) -> Bool {
        guard let directory = processDirectory else { return false }
        return others.contains(directory.fullPath)
    }

    /// The whole paths of those directories, here and below, that are other containers'.
    func othersDirectories() -> Set<String> {
        guard let owner, let directory = processDirectory else { return [] }
        do throws(Errno) {
            let own = try open(directory)
            guard let mark = readMark(own) else { return owner.known() }
            var others = mark == owner.mark ? [] : owner.directories(mark)
            try collectOthers(&others, below: own, owner)
            return others
        } catch {
            return []
        }
    }

    private func collectOthers(
        _ others: inout Set<String>, below directory: borrowing OwnedDescriptor, _ owner: CgroupOwner
    ) throws(Errno) {
        for entry in try subdirectories(of: directory) {
            do throws(Errno) {
                let child = try OwnedDescriptor.open(entry.bytes, .directory | .noFollow, at: directory.rawValue)
                if let mark = readMark(child) { others.formUnion(owner.directories(mark)) }
                try collectOthers(&others, below: child, owner)
            } catch Errno.noSuchFileOrDirectory {
                continue
            }
        }
    }
}
