// The subordinate ids of the user who calls the runtime.

internal import Glibc
internal import Kernel
internal import OCISpec
internal import Planning

extension SubordinateIDs {
    /// The ids that the user may map; empty if the setuid programs that map them are missing, or have no rights.
    static func probe() -> SubordinateIDs {
        guard mayMap(findInPath("newuidmap")), mayMap(findInPath("newgidmap")) else { return .none }
        let (uid, isNested) = (geteuid(), !isInInitialUserNamespace())
        var users = HostUsers()
        // Lines of subuid(5) may name the user by number too.
        let name = users.find(uid)
        func ranges(_ file: String, _ map: String) -> [LinuxIDMapping] {
            do throws(Errno) {
                let outer = isNested ? [LinuxIDMapping](mapText: try readText(map)) : nil
                return Self.ranges(in: try readText(file), uid: uid, name: name, outer: outer)
            } catch {
                return []
            }
        }
        let ids = SubordinateIDs(
            uids: ranges("/etc/subuid", "/proc/self/uid_map"), gids: ranges("/etc/subgid", "/proc/self/gid_map"))
        return ids.uids.isEmpty || ids.gids.isEmpty ? .none : ids
    }

    // A setuid program gets no rights with no_new_privs, and in a container no more than the container's bounding set has.
    // It must be able to write another process's map (CAP_SYS_ADMIN), and to take the ids. user_namespaces(7).
    private static func mayMap(_ program: String?) -> Bool {
        guard let program else { return false }
        do throws(Errno) {
            guard try processControl(.hasNoNewPrivileges) == 0 else { return false }
            guard try fileStatus(at: program).mode & 0o4000 != 0 else { return true }
            let needed: [UInt] = [6, 7, 21]  // CAP_SETGID, CAP_SETUID, CAP_SYS_ADMIN
            for capability in needed where try processControl(.isInBoundingSet, capability) == 0 { return false }
            return true
        } catch {
            return false
        }
    }
}

extension Bundle {
    /// The bundle as the calling user can have it run: an ordinary user has rights only in a user namespace of its own.
    func adapted() -> Bundle {
        guard geteuid() != 0, spec.leavesUserNamespaceOpen else { return self }
        var bundle = self
        bundle.spec = spec.withUserNamespace(uid: geteuid(), gid: getegid(), SubordinateIDs.probe())
        return bundle
    }
}
