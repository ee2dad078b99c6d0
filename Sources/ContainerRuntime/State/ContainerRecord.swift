// The facts of a container that commands keep: only those that the kernel cannot answer.

package import Cgroups
package import enum Kernel.NamespaceKind
package import struct Kernel.FileIdentity
package import OCISpec

/// The state record, ROOT/ID/state.json.
package struct ContainerRecord: Equatable, Sendable {
    package var id: String
    package var ociVersion: String
    package var bundle: String
    package var rootfs: String
    /// The init process in the host's numbers; 0 until it exists.
    package var pid: Int32 = 0
    /// With the pid, who it is: clock ticks after boot, as the host's own time namespace counts them. proc(5).
    package var startTime: UInt64 = 0
    /// Whether the init is in its own root, holds no descriptor of the host, and waits for `start`, after all hooks
    /// that precede it. Until then no command enters the container.
    package var isReady = false
    /// The identity of its pidfd, if /proc may hide the init from the runtime; 0 if the start time identifies it, or
    /// nothing does.
    package var initIdentity: UInt64 = 0
    /// RFC 3339 with nanoseconds.
    package var created: String
    /// The user id of the runtime that created the container.
    package var owner: UInt32
    package var cgroup: CgroupLocation
    /// The clone flags of the kinds of namespaces in which the container differs from the runtime, made for it or joined.
    package var namespaces: UInt64
    /// Those of them that were created for the container: no other process is in them unless the container lets it in.
    package var createdNamespaces: UInt64 = 0
    /// Groups of resctrl that go with the container, innermost first.
    package var resourceGroups: [String] = []
    /// The inodes of these, in the same order.
    package var resourceGroupInodes: [UInt64] = []
    /// The number of the mount that the rootfs lay on before the container's own was put over it among the host's.
    package var mountBelowRoot: Int?
    /// The number of the container's own mount there, once it is made: what lies there later may be another's.
    package var mountOfRoot: UInt64?
    /// Which directory is the container's root, if its mount was moved over the host's root (`--no-pivot`). The container
    /// can unmount it, and a process that then enters the mount namespace finds the host's root.
    package var movedRoot: FileIdentity?
    /// Which directory the bundle is, if its path may name the container: another may have its name later.
    package var bundleDirectory: FileIdentity?
    package var hasSeccomp = false
    /// Whether an exec process needs properties that only the config has.
    package var execNeedsConfig = false
    /// Whether later commands have to read the config for these hooks.
    package var hasPoststartHooks = false
    package var hasPoststopHooks = false
    package var annotations: TextMap<String>
    /// Properties that exec processes share.
    package var oomScoreAdj: Int?
    /// CRIU that writes the container down; one that is here without its command was left by a command that was killed.
    package var criu: Int32 = 0
    /// When it started; as `startTime`.
    package var criuStartTime: UInt64 = 0

    package init(
        id: String, ociVersion: String, bundle: String, rootfs: String, created: String, owner: UInt32,
        cgroup: CgroupLocation, namespaces: UInt64, annotations: TextMap<String>
    ) {
        self.id = id
        self.ociVersion = ociVersion
        self.bundle = bundle
        self.rootfs = rootfs
        self.created = created
        self.owner = owner
        self.cgroup = cgroup
        self.namespaces = namespaces
        self.annotations = annotations
    }

    /// Whether a namespace was created for the container: a joined one has other members, and outlives its init.
    package func creates(_ kind: NamespaceKind) -> Bool { createdNamespaces & kind.cloneFlag != 0 }
}

extension ContainerRecord {
    /// Reads and writes paths without loss, also if they are not UTF-8.
    package init(json bytes: [UInt8]) throws(InvalidSpec) {
        self = try JSONDocument(bytes, isOwn: true).decode()
    }

    package func json() -> [UInt8] {
        var writer = JSONWriter(keepsRawBytes: true)
        write(to: &writer)
        return writer.bytes
    }
}

extension ContainerRecord: JSONDecodable, JSONEncodable {
    /// The offset of the digit of `isReady` in the written record.
    static let readyOffset = #"{"ready":"#.utf8.count

