// The files of spec-fixtures, found relative to this file, and plans for them.

import Foundation
import Kernel
import OCISpec
import Testing

@testable import Planning

/// One document of `spec-fixtures`, named by its file.
struct Fixture: CustomTestStringConvertible, Sendable {
    let name: String
    private let folder: URL

    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "spec-fixtures")

    init(_ name: String, in folder: String) {
        self.name = name
        self.folder = Self.root.appending(path: folder)
    }

    /// Every `.json` file of a folder; empty if the folder cannot be read.
    static func all(in folder: String) -> [Fixture] {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: root.appending(path: folder).path)) ?? []
        return files.filter { $0.hasSuffix(".json") }.sorted().map { Fixture(String($0.dropLast(5)), in: folder) }
    }

    var testDescription: String { name }

    var spec: Spec {
        get throws { try Spec(config: Array(Data(contentsOf: folder.appending(path: name + ".json")))) }
    }

    /// The expected error: the only line of the `.error` file with the same name.
    var expectedError: String {
        get throws {
            let text = try String(contentsOf: folder.appending(path: name + ".error"), encoding: .utf8)
            return String(text.dropLast())
        }
    }
}

extension HostFacts {
    /// A host with cgroup v2 and root as the caller.
    static let unified = HostFacts(
        uid: 0, gid: 0, isInUserNamespace: false, cgroup: .unified(directory: "/sys/fs/cgroup/web"))
    /// A host with cgroup v1 and root as the caller.
    static let legacy = HostFacts(
        uid: 0, gid: 0, isInUserNamespace: false,
        cgroup: .legacy([
            HostFacts.Hierarchy(name: "memory", directory: "/sys/fs/cgroup/memory/web"),
            HostFacts.Hierarchy(name: "cpu,cpuacct", directory: "/sys/fs/cgroup/cpu,cpuacct/web"),
        ]))
}

extension Spec {
    /// A config with only the properties that every container needs.
    static func container(
        process: OCISpec.Process = OCISpec.Process(args: ["sh"], cwd: "/"), mounts: [Mount] = [],
        linux: (inout Linux) -> Void = { _ in }
    ) -> Spec {
        var own = Linux(namespaces: ["pid", "network", "ipc", "uts", "mount"].map { LinuxNamespace(type: $0) })
        linux(&own)
        return Spec(
            ociVersion: Spec.supportedVersion, process: process, root: Root(path: "rootfs"), mounts: mounts, linux: own)
    }

    /// The config with the properties that every container needs, if it does not set them.
    var completed: Spec {
        let minimum = Spec.container()
        var spec = self
        spec.process = process ?? minimum.process
        spec.root = root ?? minimum.root
        var linux = self.linux ?? Linux()
        for namespace in minimum.linux?.namespaces ?? []
        where !linux.namespaces.contains(where: { $0.type == namespace.type }) {
            linux.namespaces.append(namespace)
        }
        spec.linux = linux
        return spec
    }

    /// The plan for a bundle at /bundle.
    func plan(host: HostFacts = .unified, withoutPivot: Bool = false) throws(InvalidSpec) -> ContainerPlan {
        try ContainerPlan(
            spec: self, id: "web", bundle: "/bundle", host: host, options: .init(withoutPivot: withoutPivot))
    }
}

/// The error that a closure throws.
func refusal(_ body: () throws -> some Any) -> String {
    do {
        return "not refused: \(try body())"
    } catch {
        return "\(error)"
    }
}
