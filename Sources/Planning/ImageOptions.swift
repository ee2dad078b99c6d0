// The options of `checkpoint` and `restore`, and the values of their flags.

package import enum Criu.CgroupsMode
package import enum Criu.NetworkLock
package import struct Criu.PageServer
package import OCISpec

/// The flags that both commands have.
package struct ImageOptions: Equatable, Sendable {
    /// Absolute.
    package var imagePath = ""
    package var workPath: String?
    package var keepsConnections = false
    package var allowsExternalSockets = false
    package var isShellJob = false
    package var keepsFileLocks = false
    package var hasLazyPages = false
    package var deduplicates = false
    /// nil: as is best for containers.
    package var cgroupsMode: CgroupsMode?
    package var networkLock: NetworkLock?
    package init() {}
}

/// The options of `checkpoint`.
package struct CheckpointOptions: Equatable, Sendable {
    package var image = ImageOptions()
    /// Relative to the image path.
    package var parentPath: String?
    package var leavesRunning = false
    package var isPreDump = false
    package var skipsConnectionsInFlight = false
    package var linksDeletedFiles = false
    package var pageServer: PageServer?
    package var statusDescriptor: Int32?
    package init() {}
}

/// The options of `restore` besides those of `create`.
package struct RestoreOptions: Equatable, Sendable {
    package var image = ImageOptions()
    package var isDetached = false
    package var withoutSubreaper = false
    package var closesConnections = false
    /// Without the type, which CRIU wants in front of it: `apparmor:NAME`.
    package var securityProfile: String?
    package var securityMountContext: String?
    /// Whether an image may hold more rights than the config grants.
    package var allowsDifferingImage = false
    package init() {}
}

extension ImageOptions {
    /// The mode behind `--manage-cgroups-mode`.
    package static func cgroupsMode(named name: String) throws(InvalidSpec) -> CgroupsMode? {
        switch name {
        case "": return nil
        case "soft": return .soft
        case "full": return .full
        case "strict": return .strict
        case "ignore": return .ignore
        default:
            throw InvalidSpec(
                keyPath: "--manage-cgroups-mode",
                problem: "invalid manage-cgroups-mode \"\(name)\": soft, full, strict and ignore are known")
        }
    }

    /// The method behind `--network-lock`.
    package static func networkLock(named name: String) throws(InvalidSpec) -> NetworkLock {
        switch name {
        case "iptables": return .iptables
        case "nftables": return .nftables
        case "skip": return .skip
        default:
            throw InvalidSpec(
                keyPath: "--network-lock",
                problem: "invalid network lock \"\(name)\": iptables, nftables and skip are known")
        }
    }

    /// The place behind `--page-server`; the address may be one of IPv6 in brackets.
    package static func pageServer(_ text: String) throws(InvalidSpec) -> PageServer {
        let colon = text.utf8.lastIndex(of: UInt8(ascii: ":"))
        guard let colon, let port = Int32(text[text.utf8.index(after: colon)...]), (1...65535).contains(port) else {
            throw InvalidSpec(
                keyPath: "--page-server", problem: "\"\(text)\": use --page-server ADDRESS:PORT to set a page server")
        }
        var address = text[..<colon]
        if address.first == "[", address.last == "]" { address = address.dropFirst().dropLast() }
        return PageServer(address: address.isEmpty ? nil : String(address), port: port)
    }

    /// The profile behind `--lsm-profile`.
    package static func securityProfile(_ text: String) throws(InvalidSpec) -> String {
        let type = text.prefix { $0 != ":" }
        guard ["apparmor", "selinux", "none"].contains(type), type == "none" || type.utf8.count + 1 < text.utf8.count
        else {
            throw InvalidSpec(
                keyPath: "--lsm-profile",
                problem: "\"\(text)\" is none of apparmor:NAME, selinux:LABEL and none")
        }
        return text
    }
}

extension CheckpointOptions {
    /// Refuses flags that contradict each other.
    package func check() throws(InvalidSpec) {
        if let parentPath, parentPath.hasPrefix("/") {
            throw InvalidSpec(
                keyPath: "--parent-path", problem: "\"\(parentPath)\" is absolute: it is relative to the image path")
        }
        if image.hasLazyPages, pageServer == nil {
            throw InvalidSpec(
                keyPath: "--lazy-pages", problem: "needs --page-server, which says where the pages are served")
        }
        if image.hasLazyPages, isPreDump {
            throw InvalidSpec(keyPath: "--lazy-pages", problem: "has no meaning with --pre-dump")
        }
        if statusDescriptor != nil, !image.hasLazyPages {
            throw InvalidSpec(
                keyPath: "--status-fd", problem: "is written to with --lazy-pages only, when the page server listens")
        }
    }
}
