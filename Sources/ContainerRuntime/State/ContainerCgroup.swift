// A container's cgroup, told from those of other containers, which may lie at the same path later, or below it.

internal import Cgroups
internal import Kernel
internal import OCISpec
internal import SystemPackage

extension Runtime {
    /// The cgroup of a container that is remembered.
    func group(of record: ContainerRecord) -> Cgroup {
        Cgroup(record.cgroup, owner: owner(id: record.id, created: record.created, location: record.cgroup))
    }

    /// What is known of the one who has a cgroup, and how others are found. The mark names the state directory and the
    /// moment of creation: a container of whatever root is found by it, and one that is gone, or has another root file
    /// system than the runtime (a runtime inside of the container), is nobody here.
    func owner(id: String, created: String, location: CgroupLocation) -> CgroupOwner {
        CgroupOwner(mark: "\(created) \(store.root)/\(id)") { mark in
            let parts = mark.split(separator: " ", maxSplits: 1).map(String.init)
            guard parts.count == 2, let other = markedRecord(parts[1]), other.created == parts[0] else { return [] }
            return other.presentCgroups
        } known: { [store] in
            let own = Set(location.directories.map(\.fullPath))
            var result: Set<String> = []
            for other in store.others(than: id) {
                let directories = other.presentCgroups
                // Of two that were given the same one the later has it: it was empty then.
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
