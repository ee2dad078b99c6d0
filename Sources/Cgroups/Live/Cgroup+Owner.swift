// The owner of a cgroup. Two containers can be given the same path, one after the other, or one path below the
// other's.

internal import CLinux
internal import Glibc
package import Kernel

/// Only a process with full rights over the host can write this attribute, so no container can pass for another.
private let markName = "trusted.swiftrun"

/// Writes a mark on an open directory. Works without a mark if it cannot be written, as by an ordinary user.
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

/// The mark of a directory by its whole path; also nil if it does not exist.
func readMark(_ path: String) -> String? {
    do throws(Errno) { return readMark(try OwnedDescriptor.open(path, .directory | .noFollow)) } catch { return nil }
}

extension CgroupDirectory {
    /// Whether the directory at the path is the one that was created or found with the container.
    ///
    /// The inode number of a cgroup directory is never reused: the kernel's kernfs_node_id.
    package func isStillThere() throws(Errno) -> Bool {
        guard let inode else { return true }
        do throws(Errno) { return try fileStatus(at: fullPath).inode == inode } catch {
            if error == .noSuchFileOrDirectory || error == .notDirectory { return false }
            throw error
        }
    }
}

extension Cgroup {
    /// The mark of the cgroup's owner.
    package var mark: String? { processDirectory.flatMap { readMark($0.fullPath) } }

    /// Whether another container has been given this cgroup meanwhile.
    func isAnothers(_ others: Set<String>) -> Bool {
        guard let directory = processDirectory else { return false }
        return others.contains(directory.fullPath)
    }

    /// The whole paths of those directories, this one and below, that belong to other containers.
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
                let child = try OwnedDescriptor.open(entry.name, .directory | .noFollow, at: directory.rawValue)
                if let mark = readMark(child) { others.formUnion(owner.directories(mark)) }
                try collectOthers(&others, below: child, owner)
            } catch Errno.noSuchFileOrDirectory {
                continue
            }
        }
    }
}
