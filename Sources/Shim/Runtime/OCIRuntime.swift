// The command line of an OCI runtime.

package import ShimAPI

/// An operation of the OCI runtime, with the words it takes.
package enum RuntimeOperation: Equatable, Sendable {
    case create(bundle: String, pidFile: String, consoleSocket: String?)
    case restore(bundle: String, pidFile: String, consoleSocket: String?, RestoreArguments)
    case start
    case exec(processFile: String, pidFile: String, consoleSocket: String?)
    case kill(signal: UInt32, all: Bool)
    case delete(force: Bool)
    case pause
    case resume
    /// With the value of --shrink.
    case update(shrink: String?)
    /// `mounts add` or `mounts remove`, with a list of mounts on standard input.
    case mounts(verb: String)
    case checkpoint(RuncCheckpointOptions, image: String, work: String)

    /// The operation's name in errors.
    package var name: String {
        switch self {
        case .create: "create"
        case .restore: "restore"
        case .start: "start"
        case .exec: "exec"
        case .kill: "kill"
        case .delete: "delete"
        case .pause: "pause"
        case .resume: "resume"
        case .update: "update"
        case .mounts: "mounts"
        case .checkpoint: "checkpoint"
        }
    }
}

/// The checkpoint that is to be restored.
package struct RestoreArguments: Equatable, Sendable {
    package var image: String
    package var work: String

    package init(image: String, work: String) {
        self.image = image
        self.work = work
    }
}

/// An OCI runtime, and what holds for all its calls.
package struct OCIRuntime: Equatable, Sendable {
    package static let defaultName = "swiftrun"

    /// A path, or a name to be looked for.
    package let binary: String
    /// The runtime's state directory.
    package let root: String
    /// The last part of the binary's path.
    package let name: String
    private let usesSystemd: Bool
    private let noPivotRoot: Bool
    private let noNewKeyring: Bool

    /// The runtime that the options name, for containers of a containerd namespace.
    package init(_ options: RuncOptions, namespace: String) {
        binary = options.binaryName.isEmpty ? Self.defaultName : options.binaryName
        name = binary.split(separator: "/").last.map(String.init) ?? "runtime"
        root = (options.root.isEmpty ? "/run/containerd/\(name)" : options.root) + "/" + namespace
        usesSystemd = options.systemdCgroup
        noPivotRoot = options.noPivotRoot
        noNewKeyring = options.noNewKeyring
    }

    /// The arguments of a call, the program's name first.
    /// - Parameter log: nil for standard error.
    package func arguments(_ operation: RuntimeOperation, container: String, log: String?) -> [String] {
        let logging = (log.map { ["--log", $0] } ?? []) + ["--log-format", "json"]
        let global = ["--root", root] + logging + (usesSystemd ? ["--systemd-cgroup"] : [])
        return [binary] + global + [operation.name] + flags(of: operation) + [container] + operands(of: operation)
    }

    private func flags(of operation: RuntimeOperation) -> [String] {
        switch operation {
        case .create(let bundle, let pidFile, let console):
            ["--bundle", bundle, "--pid-file", pidFile] + socket(console) + creation
        case .restore(let bundle, let pidFile, let console, let options):
            ["--image-path", options.image, "--work-path", options.work, "--detach"]
                + ["--bundle", bundle, "--pid-file", pidFile] + socket(console) + creation
        case .exec(let process, let pidFile, let console):
            ["--process", process] + socket(console) + ["--detach", "--pid-file", pidFile]
        case .kill(_, let all): all ? ["--all"] : []
        case .delete(let force): force ? ["--force"] : []
        case .update(let shrink): ["--resources=-"] + (shrink.map { ["--shrink=\($0)"] } ?? [])
        case .mounts(let verb): [verb]
        case .checkpoint(let options, let image, let work): checkpointFlags(options, image: image, work: work)
        case .start, .pause, .resume: []
        }
    }

    private func operands(of operation: RuntimeOperation) -> [String] {
        switch operation {
        case .kill(let signal, _): [String(signal)]
        case .mounts: ["-"]
        default: []
        }
    }

    private func socket(_ path: String?) -> [String] { path.map { ["--console-socket", $0] } ?? [] }

    private var creation: [String] {
        (noPivotRoot ? ["--no-pivot"] : []) + (noNewKeyring ? ["--no-new-keyring"] : [])
    }

    private func checkpointFlags(_ options: RuncCheckpointOptions, image: String, work: String) -> [String] {
        var flags = ["--image-path", image, "--work-path", work]
        if !options.parentPath.isEmpty { flags += ["--parent-path", options.parentPath] }
        if options.openTcp { flags.append("--tcp-established") }
        if options.externalUnixSockets { flags.append("--ext-unix-sk") }
        if options.terminal { flags.append("--shell-job") }
        if options.fileLocks { flags.append("--file-locks") }
        if !options.cgroupsMode.isEmpty { flags += ["--manage-cgroups-mode", options.cgroupsMode] }
        for namespace in options.emptyNamespaces { flags += ["--empty-ns", namespace] }
        if !options.exit { flags.append("--leave-running") }
        return flags
    }
}
