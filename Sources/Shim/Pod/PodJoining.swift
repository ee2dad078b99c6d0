// How a container of a pod comes to share what its shim keeps: changes to the container's configuration.

internal import Kernel
package import OCISpec

extension PodResources {
    /// The configuration of a container, changed so that it joins the pod.
    ///
    /// containerd up to 2.4 writes `/proc/PID/ns/net`, with PID 0 for a pod without a process. Later versions write the
    /// paths that the shim has reported; these stay.
    package func join(_ spec: JSONValue) throws(ShimFailure) -> JSONValue {
        var spec = spec
        if var linux = spec["linux"], let namespaces = linux["namespaces"] {
            var joined: [JSONValue] = []
            for namespace in namespaces.elements {
                if let result = try join(namespace: namespace) { joined.append(result) }
            }
            linux["namespaces"] = .array(joined)
            spec["linux"] = linux
        }
        let isReadOnly = spec["root"]?["readonly"]?.isTrue ?? false
        spec["mounts"] = .array(join(mounts: spec["mounts"]?.elements ?? [], isReadOnly: isReadOnly))
        return spec
    }

    /// The namespace to be joined in its place; nothing when the container stays on the host.
    private func join(namespace: JSONValue) throws(ShimFailure) -> JSONValue? {
        let path = namespace["path"]?.text ?? ""
        guard let kind = namespace["type"]?.text, Self.process(in: path) == 0 else { return namespace }
        if host.contains(kind) { return nil }
        guard let own = paths[kind] else {
            throw ShimFailure("linux.namespaces: the pod has no \(kind) namespace, which the container is to join")
        }
        var namespace = namespace
        namespace["path"] = .string(own)
        return namespace
    }

    /// The process in a path such as `/proc/0/ns/net`.
    private static func process(in path: String) -> Int32? {
        let parts = path.split(separator: "/")
        guard parts.count == 4, parts[0] == "proc", parts[2] == "ns" else { return nil }
        return Int32(parts[1])
    }

    private func join(mounts listed: [JSONValue], isReadOnly: Bool) -> [JSONValue] {
        var result = listed
        for mount in mounts {
            let place = result.lastIndex { Self.isSame($0["destination"]?.text ?? "", mount.destination) }
            let isSharedMemory = mount.destination == PodFiles.sharedMemoryDestination
            // The caller's own, such as a volume, comes first; only the default of every container gives way.
            if let place, !isSharedMemory || result[place]["type"]?.text != "tmpfs" { continue }
            let access: JSONValue = isReadOnly && !isSharedMemory ? "ro" : "rw"
            let value: JSONValue = [
                "destination": .string(mount.destination), "type": "bind", "source": .string(mount.source),
                "options": ["rbind", "rprivate", access],
            ]
            if let place { result[place] = value } else { result.append(value) }
        }
        return result
    }

    private static func isSame(_ a: String, _ b: String) -> Bool {
        a.split(separator: "/").filter { $0 != "." } == b.split(separator: "/")
    }

    /// The pod as a part of a specification, for callers that have its containers join by themselves.
    package func specification(_ plan: PodPlan) -> JSONValue {
        let namespaces = paths.sorted { $0.key < $1.key }.map { kind, path -> JSONValue in
            ["type": .string(kind), "path": .string(path)]
        }
        let binds = mounts.map { mount -> JSONValue in
            [
                "destination": .string(mount.destination), "type": "bind", "source": .string(mount.source),
                "options": ["rbind", "rprivate", "rw"],
            ]
        }
        let parameters = plan.parameters.map { JSONValue.Member($0.name, .string($0.value)) }
        var result: JSONValue = ["ociVersion": "1.1.0"]
        if let hostname = plan.hostname { result["hostname"] = .string(hostname) }
        result["mounts"] = .array(binds)
        result["linux"] = ["namespaces": .array(namespaces), "sysctl": .object(parameters)]
        return result
    }
}
