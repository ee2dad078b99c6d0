// `-info`: what this shim and the runtime behind it can do.

internal import CLinux
internal import Glibc
internal import Kernel
internal import ShimAPI
internal import SwiftProtobuf
internal import SystemPackage

/// The helper that containerd asks once before the first container.
struct InfoCommand {
    static let version = CLINUX_PROJECT_VERSION

    /// Returns what goes to standard output.
    func run() throws(ShimFailure) -> [UInt8] {
        let input = try during("read standard input") { () throws(Errno) in
            try readAll(STDIN_FILENO, limit: StartRequest.longest)
        }
        var info = BootstrapRuntimeInfo()
        info.name = "io.containerd.swiftrun.v2"
        info.version.version = Self.version
        var options: Google_Protobuf_Any?
        if !input.isEmpty {
            guard let decoded = try? Google_Protobuf_Any(serializedBytes: input) else {
                throw ShimFailure("standard input: not runtime options")
            }
            info.options = decoded
            options = decoded
        }
        let runtime = OCIRuntime(try RuncOptions(options), namespace: "")
        if let features = try features(of: runtime) {
            info.features = Google_Protobuf_Any(
                "types.containerd.io/opencontainers/runtime-spec/1/features/Features", features)
        }
        return info.encodedBytes
    }

    /// The runtime's own document; nothing when it has none to give, as old runtimes.
    private func features(of runtime: OCIRuntime) throws(ShimFailure) -> [UInt8]? {
        let pipe = try during("make a pipe") { () throws(Errno) in try Pipe() }
        let status = try RuntimeProcess.run(
            runtime, arguments: [runtime.binary, "features"], output: pipe.writeEnd.rawValue)
        let readEnd = pipe.takeReadEnd()
        if status != 0 { return nil }
        return try during("read the runtime's features") { () throws(Errno) in try readAll(readEnd.rawValue) }
    }
}
