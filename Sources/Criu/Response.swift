// The messages from CRIU: `criu_resp` of its images/rpc.proto.

/// A message from CRIU: an answer, or a notification, which has to be answered.
package struct Response: Equatable, Sendable {
    /// The number of a request's kind; an unknown one can still be named in an error.
    package var kind: Int32
    package var succeeded: Bool
    /// The pid of init after a restore that succeeded.
    package var restoredPid: Int32?
    package var notification: Notification?
    /// `cr_errno`; often 0.
    package var errorNumber: Int32 = 0
    /// The first complaint of the log, maybe a harmless one.
    package var errorMessage: String?
    package var features: KernelFeatures?
    package var version: CriuVersion?

    package func isAnswer(to kind: Request.Kind) -> Bool { self.kind == kind.rawValue }

    /// - Throws: it is no message.
    package init(_ bytes: [UInt8]) throws(WireError) {
        var reader = WireReader(bytes)
        var kind: Int32?
        var succeeded: Bool?
        var rest: [(UInt64, WireReader)] = []
        while let (field, value) = try reader.next() {
            switch field {
            case 1: kind = value.int32
            case 2: succeeded = value.flag
            case 7: errorNumber = value.int32 ?? 0
            case 9: errorMessage = value.text
            default: if let message = value.message { rest.append((field, message)) }
            }
        }
        guard let kind, let succeeded else { throw WireError(problem: "a required field is missing") }
        (self.kind, self.succeeded) = (kind, succeeded)
        for (field, message) in rest { try read(field, message) }
    }

    private mutating func read(_ field: UInt64, _ message: WireReader) throws(WireError) {
        var message = message
        switch field {
        case 4:
            while let (field, value) = try message.next() { if field == 1 { restoredPid = value.int32 } }
        case 5: notification = try Notification(&message)
        case 8:
            var found = KernelFeatures()
            while let (field, value) = try message.next() {
                if field == 1 { found.tracksMemory = value.flag ?? false }
                if field == 2 { found.hasLazyPages = value.flag ?? false }
            }
            features = found
        case 10: version = try CriuVersion(&message)
        default: break
        }
    }
}

/// A point of a dump or a restore at which CRIU waits for an answer. criu(8), "--action-script", has the names.
package struct Notification: Equatable, Sendable {
    package enum Moment: String, Sendable {
        case preDump = "pre-dump"
        case postDump = "post-dump"
        case preRestore = "pre-restore"
        case postRestore = "post-restore"
        case preResume = "pre-resume"
        case postResume = "post-resume"
        case networkLock = "network-lock"
        case networkUnlock = "network-unlock"
        case setupNamespaces = "setup-namespaces"
        case postSetupNamespaces = "post-setup-namespaces"
        case statusReady = "status-ready"
        case orphanTerminal = "orphan-pts-master"
        case queryExternalFiles = "query-ext-files"
    }

    /// nil for one that is not known here; the answer is yes.
    package var moment: Moment?
    /// The pid of init, in some notifications.
    package var pid: Int32?

    fileprivate init(_ reader: inout WireReader) throws(WireError) {
        while let (field, value) = try reader.next() {
            if field == 1 { moment = value.text.flatMap(Moment.init) }
            if field == 2 { pid = value.int32 }
        }
    }
}

/// A version of CRIU.
package struct CriuVersion: Equatable, Comparable, Sendable, CustomStringConvertible {
    package var major: Int32
    package var minor: Int32
    package var sublevel: Int32

    package init(_ major: Int32, _ minor: Int32, _ sublevel: Int32 = 0) {
        (self.major, self.minor, self.sublevel) = (major, minor, sublevel)
    }

    /// A build between two versions, which a git id tells, counts as the next.
    fileprivate init(_ reader: inout WireReader) throws(WireError) {
        self.init(0, 0)
        var isBetween = false
        while let (field, value) = try reader.next() {
            switch field {
            case 1: major = value.int32 ?? 0
            case 2: minor = value.int32 ?? 0
            case 3: isBetween = value.text?.isEmpty == false
            case 4: sublevel = value.int32 ?? 0
            default: break
            }
        }
        if isBetween { (minor, sublevel) = (minor + 1, 0) }
    }

    package static func < (left: Self, right: Self) -> Bool {
        (left.major, left.minor, left.sublevel) < (right.major, right.minor, right.sublevel)
    }

    package var description: String { sublevel == 0 ? "\(major).\(minor)" : "\(major).\(minor).\(sublevel)" }
}
