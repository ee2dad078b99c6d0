// The files that the shim reads from a bundle and leaves in it.

internal import FoundationEssentials
internal import CLinux
internal import Glibc
internal import Kernel
internal import OCISpec
internal import ShimAPI
internal import SwiftProtobuf

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
        try Self.write(bytes, to: recordFile)
        try join(bytes)
    }

    /// The options noted by `record`, or nothing when there is nothing to clean up.
    func recordedOptions() -> RuncOptions? { Self.options(in: recordFile) }

    func removeRecord() {
        clinux_unlink(recordFile)
        if let entry = memberEntry { Self.remove(entry) }
    }

    private static func options(in file: String) -> RuncOptions? {
        guard let bytes = try? readRegularFile(file) else { return nil }
        return try? RuncOptions(serializedBytes: bytes)
    }

    private static func write(_ bytes: [UInt8], to file: String) throws(ShimFailure) {
        try during("write \(file)") { () throws(Errno) in
            let descriptor = try OwnedDescriptor.open(file, [.writeOnly, .create, .truncate], mode: 0o600)
            try writeAll(bytes, to: descriptor.rawValue)
        }
    }

    // MARK: the containers of a pod

    /// A container of a pod, as the pod's bundle knows it.
    struct Member {
        let id: String
        let bundle: TaskBundle
        /// What `record` was given.
        let options: RuncOptions?
    }

    /// containerd runs `delete` for a pod's own bundle alone, where a container's bundle names the pod in a file
    /// `sandbox`. So the pod's bundle, which is our working directory, says where the others are and how they were made:
    /// after a shim that was killed, containerd removes their bundles at the same time.
    private static let members = "members"

    private var memberEntry: String? {
        guard clinux_access(path + "/sandbox", F_OK) == 0, let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else {
            return nil
        }
        return Self.members + path[slash...]
    }

    private func join(_ options: [UInt8]) throws(ShimFailure) {
        guard let entry = memberEntry else { return }
        try makeDirectories(entry, mode: 0o700)
        try Self.write(options, to: entry + "/options")
        clinux_unlink(entry + "/bundle")
        try during("note \(path)") { () throws(Errno) in
            try checked { clinux_symlinkat(path, OwnedDescriptor.currentDirectory, entry + "/bundle") }
        }
    }

    /// The pod's containers that have not been deleted.
    func listMembers() -> [Member] {
        let directory = path + "/" + Self.members
        return names(inDirectory: directory).sorted().compactMap { id in
            let entry = directory + "/" + id
            // A shim that an earlier version of this program serves makes the entry itself a link.
            for link in [entry + "/bundle", entry] {
                guard let path = try? readLink(OwnedDescriptor.currentDirectory, link) else { continue }
                let bundle = TaskBundle(path: path)
                return Member(
                    id: id, bundle: bundle, options: Self.options(in: entry + "/options") ?? bundle.recordedOptions())
            }
            return nil
        }
    }

    func forgetMember(_ id: String) { Self.remove("\(path)/\(Self.members)/\(id)") }

    private static func remove(_ entry: String) {
        if clinux_unlink(entry) == 0 { return }
        for name in ["/bundle", "/options"] { clinux_unlink(entry + name) }
        clinux_rmdir(entry)
    }
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
