// The requests to CRIU: `criu_req` and `criu_opts` of its images/rpc.proto, with the numbers of their fields.

/// A request.
package struct Request: Equatable, Sendable {
    /// `criu_req_type`.
    package enum Kind: Int32, Sendable {
        case empty = 0
        case dump, restore, check, preDump, pageServer, notify, cpuInfoDump, cpuInfoCheck, featureCheck, version
        case waitPid, pageServerChild, singlePreDump
    }

    package var kind: Kind
    package var options: RequestOptions?
    /// Whether CRIU may continue; set in the answer to a notification.
    package var notifySucceeded: Bool?
    /// Whether further requests follow on the same socket.
    package var keepsOpen = false
    /// The features of the kernel that are asked for, with ``Kind/featureCheck``.
    package var features: KernelFeatures?

    package init(_ kind: Kind, options: RequestOptions? = nil) {
        self.kind = kind
        self.options = options
    }

    /// The answer to a notification.
    package static func answer(_ succeeded: Bool) -> Request {
        var request = Request(.notify)
        request.notifySucceeded = succeeded
        return request
    }

    package var bytes: [UInt8] {
        var writer = WireWriter()
        writer.signed(1, kind.rawValue)
        if let options { writer.message(2, options.write) }
        writer.flag(3, notifySucceeded)
        writer.setFlag(4, keepsOpen)
        if let features {
            writer.message(5) { writer in
                writer.setFlag(1, features.tracksMemory)
                writer.setFlag(2, features.hasLazyPages)
            }
        }
        return writer.bytes
    }
}

/// Features of a kernel, in a question or an answer.
package struct KernelFeatures: Equatable, Sendable {
    /// Which pages were written to since the last look (CONFIG_MEM_SOFT_DIRTY).
    package var tracksMemory: Bool
    /// Pages that are fetched when they are touched (userfaultfd).
    package var hasLazyPages: Bool
    package init(tracksMemory: Bool = false, hasLazyPages: Bool = false) {
        self.tracksMemory = tracksMemory
        self.hasLazyPages = hasLazyPages
    }
}
