// `-info`: what this shim and the runtime behind it can do.

internal import CLinux
internal import Glibc
internal import Kernel
internal import ShimAPI
internal import SwiftProtobuf

/// The helper that containerd asks once before the first container.
struct InfoCommand {
    static let version = CLINUX_PROJECT_VERSION

    /// Returns what goes to standard output.
    func run() throws(ShimFailure) -> [UInt8] {
        let input = try StartRequest.readInput()
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
        // A pipe would have to be read meanwhile, and might be kept open by somebody else afterwards.
        let output = try during("make a file in memory") { () throws(Errno) in
            let closeOnExec: UInt32 = 1  // MFD_CLOEXEC
            return OwnedDescriptor(adopting: try checked { clinux_memfd_create("features", closeOnExec) })
        }
        let status = try RuntimeProcess.run(
            runtime, arguments: [runtime.binary, "features"], output: output.rawValue)
        if status != 0 { return nil }
        return try during("read the runtime's features") { () throws(Errno) in
            try checked { lseek(output.rawValue, 0, SEEK_SET) }
            return try readAll(output.rawValue)
        }
    }
}
