// The request to CRIU for a restore: the meaning of the names in the images on this host.

package import struct Criu.CriuVersion
package import struct Criu.KeyedDescriptor
package import struct Criu.KeyedPath
package import struct Criu.RequestOptions
internal import enum Kernel.NamespaceKind
internal import func Kernel.cleanPath
package import OCISpec

/// Where the sources of mounts are put before CRIU takes them, and the root: in a mount namespace that ends with CRIU.
package struct Stage: Equatable, Sendable {
    /// Absolute, on the host.
    package var directory: String
    package init(directory: String) { self.directory = directory }
    package var root: String { directory + "/root" }
    package func mount(_ index: Int) -> String { directory + "/mount-\(index)" }
}

/// How a container is restored.
package struct RestorePlan: Equatable, Sendable {
    /// Without the descriptors, which are known when they are open.
    package var options: RequestOptions
    /// Whether CRIU starts in the container's cgroup namespace: it makes none itself then.
    package var entersCgroupNamespace: Bool
    package let stage: Stage

    /// - Parameters:
    ///   - resolved: for each mount of the plan its destination with the links in the rootfs followed.
    ///   - record: what lies beside the images; nil for those of another runtime.
    /// - Throws: a property that this version of CRIU, or any version, cannot restore.
    package init(
        _ plan: ContainerPlan, _ asked: RestoreOptions, version: CriuVersion, stage: Stage, resolved: [String],
        record: ImageRecord?
    ) throws(InvalidSpec) {
        let features = CriuFeatures(version)
        try features.check(asked.image)
        let forLabels = CriuVersion(3, 16)
        try features.require(forLabels, for: asked.securityProfile == nil ? nil : "--lsm-profile")
        try features.require(forLabels, for: asked.securityMountContext == nil ? nil : "--lsm-mount-context")
        try Self.check(plan)
        self.stage = stage
        var options = RequestOptions()
        options.apply(asked.image, features: features)
        options.logFile = "restore.log"
        options.root = stage.root
        options.isEvasiveAboutDevices = true
        options.restoresSibling = true
        options.closesConnections = asked.closesConnections
        options.securityProfile = asked.securityProfile
        options.securityMountContext = asked.securityMountContext
        options.emptyNamespaces = plan.emptyNamespaces
        options.externalMounts = Self.mounts(plan, stage, resolved, record)
        // That nothing was there yet has been seen to; what CRIU finds has been made for it.
        if options.cgroupsMode == .strict { options.cgroupsMode = .full }
        entersCgroupNamespace = options.cgroupsMode == .ignore
        self.options = options
    }

    private static func check(_ plan: ContainerPlan) throws(InvalidSpec) {
        for namespace in plan.namespaces.joined where namespace.kind == .mount {
            throw InvalidSpec(
                keyPath: namespace.key, problem: "a container cannot be restored into a mount namespace of others")
        }
        guard plan.namespaces.creates(.mount) else {
            throw InvalidSpec(
                keyPath: "linux.namespaces", problem: "a container without a mount namespace cannot be restored")
        }
        if plan.process.landlock != nil {
            throw InvalidSpec(
                keyPath: LandlockPlan.key, problem: "a restored container would be without Landlock")
        }
        if plan.seccomp?.listenerPath != nil {
            throw InvalidSpec(
                keyPath: "linux.seccomp.listenerPath", problem: "a restored container would be without its agent")
        }
    }

    private static func mounts(
        _ plan: ContainerPlan, _ stage: Stage, _ resolved: [String], _ record: ImageRecord?
    ) -> [KeyedPath] {
        var result: [KeyedPath] = []
        func add(_ key: String, _ value: String) {
            if !result.contains(where: { $0.key == key }) { result.append(KeyedPath(key: key, value: value)) }
        }
        for (index, step) in plan.mounts.enumerated() {
            switch step.object {
            case .bind:
                let source = stage.mount(index)
                for inner in record?.externals ?? [] where inner.destination == step.destination {
                    if inner.isPlain { add(inner.path, source + inner.below) }
                }
                add(step.destination, source)
                if resolved.indices.contains(index) { add(resolved[index], source) }
            case .unifiedCgroup(let directory):
                add(step.destination, directory)
                if resolved.indices.contains(index) { add(resolved[index], directory) }
            case .legacyCgroup(let hierarchies):
                let places = Set([step.destination] + (resolved.indices.contains(index) ? [resolved[index]] : []))
                for hierarchy in hierarchies {
                    for place in places { add("\(place)/\(hierarchy.name)", hierarchy.directory) }
                }
            default: break
            }
        }
        for node in plan.devices.nodes { add(node.path, node.path) }
        // runc masks files with it.
        add("/dev/null", "/dev/null")
        return result
    }
}

extension ImageRecord.External {
    /// Whether it is of the shape that is written here: the images may come from anywhere.
    fileprivate var isPlain: Bool {
        func isClean(_ path: String) -> Bool { path.hasPrefix("/") && cleanPath(path) == path }
        return isClean(path) && (below.isEmpty || isClean(below))
    }
}

/// The streams of `descriptors.json` that CRIU gets again.
package func restoredStreams(_ texts: [String]) -> [KeyedDescriptor] {
    var result: [KeyedDescriptor] = []
    for (number, text) in texts.prefix(3).enumerated() where isOutside(text) {
        result.append(KeyedDescriptor(key: text, number: Int32(number)))
    }
    return result
}

// `pipe:[123]`, `file[1f:2a]`, `tty[8801:1c]`.
private func isOutside(_ text: String) -> Bool {
    let kinds: [(prefix: String, isHex: Bool)] = [("pipe:[", false), ("file[", true), ("tty[", true)]
    for kind in kinds where text.hasPrefix(kind.prefix) && text.hasSuffix("]") {
        let inner = text.dropFirst(kind.prefix.count).dropLast()
        let parts = inner.split(separator: ":", omittingEmptySubsequences: false)
        return parts.count == (kind.isHex ? 2 : 1)
            && parts.allSatisfy { UInt64($0, radix: kind.isHex ? 16 : 10) != nil }
    }
    return false
}
