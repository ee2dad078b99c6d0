// Tells a container's cgroup from those of other containers, which may use the same path later, or a path below it.

internal import Cgroups
internal import Kernel
internal import OCISpec

extension Runtime {
    /// The cgroup of a container that is remembered.
    func group(of record: ContainerRecord) -> Cgroup {
        Cgroup(record.cgroup, owner: owner(id: record.id, created: record.created, location: record.cgroup))
    }

    /// The owner of a cgroup, and how other owners are found. The mark names the state directory and the time of
    /// creation, so that containers of every root are found by it. It does not match a container that is gone, or one
    /// whose runtime has another root file system (a runtime inside a container).
    func owner(id: String, created: String, location: CgroupLocation) -> CgroupOwner {
        CgroupOwner(mark: "\(created) \(store.root)/\(id)") { mark in
            let parts = mark.split(separator: " ", maxSplits: 1).map(String.init)
            guard parts.count == 2, let other = markedRecord(parts[1]), other.created == parts[0] else { return [] }
            return other.presentCgroups
        } known: { [store] in
            let own = Set(location.directories.map { $0.fullPath })
            var result: Set<String> = []
            for other in store.others(than: id) {
                let directories = other.presentCgroups
                // If two records name the same cgroup, it is the later container's: the cgroup was empty when that was
                // created.
                result.formUnion(other.created > created ? directories : directories.subtracting(own))
            }
            return result
        }
    }
}

extension ContainerRecord {
    fileprivate var presentCgroups: Set<String> {
        var result: Set<String> = []
        for directory in cgroup.directories {
            do throws(Errno) { if try directory.isStillThere() { result.insert(directory.fullPath) } } catch {}
        }
        return result
    }
}

extension StateStore {
    /// The records of all other containers in this root, as far as they can be read.
    fileprivate func others(than id: String) -> [ContainerRecord] {
        do throws(Failure) {
            return try identifiers().filter { $0 != id }.compactMap { markedRecord("\(root)/\($0)") }
        } catch {
            return []
        }
    }
}

// By a path that a mark names: nothing at it may keep us waiting.
private func markedRecord(_ path: String) -> ContainerRecord? {
    do throws(Errno) {
        let directory = try OwnedDescriptor.open(path, .readOnly | .directory | .noFollow)
        let file = try OwnedDescriptor.open(
            ContainerDirectory.recordName, .readOnly | .nonBlocking | .noFollow, at: directory.rawValue)
        guard try fileStatus(file.rawValue).isRegular else { return nil }
        let bytes = try readAll(file.rawValue, limit: 16 << 20)
        do throws(InvalidSpec) { return try ContainerRecord(record: bytes) } catch { return nil }
    } catch {
        return nil
    }
}
