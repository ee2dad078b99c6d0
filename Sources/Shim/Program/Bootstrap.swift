// The two start protocols of containerd, which differ in the content of standard input.

internal import FoundationEssentials
internal import OCISpec
package import ShimAPI
package import SwiftProtobuf
internal import TTRPC

/// The request that containerd sends to a shim that it starts.
package enum StartRequest: Equatable, Sendable {
    /// containerd 2.2 and earlier: runtime options, or nothing.
    case options(Google_Protobuf_Any?)
    /// containerd 2.3 and later.
    case parameters(BootstrapParams)

    /// The most that is read from standard input.
    package static let longest = 10 << 20

    /// Decides which protocol the caller uses.
    ///
    /// Both messages start with two length-delimited fields, so either can be decoded as the other. The command line
    /// tells them apart: the newer message repeats its values.
    package init(_ bytes: [UInt8], id: String, namespace: String) throws(ShimFailure) {
        if bytes.isEmpty {
            self = .options(nil)
        } else if let parameters = try? BootstrapParams(serializedBytes: bytes),
            parameters.instanceID == id, parameters.namespace == namespace
        {
            self = .parameters(parameters)
        } else if let options = try? Google_Protobuf_Any(serializedBytes: bytes) {
            self = .options(options)
        } else {
            throw ShimFailure("standard input: neither bootstrap parameters nor runtime options")
        }
    }

    /// The caller's runtime options.
    package var options: Google_Protobuf_Any? {
        switch self {
        case .options(let options): options
        case .parameters(let parameters):
            parameters.extensions.lazy.map(\.value).first { RuntimeOptionsKind($0) != nil }
        }
    }

    /// The answer that this caller reads: where the shim listens.
    /// - Parameter isPod: whether a pod's shim is started, which containerd does from 2.0 on.
    package func answer(address: String, isPod: Bool = false) -> [UInt8] {
        switch self {
        case .options where isPod:
            // With version 3 containers of the pod are made without a start and a delete for each.
            let result: JSONValue = ["version": .number("3"), "address": .string(address), "protocol": "ttrpc"]
            return result.json()
        case .options:
            // Every containerd before 2.3 accepts the bare address; 1.6 accepts nothing else.
            return Array(address.utf8)
        case .parameters:
            var result = BootstrapResult()
            result.version = 3
            result.address = address
            result.protocol = "ttrpc"
            return (try? result.serializedBytes()) ?? []
        }
    }
}
