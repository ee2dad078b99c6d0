// Decides the resources of a pod, by the CRI's description.

package import Kernel
internal import OCISpec
package import ShimAPI

/// The resources of a pod: pure data, which `PodNamespaces` and `PodFiles` carry out.
package struct PodPlan: Equatable, Sendable {
    /// Which namespaces are made.
    package var namespaces: NamespaceSet = []
    /// The network namespace that the caller has made, a path; empty for the host's, or one of ours.
    package var network = ""
    /// Kinds in which containers are to stay on the host.
    package var host: NamespaceSet = []
    /// The name in the UTS namespace; nil keeps the host's.
    package var hostname: String?
    package var parameters: [PodParameter] = []
    /// The maps of the user namespace, if the pod has one.
    package var maps: MountIDMaps?
    /// The user and the group, seen from the host, who are root in the pod.
    package var rootUser: UInt32 = 0
    package var rootGroup: UInt32 = 0
    package var files: [PodFile] = []
    /// Whether the pod has its own shared memory.
    package var hasSharedMemory = false
    /// The pod's cgroup, made by the caller; empty when there is none.
    package var cgroup = ""

    /// Whether all containers share one pid namespace.
    package var sharesProcesses: Bool { namespaces.contains(.pid) }

    /// As large as containerd makes it, bytes.
    package static let sharedMemorySize = 64 << 20
}

/// A kernel parameter of one of the pod's namespaces.
package struct PodParameter: Equatable, Sendable {
    package var name: String
    package var path: String
    package var value: String
}

/// A file that every container of a pod sees.
package struct PodFile: Equatable, Sendable {
    package enum Content: Equatable, Sendable {
        case text(String)
        /// The source on the host.
        case host
    }

    /// The destination in the containers.
    package var destination: String
    package var content: Content

    /// Its name in the bundle.
    package var name: String { String(destination.split(separator: "/").last ?? "") }
}

extension PodPlan {
    /// Decides.
    /// - Parameter network: the network namespace that the caller has made, or nothing.
    /// - Parameter hostName: the host's own name.
    package init(_ config: CRIPodSandboxConfig, network: String, hostName: String) throws(ShimFailure) {
        let modes = config.linux.securityContext.namespaceOptions
        cgroup = config.linux.cgroupParent
        decideNamespaces(modes, network: network)
        if modes.usernsOptions.mode == .pod, modes.hasUsernsOptions { try decideUsers(modes.usernsOptions) }
        try config.refuseControlCharacters()
        if !host.contains(.uts) {
            if config.hostname.utf8.count > 64 {
                throw ShimFailure("hostname \(config.hostname): longer than 64 bytes")
            }
            hostname = config.hostname.isEmpty ? nil : config.hostname
        }
        parameters = try config.linux.sysctls.sorted { $0.key < $1.key }.map { entry throws(ShimFailure) in
            try PodParameter(entry.key, entry.value, in: self)
        }
        let name = config.hostname.isEmpty ? hostName : config.hostname
        files = [
            PodFile(destination: "/etc/hostname", content: .text(name + "\n")),
            PodFile(destination: "/etc/hosts", content: .host),
            PodFile(
                destination: "/etc/resolv.conf",
                content: config.hasDnsConfig ? .text(config.dnsConfig.resolverConfiguration) : .host),
        ]
    }

    private mutating func decideNamespaces(_ modes: CRINamespaceOption, network path: String) {
        // As containerd's own pods: who is on the host's network has its name as well.
        if modes.network == .node {
            host.formUnion([NamespaceSet(.network), NamespaceSet(.uts)])
        } else {
            network = path
            namespaces.formUnion(path.isEmpty ? [NamespaceSet(.network), NamespaceSet(.uts)] : [NamespaceSet(.uts)])
        }
        if modes.ipc == .node {
            host.insert(NamespaceSet(.ipc))
        } else {
            namespaces.insert(NamespaceSet(.ipc))
            hasSharedMemory = true
        }
        switch modes.pid {
        case .pod: namespaces.insert(NamespaceSet(.pid))
        case .node: host.insert(NamespaceSet(.pid))
        default: break
        }
    }

    private mutating func decideUsers(_ options: CRIUserNamespace) throws(ShimFailure) {
        maps = try MountIDMaps(users: options.uids.lines("uids"), groups: options.gids.lines("gids"))
        rootUser = options.uids.root
        rootGroup = options.gids.root
    }
}

extension [CRIIDMapping] {
    fileprivate func lines(_ what: String) throws(ShimFailure) -> String {
        if isEmpty { throw ShimFailure("userns_options: \(what) are empty") }
        return map { "\($0.containerID) \($0.hostID) \($0.length)\n" }.joined()
    }

    fileprivate var root: UInt32 { first { $0.containerID == 0 }?.hostID ?? 0 }
}

extension CRIPodSandboxConfig {
    /// A line break in an entry would be another line of a file that every container reads.
    fileprivate func refuseControlCharacters() throws(ShimFailure) {
        let names = [
            ("hostname", [hostname]), ("dns_config: servers", dnsConfig.servers),
            ("dns_config: searches", dnsConfig.searches), ("dns_config: options", dnsConfig.options),
        ]
        for (name, values) in names {
            for value in values where value.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) {
                throw ShimFailure("\(name): \(value.quoted): it holds a control character")
            }
        }
    }
}

extension CRIDNSConfig {
    /// The file of resolv.conf(5), in the order in which containerd writes it.
    var resolverConfiguration: String {
        (searches.isEmpty ? "" : "search \(searches.joined(separator: " "))\n")
            + servers.map { "nameserver \($0)\n" }.joined()
            + (options.isEmpty ? "" : "options \(options.joined(separator: " "))\n")
    }
}

extension PodParameter {
    /// Refuses what is not the pod's own: writing it would change the host. namespaces(7).
    fileprivate init(_ key: String, _ value: String, in plan: PodPlan) throws(ShimFailure) {
        let refused = { (problem: String) in ShimFailure("sysctls: \(key): \(problem)") }
        // sysctl(8): the first separator decides; in a name with slashes a dot is part of a component.
        let isSlashed = key.first { $0 == "." || $0 == "/" } == "/"
        name = isSlashed ? key.swappingSeparators : key
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count > 1, !parts.contains(where: { part in part.utf8.allSatisfy { $0 == UInt8(ascii: "/") } })
        else {
            throw refused("is not a valid name of a sysctl")
        }
        path = "/proc/sys/" + name.swappingSeparators
        self.value = value
        let kind: NamespaceKind
        if name.hasPrefix("net.") {
            kind = .network
        } else if Self.ipc.contains(name) || name.hasPrefix("fs.mqueue.") {
            kind = .ipc
        } else if name == "kernel.domainname" {
            kind = .uts
        } else {
            throw refused("is not in a separate kernel namespace")
        }
        if plan.host.contains(kind) { throw refused("the pod is in the host's \(kind.rawValue) namespace") }
    }

    private static let ipc = [
        "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax",
        "kernel.shmmni", "kernel.shm_rmid_forced",
    ]
}

extension String {
    fileprivate var swappingSeparators: String { String(map { $0 == "." ? "/" : ($0 == "/" ? "." : $0) }) }
}
