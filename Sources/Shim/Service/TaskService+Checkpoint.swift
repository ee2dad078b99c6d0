// Checkpoints of running containers; restored they are by their creation. See TaskService+Create.

internal import Glibc
internal import Kernel
internal import ShimAPI
internal import SwiftProtobuf
internal import TTRPC

extension TaskService {
    func checkpoint(_ request: TaskCheckpointRequest, _ reply: Reply<Google_Protobuf_Empty>) throws(Status) {
        let container = try container(request.id)
        var options = RuncCheckpointOptions()
        if request.hasOptions {
            guard request.options.typeName == "containerd.runc.v1.CheckpointOptions",
                let decoded = try? RuncCheckpointOptions(serializedBytes: request.options.value)
            else { throw Status(.invalidArgument, "checkpoint options: malformed \(request.options.typeURL)") }
            options = decoded
        }
        // containerd asks for its own directory in `path`, and may repeat the client's wish in the options.
        let image = request.path.isEmpty ? options.imagePath : request.path
        if image.isEmpty { throw Status(.invalidArgument, "checkpoint path is empty") }
        let work = CheckpointWork(bundle: container.bundle, named: options.workPath)
        let explain = { (failure: RuntimeFailure) in
            guard let log = work.keepLog() else { return failure.status }
            return Status(.unknown, "OCI runtime checkpoint failed: \(failure.firstLine) path= \(log)")
        }
        change(
            container, .checkpoint, .checkpoint(options, image: image, work: work.path), reply,
            then: { [self] isDone in
                work.remove()
                if isDone { publishCheckpoint(of: container.id, at: image) }
            }, explain: explain)
    }

    // containerd has the topic, and its own shims publish nothing there.
    private func publishCheckpoint(of id: String, at image: String) {
        var event = EventTaskCheckpointed()
        event.containerID = id
        event.checkpoint = image
        events.publish("/tasks/checkpointed", event)
    }
}

/// Where CRIU writes its log and statistics.
private struct CheckpointWork {
    let path: String
    private let log: String
    /// Whether the client has not named the directory: then it is removed after the checkpoint.
    private let isOwn: Bool

    init(bundle: TaskBundle, named path: String) {
        isOwn = path.isEmpty
        self.path = isOwn ? bundle.path + "/work/criu-work" : path
        log = bundle.path + "/criu-dump.log"
    }

    /// Copies the log of a failure to where containerd's own shim leaves it.
    /// - Returns: nil when there is none, as CRIU was not asked.
    func keepLog() -> String? {
        do throws(Errno) {
            let bytes = try readFile(path + "/dump.log")
            let copy = try OwnedDescriptor.open(log, [.writeOnly, .create, .truncate, .noFollow], mode: 0o600)
            try writeAll(bytes, to: copy.rawValue)
            return log
        } catch {
            return nil
        }
    }

    func remove() {
        guard isOwn else { return }
        do throws(Errno) {
            let directory = try OwnedDescriptor.open(path, [.directory, .noFollow])
            try removeContents(of: directory.rawValue)
            try checked { rmdir(path) }
        } catch {
            if error != .noSuchFileOrDirectory { ShimLog.warning("remove \(path): \(error.message)") }
        }
    }
}
