// The files that the shim reads from a bundle and leaves in it.

internal import FoundationEssentials
internal import CLinux
internal import Glibc
internal import Kernel
internal import OCISpec
internal import ShimAPI
internal import SwiftProtobuf
internal import SystemPackage

/// A container's directory, as containerd made it.
struct TaskBundle {
    let path: String

    var rootfs: String { path + "/rootfs" }
    var initPIDFile: String { path + "/init.pid" }
    func pidFile(ofExec id: String) -> String { "\(path)/\(id).pid" }

    /// The facts of the configuration that are the shim's business.
    func configuration() throws(ShimFailure) -> BundleConfiguration {
        let file = path + "/config.json"
        let bytes = try readRegularFile(file)
        do { return try BundleConfiguration(json: bytes) } catch { throw ShimFailure("\(file): \(error)") }
    }

    /// The process id that the runtime wrote.
    static func processID(in file: String) throws(ShimFailure) -> pid_t {
        let text = RawText.text(try readRegularFile(file))
        guard let process = pid_t(text.prefix { !$0.isNewline }), process > 0 else {
            throw ShimFailure("\(file): expected a process id")
        }
        return process
    }

    // MARK: the record that `delete` works from

    private var recordFile: String { path + "/swift-shim.options" }

    /// Records the options of the bundle's containers, before anything is made, so that a later `delete` finds
    /// everything; removed when nothing is left.
    func record(_ options: RuncOptions) throws(ShimFailure) {
        let bytes: [UInt8] = (try? options.serializedBytes()) ?? []
        let file = recordFile
        try during("write \(file)") { () throws(Errno) in
            let descriptor = try OwnedDescriptor.open(file, [.writeOnly, .create, .truncate], mode: 0o600)
            try writeAll(bytes, to: descriptor.rawValue)
        }
        try join()
    }

    /// The options noted by `record`, or nothing when there is nothing to clean up.
    func recordedOptions() -> RuncOptions? {
        guard let bytes = try? readRegularFile(recordFile) else { return nil }
        return try? RuncOptions(serializedBytes: bytes)
    }

    func removeRecord() {
        clinux_unlink(recordFile)
        if let entry = memberEntry { clinux_unlink(entry) }
    }

    // MARK: the containers of a pod

    /// containerd runs `delete` for a pod's own bundle alone, where a container's bundle names the pod in a file
    /// `sandbox`: the pod's bundle, which is our working directory, says where the others are.
    private static let members = "members"

    private var memberEntry: String? {
        guard clinux_access(path + "/sandbox", F_OK) == 0, let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else {
            return nil
        }
        return Self.members + path[slash...]
    }

    private func join() throws(ShimFailure) {
        guard let entry = memberEntry else { return }
        try makeDirectories(Self.members, mode: 0o700)
        clinux_unlink(entry)
        try during("note \(path)") { () throws(Errno) in
            try checked { clinux_symlinkat(path, OwnedDescriptor.currentDirectory, entry) }
        }
    }

    /// The bundles of a pod's containers that have not been deleted, by the containers' ids.
    func listMembers() -> [(id: String, bundle: TaskBundle)] {
        let directory = path + "/" + Self.members
        return names(inDirectory: directory).sorted().compactMap { id in
            guard let path = try? readLink(OwnedDescriptor.currentDirectory, directory + "/" + id) else { return nil }
            return (id, TaskBundle(path: path))
        }
    }

    func forgetMember(_ id: String) { clinux_unlink("\(path)/\(Self.members)/\(id)") }
}

/// The facts of a `config.json` that are the shim's business.
struct BundleConfiguration: JSONDecodable {
    var annotations: TextMap<String>
    /// Whether the container's init is process 1 of a pid namespace, so that its end ends all others.
    var hasOwnProcessNamespace: Bool

    init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
        annotations = try cursor.optional("annotations") ?? [:]
        let linux: LinuxSection? = try cursor.optional("linux")
        hasOwnProcessNamespace = linux?.namespaces.contains { $0.type == "pid" && $0.path == "" } ?? false
    }

    /// The name that the containers of one pod share; they share one shim.
    var group: String? {
        annotations["io.containerd.runc.v2.group"] ?? annotations["io.kubernetes.cri.sandbox-id"]
    }

    private struct LinuxSection: JSONDecodable {
        var namespaces: [Namespace]
        init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
            namespaces = try cursor.optional("namespaces") ?? []
        }
    }

    private struct Namespace: JSONDecodable {
        var type: String
        var path: String
        init(_ cursor: borrowing JSONCursor) throws(InvalidSpec) {
            type = try cursor.required("type")
            path = try cursor.optional("path") ?? ""
        }
    }
}