    package init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        // An earlier version wrote no such key.
        let ready: Int32 = try cursor.optional("ready") ?? 1
        isReady = ready == 1
        id = try cursor.required("id")
        ociVersion = try cursor.required("ociVersion")
        bundle = try cursor.required("bundle")
        rootfs = try cursor.required("rootfs")
        pid = try cursor.optional("pid") ?? 0
        startTime = try cursor.optional("startTime") ?? 0
        initIdentity = try cursor.optional("initIdentity") ?? 0
        created = try cursor.required("created")
        owner = try cursor.required("owner")
        let place: StoredLocation = try cursor.required("cgroup")
        cgroup = place.location
        namespaces = try cursor.required("namespaces")
        // An earlier version wrote no such key: then no namespace counts as created.
        createdNamespaces = try cursor.optional("createdNamespaces") ?? 0
        resourceGroups = try cursor.optional("resourceGroups") ?? []
        resourceGroupInodes = try cursor.optional("resourceGroupInodes") ?? []
        mountBelowRoot = try cursor.optional("mountBelowRoot")
        mountOfRoot = try cursor.optional("mountOfRoot")
        if let inode: UInt64 = try cursor.optional("movedRootInode") {
            movedRoot = FileIdentity(device: try cursor.required("movedRootDevice"), inode: inode)
        }
        if let inode: UInt64 = try cursor.optional("bundleInode") {
            bundleDirectory = FileIdentity(device: try cursor.required("bundleDevice"), inode: inode)
        }
        hasSeccomp = try cursor.optional("hasSeccomp") ?? false
        execNeedsConfig = try cursor.optional("execNeedsConfig") ?? false
        hasPoststartHooks = try cursor.optional("hasPoststartHooks") ?? false
        hasPoststopHooks = try cursor.optional("hasPoststopHooks") ?? false
        annotations = try cursor.optional("annotations") ?? [:]
        oomScoreAdj = try cursor.optional("oomScoreAdj")
        criu = try cursor.optional("criu") ?? 0
        criuStartTime = try cursor.optional("criuStartTime") ?? 0
    }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            // First, and one digit: it is overwritten in place. `readyOffset`
            writer.field("ready", isReady ? 1 : 0)
            writer.field("id", id)
            writer.field("ociVersion", ociVersion)
            writer.field("bundle", bundle)
            writer.field("rootfs", rootfs)
            writer.field("pid", pid)
            writer.field("startTime", startTime)
            if initIdentity != 0 { writer.field("initIdentity", initIdentity) }
            writer.field("created", created)
            writer.field("owner", owner)
            writer.field("cgroup", StoredLocation(location: cgroup))
            writer.field("namespaces", namespaces)
            writer.field("createdNamespaces", createdNamespaces)
            if !resourceGroups.isEmpty { writer.field("resourceGroups", resourceGroups) }
            if !resourceGroupInodes.isEmpty { writer.field("resourceGroupInodes", resourceGroupInodes) }
            writer.field("mountBelowRoot", mountBelowRoot)
            writer.field("mountOfRoot", mountOfRoot)
            writer.field("movedRootInode", movedRoot?.inode)
            writer.field("movedRootDevice", movedRoot?.device)
            writer.field("bundleInode", bundleDirectory?.inode)
            writer.field("bundleDevice", bundleDirectory?.device)
            writer.flag("hasSeccomp", hasSeccomp)
            writer.flag("execNeedsConfig", execNeedsConfig)
            writer.flag("hasPoststartHooks", hasPoststartHooks)
            writer.flag("hasPoststopHooks", hasPoststopHooks)
            writer.map("annotations", annotations)
            writer.field("oomScoreAdj", oomScoreAdj)
            if criu != 0 { writer.field("criu", criu) }
            if criuStartTime != 0 { writer.field("criuStartTime", criuStartTime) }
        }
    }
}

private struct StoredLocation: JSONDecodable, JSONEncodable {
    var location: CgroupLocation

    init(location: CgroupLocation) { self.location = location }

    init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        let driver: String = try cursor.required("driver")
        let hierarchy: String = try cursor.required("hierarchy")
        let directories: [StoredDirectory] = try cursor.optional("directories") ?? []
        guard let driver = CgroupDriver(rawValue: driver) else {
            throw InvalidSpec(keyPath: "driver", problem: "unknown driver \"\(driver)\"")
        }
        guard let hierarchy = CgroupHierarchy(rawValue: hierarchy) else {
            throw InvalidSpec(keyPath: "hierarchy", problem: "unknown hierarchy \"\(hierarchy)\"")
        }
        location = CgroupLocation(
            driver: driver, hierarchy: hierarchy, directories: directories.map { $0.directory },
            unit: try cursor.optional("unit"), isUserUnit: try cursor.optional("isUserUnit") ?? false)
    }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("driver", location.driver.rawValue)
            writer.field("hierarchy", location.hierarchy.rawValue)
            writer.field("unit", location.unit)
            writer.flag("isUserUnit", location.isUserUnit)
            writer.field("directories", location.directories.map { StoredDirectory(directory: $0) })
        }
    }
}

private struct StoredDirectory: JSONDecodable, JSONEncodable {
    var directory: CgroupDirectory

    init(directory: CgroupDirectory) { self.directory = directory }

    init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        directory = CgroupDirectory(
            controllers: try cursor.required("controllers"), mount: try cursor.required("mount"),
            path: try cursor.required("path"), inode: try cursor.optional("inode"))
    }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("controllers", directory.controllers)
            writer.field("mount", directory.mount)
            writer.field("path", directory.path)
            writer.field("inode", directory.inode)
        }
    }
}
