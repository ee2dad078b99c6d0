// The options of a request: `criu_opts`. A field that is absent leaves CRIU its default.

package struct RequestOptions: Equatable, Sendable {
    /// Numbers in the table of the process that made the socket pair.
    package var imagesDirectory: Int32 = -1
    package var workDirectory: Int32?
    package var pid: Int32?
    package var leavesRunning = false
    package var allowsExternalSockets = false
    package var keepsConnections = false
    package var skipsConnectionsInFlight = false
    package var closesConnections = false
    package var isEvasiveAboutDevices = false
    package var isShellJob = false
    package var keepsFileLocks = false
    package var logLevel: Int32?
    package var logFile: String?
    package var pageServer: PageServer?
    package var notifies = false
    package var root: String?
    package var parentImages: String?
    package var tracksMemory = false
    package var deduplicates = false
    package var linksDeletedFiles = false
    package var externalMounts: [KeyedPath] = []
    package var external: [String] = []
    package var cgroupRoots: [(controllers: String?, path: String)] = []
    package var cgroupsMode: CgroupsMode?
    /// Whether the restored process becomes the child of CRIU's parent.
    package var restoresSibling = false
    package var inherited: [KeyedDescriptor] = []
    /// Clone flags; the network namespace is the only kind that can be left empty.
    package var emptyNamespaces: UInt32?
    package var joinedNamespaces: [KeyedPath] = []
    package var freezeCgroup: String?
    package var timeout: UInt32?
    package var hasLazyPages = false
    package var statusDescriptor: Int32?
    package var sendsOrphanTerminals = false
    package var configFile: String?
    package var securityProfile: String?
    package var securityMountContext: String?
    package var networkLock: NetworkLock?

    package init() {}

    func write(to writer: inout WireWriter) {
        writer.signed(1, imagesDirectory)
        writer.signed(2, pid)
        writer.setFlag(3, leavesRunning)
        writer.setFlag(4, allowsExternalSockets)
        writer.setFlag(5, keepsConnections)
        writer.setFlag(6, isEvasiveAboutDevices)
        writer.setFlag(7, isShellJob)
        writer.setFlag(8, keepsFileLocks)
        writer.signed(9, logLevel)
        writer.text(10, logFile)
        if let pageServer {
            writer.message(11) { writer in
                writer.text(1, pageServer.address)
                writer.signed(2, pageServer.port)
            }
        }
        writer.setFlag(12, notifies)
        writer.text(13, root)
        writer.text(14, parentImages)
        writer.setFlag(15, tracksMemory)
        writer.setFlag(16, deduplicates)
        writer.signed(17, workDirectory)
        writer.setFlag(18, linksDeletedFiles)
        for mount in externalMounts {
            writer.message(23) { writer in
                writer.text(1, mount.key)
                writer.text(2, mount.value)
            }
        }
        writeCgroups(to: &writer)
        writer.setFlag(26, restoresSibling)
        for entry in inherited {
            writer.message(27) { writer in
                writer.text(1, entry.key)
                writer.signed(2, entry.number)
            }
        }
        writeLater(to: &writer)
    }

    private func writeCgroups(to writer: inout WireWriter) {
        // The older field is asked before the newer one is.
        if cgroupsMode != nil { writer.flag(24, true) }
        for root in cgroupRoots {
            writer.message(25) { writer in
                writer.text(1, root.controllers)
                writer.text(2, root.path)
            }
        }
        // Present also for `ignore`, which is zero.
        writer.signed(34, cgroupsMode?.rawValue)
    }

    private func writeLater(to writer: inout WireWriter) {
        writer.texts(37, external)
        writer.number(38, emptyNamespaces.map(UInt64.init))
        for namespace in joinedNamespaces {
            writer.message(39) { writer in
                writer.text(1, namespace.key)
                writer.text(2, namespace.value)
            }
        }
        writer.text(44, freezeCgroup)
        writer.number(45, timeout.map(UInt64.init))
        writer.setFlag(46, skipsConnectionsInFlight)
        writer.setFlag(48, hasLazyPages)
        writer.signed(49, statusDescriptor)
        writer.setFlag(50, sendsOrphanTerminals)
        writer.text(51, configFile)
        writer.setFlag(52, closesConnections)
        writer.text(53, securityProfile)
        writer.text(63, securityMountContext)
        writer.signed(64, networkLock?.rawValue)
    }

    package static func == (left: Self, right: Self) -> Bool {
        left.bytes == right.bytes
    }

    private var bytes: [UInt8] {
        var writer = WireWriter()
        write(to: &writer)
        return writer.bytes
    }
}
