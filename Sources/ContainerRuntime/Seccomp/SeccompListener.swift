// Handing a filter's listener to the seccomp agent. runtime-spec, config-linux.md, "The Container Process State".

internal import Kernel
internal import OCISpec

/// One message to the agent: who the process is, with the listener's descriptor.
struct SeccompListener {
    let ociVersion: String
    let id: String
    let pid: Int32
    let bundle: String
    let annotations: TextMap<String>
    let metadata: String?

    /// - Returns: the watch of the agent.
    func send(_ listener: Int32, to path: String) throws(Failure) -> SeccompAgentWatch {
        do throws(Failure) {
            let socket = try EngineSocket(path: path, flag: "linux.seccomp.listenerPath")
            try socket.send(listener, payload: message)
        } catch {
            throw error.during("failed to connect with seccomp agent")
        }
        return SeccompAgentWatch(path: path)
    }

    private var message: [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.field("ociVersion", ociVersion)
            writer.field("fds", ["seccompFd"])
            writer.field("pid", pid)
            writer.field("metadata", metadata ?? "")
            writer.field(
                "state",
                ContainerState(
                    ociVersion: ociVersion, id: id, pid: pid, status: "creating", bundle: bundle,
                    annotations: annotations))
        }
        return writer.bytes
    }
}
