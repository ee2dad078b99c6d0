// `linux.sysctl`: which sysctls belong to the container's own namespaces.

package import Kernel
internal import OCISpec

/// A sysctl that belongs to one of the container's namespaces.
package struct Sysctl: Equatable, Sendable {
    /// With dots, as in the config.
    package var name: String
    /// Below /proc/sys.
    package var path: String
    package var value: String
    /// The namespace that it belongs to.
    package var namespace: NamespaceKind
}

extension Sysctl {
    /// Decides `linux.sysctl`, in the order of the names.
    /// - Throws: a sysctl that does not belong to the container; writing it would change the host.
    static func plan(_ sysctl: TextMap<String>, _ namespaces: NamespacePlan) throws(InvalidSpec) -> [Sysctl] {
        var result: [Sysctl] = []
        var names = EarlierNames()
        for (key, value) in sysctl {
            let name = dotted(key)
            let kind = try check(name, key, namespaces)
            guard names.place(of: name, at: result.count) == nil else {
                throw InvalidSpec(keyPath: "linux.sysctl.\(key)", problem: "\(name) is there twice")
            }
            result.append(Sysctl(name: name, path: slashed(name), value: value, namespace: kind))
        }
        return result
    }

    private static let ipc = [
        "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax",
        "kernel.shmmni", "kernel.shm_rmid_forced",
    ]

    private static func check(
        _ name: String, _ key: String, _ namespaces: NamespacePlan
    ) throws(InvalidSpec) -> NamespaceKind {
        let path = "linux.sysctl.\(key)"
        // A slash in a component stands for a dot. A component of slashes alone would become dots, which lead out of
        // the directory.
        guard
            !name.split(at: ".", omittingEmptySubsequences: false).contains(where: { part in
                part.utf8.allSatisfy { $0 == UInt8(ascii: "/") }
            })
        else { throw InvalidSpec(keyPath: path, problem: "is not a valid name of a sysctl") }
        let needed: NamespaceKind
        if ipc.contains(name) || name.hasPrefix("fs.mqueue.") {
            needed = .ipc
        } else if name.hasPrefix("net.") {
            needed = .network
        } else if name == "kernel.domainname" {
            needed = .uts
        } else if name == "kernel.hostname" {
            throw InvalidSpec(keyPath: path, problem: "use hostname in its place")
        } else if name.hasPrefix("user.") {
            needed = .user
        } else {
            throw InvalidSpec(keyPath: path, problem: "sysctl \"\(name)\" is not in a separate kernel namespace")
        }
        guard namespaces.has(needed) else {
            let article = needed == .ipc ? "an" : "a"
            throw InvalidSpec(
                keyPath: path,
                problem: "sysctl \"\(name)\" is not in a separate kernel namespace: "
                    + "it needs \(article) \(needed.rawValue) namespace")
        }
        return needed
    }

    // sysctl(8): the first separator decides. In a name with slashes a dot is part of a component, such as `eth0.1`.
    private static func dotted(_ key: String) -> String {
        guard let first = key.first(where: { $0 == "." || $0 == "/" }), first == "/" else { return key }
        return String(key.map { $0 == "/" ? "." : ($0 == "." ? "/" : $0) })
    }
    private static func slashed(_ name: String) -> String {
        String(name.map { $0 == "." ? "/" : ($0 == "/" ? "." : $0) })
    }
}
